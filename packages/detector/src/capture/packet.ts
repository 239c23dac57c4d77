/**
 * One packet's headers as a flat record. One object is filled again and again: whoever wants to keep a field copies it.
 *
 * @module
 */

/** Why a frame gave no packet. Counted, never thrown: a capture of a real network holds all of these. */
export const SKIP_REASONS = [
  /** The capture's link type is none that is read here. */
  'link-unsupported',
  /** ARP, MPLS, 802.3 without SNAP and all else that is not IP. */
  'not-ip',
  /** The captured bytes end inside the link header. */
  'link-cut',
  /** More than four VLAN tags. */
  'vlan-depth',
  /** The captured bytes end inside the IP header or one of its extension headers. */
  'ip-cut',
  /** The version field is not the one that the link header promised. */
  'ip-version',
  /** A length field of the IP header is less than the header or more than the frame held. */
  'ip-length',
  /** An IPv4 option reaches past the header. */
  'ip-options',
  /** More than eight IPv6 extension headers. */
  'ip-extensions',
  /** A fragment that would end behind byte 65,535 of its datagram. */
  'ip-fragment',
  /** The captured bytes, or the datagram, end inside the TCP, UDP or ICMP header. */
  'transport-cut',
  /** A data offset of TCP or a length of UDP that cannot be. */
  'transport-length',
] as const

export type SkipReason = (typeof SKIP_REASONS)[number]

/** Protocol numbers of IP that the windows look at. */
export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const ICMP_V6 = 58

/** Bits of `tcpFlags`. */
export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20
export const ECE = 0x40
export const CWR = 0x80

/** No fragment; the first one, which holds the transport header; a later one, which holds none. */
export const WHOLE = 0
export const FIRST_FRAGMENT = 1
export const LATER_FRAGMENT = 2

/**
 * The headers of one IP packet. Addresses are four signed 32-bit words, an IPv4 address as `::ffff:a.b.c.d`, so that both
 * families compare and hash alike.
 */
export interface Packet {
  /** Microseconds since 1970, with a fraction where the capture has nanoseconds; NaN when it carries no time. */
  timeUs: number
  /** Bytes on the wire, link header included, also where the capture cut the frame. */
  wireBytes: number
  version: 4 | 6
  /** Number of IANA of the first header that is no IPv6 extension. */
  protocol: number
  source0: number
  source1: number
  source2: number
  source3: number
  destination0: number
  destination1: number
  destination2: number
  destination3: number
  /** Bytes of the IP packet, header included. */
  ipBytes: number
  /** Bytes of IPv4 options or IPv6 extension headers. */
  extraBytes: number
  fragment: typeof WHOLE | typeof FIRST_FRAGMENT | typeof LATER_FRAGMENT
  /** 0 where the packet has none. */
  sourcePort: number
  destinationPort: number
  /** 0 for all but TCP. */
  tcpFlags: number
  tcpWindow: number
  tcpOptionBytes: number
  /** -1 for all but ICMP. */
  icmpType: number
  icmpCode: number
  /** Bytes behind the transport header; behind the IP header where the transport is not read. */
  payloadBytes: number
}

/** A record to decode into. */
export const newPacket = (): Packet => ({
  timeUs: Number.NaN,
  wireBytes: 0,
  version: 4,
  protocol: 0,
  source0: 0,
  source1: 0,
  source2: 0,
  source3: 0,
  destination0: 0,
  destination1: 0,
  destination2: 0,
  destination3: 0,
  ipBytes: 0,
  extraBytes: 0,
  fragment: WHOLE,
  sourcePort: 0,
  destinationPort: 0,
  tcpFlags: 0,
  tcpWindow: 0,
  tcpOptionBytes: 0,
  icmpType: -1,
  icmpCode: -1,
  payloadBytes: 0,
})

/** Counts by reason, all zero. */
export const noSkips = (): Record<SkipReason, number> =>
  Object.fromEntries(SKIP_REASONS.map((reason) => [reason, 0])) as Record<SkipReason, number>
