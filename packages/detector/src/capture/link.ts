/**
 * From a frame to its IP packet: Ethernet with VLAN tags, raw IP, Linux cooked captures, the loopback headers of BSD.
 *
 * @module
 */
import { u16be, u32be, u32le } from './number.ts'
import type { SkipReason } from './packet.ts'

/** Link types as the registry of tcpdump.org numbers them. */
export const LINK = {
  null: 0,
  ethernet: 1,
  raw: 101,
  loop: 108,
  cooked: 113,
  ipv4: 228,
  ipv6: 229,
  cooked2: 276,
} as const

const IPV4 = 0x0800
const IPV6 = 0x86dd
/** 802.1Q, 802.1ad, and the number that QinQ had before. */
const isVlan = (type: number): boolean => type === 0x8100 || type === 0x88a8 || type === 0x9100
const MAX_VLAN_TAGS = 4
/** Below it the field is a length: 802.3 with LLC. */
const MIN_ETHERTYPE = 0x0600

/** AF_INET6 of Linux, the BSDs and Darwin; AF_INET is 2 on all. */
const AF_INET = 2
const isInet6 = (family: number): boolean => family === 10 || family === 24 || family === 28 || family === 30

/** Where the IP packet starts; `version` is 0 where the link header does not say. */
export interface Inside {
  offset: number
  version: 0 | 4 | 6
}

/** Finds the IP packet of the frame `data[start, end)`. Gives the reason when there is none. */
export function enterLink(
  data: Uint8Array,
  start: number,
  end: number,
  linkType: number,
  inside: Inside,
): SkipReason | undefined {
  switch (linkType) {
    case LINK.ethernet:
      return end - start < 14 ? 'link-cut' : enterEthertype(data, start + 14, end, u16be(data, start + 12), inside)
    case LINK.raw:
      return enter(inside, start, 0)
    case LINK.ipv4:
      return enter(inside, start, 4)
    case LINK.ipv6:
      return enter(inside, start, 6)
    case LINK.cooked:
      return end - start < 16 ? 'link-cut' : enterEthertype(data, start + 16, end, u16be(data, start + 14), inside)
    case LINK.cooked2:
      return end - start < 20 ? 'link-cut' : enterEthertype(data, start + 20, end, u16be(data, start), inside)
    case LINK.null:
    case LINK.loop:
      return end - start < 4 ? 'link-cut' : enterFamily(data, start, linkType, inside)
    default:
      return 'link-unsupported'
  }
}

function enter(inside: Inside, offset: number, version: 0 | 4 | 6): undefined {
  inside.offset = offset
  inside.version = version
}

function enterEthertype(
  data: Uint8Array,
  offset: number,
  end: number,
  ethertype: number,
  inside: Inside,
): SkipReason | undefined {
  let at = offset
  let type = ethertype
  for (let tags = 0; isVlan(type); tags++) {
    if (tags === MAX_VLAN_TAGS) return 'vlan-depth'
    if (end - at < 4) return 'link-cut'
    type = u16be(data, at + 2)
    at += 4
  }
  if (type < MIN_ETHERTYPE) {
    if (end - at < 8) return 'not-ip'
    // LLC of SNAP with the organisation 0: an Ethertype follows.
    if (u32be(data, at) !== 0xaaaa0300 || u16be(data, at + 4) !== 0) return 'not-ip'
    type = u16be(data, at + 6)
    at += 8
  }
  if (type === IPV4) return enter(inside, at, 4)
  return type === IPV6 ? enter(inside, at, 6) : 'not-ip'
}

/** The family is in the order of whoever captured (null), or big-endian (loop): the small number is the right reading. */
function enterFamily(data: Uint8Array, start: number, linkType: number, inside: Inside): SkipReason | undefined {
  const big = u32be(data, start)
  const family = linkType === LINK.loop ? big : Math.min(big, u32le(data, start))
  if (family === AF_INET) return enter(inside, start + 4, 4)
  return isInet6(family) ? enter(inside, start + 4, 6) : 'not-ip'
}
