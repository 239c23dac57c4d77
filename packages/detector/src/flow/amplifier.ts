/**
 * Services over UDP that answer a small question with much, from their port. Used by rules only: a model that saw ports
 * would learn the networks of its captures.
 *
 * @module
 */

/** Port → service. Sources: CISA alert TA14-017A, and the registry of IANA for the numbers. */
export const AMPLIFIERS: ReadonlyMap<number, string> = new Map([
  [17, 'QOTD'],
  [19, 'CharGEN'],
  [53, 'DNS'],
  [69, 'TFTP'],
  [111, 'portmapper'],
  [123, 'NTP'],
  [137, 'NetBIOS'],
  [161, 'SNMP'],
  [177, 'XDMCP'],
  [389, 'CLDAP'],
  [427, 'SLP'],
  [500, 'IKE'],
  [520, 'RIP'],
  [623, 'IPMI'],
  [1434, 'MS-SQL'],
  [1900, 'SSDP'],
  [3283, 'Apple Remote Desktop'],
  [3389, 'RDP'],
  [3478, 'STUN'],
  [3702, 'WS-Discovery'],
  [5093, 'Sentinel'],
  [5351, 'NAT-PMP'],
  [5353, 'mDNS'],
  [5683, 'CoAP'],
  [10_001, 'Ubiquiti discovery'],
  [11_211, 'memcached'],
  [20_800, 'Call of Duty'],
  [27_015, 'Steam'],
  [27_960, 'Quake'],
  [32_414, 'Plex'],
  [33_848, 'Jenkins'],
  [37_020, 'SADP'],
  [37_810, 'DHCPDiscover of video recorders'],
  [47_808, 'BACnet'],
])
