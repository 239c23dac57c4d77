/**
 * From a frame to a {@link Packet}: IPv4 (RFC 791), IPv6 with its extension headers (RFC 8200), TCP (RFC 9293), UDP
 * (RFC 768), ICMP (RFC 792, RFC 4443). Attacker-controlled bytes: every read is inside the captured bytes, every chain is
 * bounded.
 *
 * @module
 */

import type { Frame } from './frame.ts'
import { enterLink, type Inside } from './link.ts'
import { i32be, u16be } from './number.ts'
import {
  FIRST_FRAGMENT,
  ICMP,
  ICMP_V6,
  LATER_FRAGMENT,
  type Packet,
  type SkipReason,
  TCP,
  UDP,
  WHOLE,
} from './packet.ts'

const MAX_EXTENSIONS = 8
const MAX_DATAGRAM = 65_535

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const NO_NEXT = 59
const DESTINATION = 60
const MOBILITY = 135
const HIP = 139
const SHIM6 = 140

const inside: Inside = { offset: 0, version: 0 }

/**
 * Fills `packet` from one frame; gives the reason when the frame holds no packet that can be read, and `packet` is then
 * not to be used. Never throws. Cost: the headers are read once, nothing is allocated.
 */
export function decodeFrame(frame: Frame, packet: Packet): SkipReason | undefined {
  const { data, start, end } = frame
  const reason = enterLink(data, start, end, frame.linkType, inside)
  if (reason !== undefined) return reason
  packet.timeUs = frame.timeUs
  packet.wireBytes = frame.wireBytes
  const at = inside.offset
  return decodeIp(data, at, end, frame.wireBytes - (at - start), inside.version, packet)
}

/**
 * Fills `packet` from an IP packet that starts at `at` and of which the bytes up to `end` were captured. `onWire`: bytes
 * from `at` that the wire carried. `timeUs` and `wireBytes` stay as they are.
 */
export function decodeIp(
  data: Uint8Array,
  at: number,
  end: number,
  onWire: number,
  promised: 0 | 4 | 6,
  packet: Packet,
): SkipReason | undefined {
  if (at >= end) return 'ip-cut'
  const version = data[at]! >> 4
  if ((version !== 4 && version !== 6) || (promised !== 0 && version !== promised)) return 'ip-version'
  packet.version = version
  packet.fragment = WHOLE
  packet.sourcePort = 0
  packet.destinationPort = 0
  packet.tcpFlags = 0
  packet.tcpWindow = 0
  packet.tcpOptionBytes = 0
  packet.icmpType = -1
  packet.icmpCode = -1
  return version === 4 ? decodeV4(data, at, end, onWire, packet) : decodeV6(data, at, end, onWire, packet)
}

function decodeV4(data: Uint8Array, at: number, end: number, onWire: number, packet: Packet): SkipReason | undefined {
  if (end - at < 20) return 'ip-cut'
  const headerBytes = (data[at]! & 0x0f) * 4
  // 0: the network card splits it later (segmentation offload), the length is the frame's.
  const totalBytes = u16be(data, at + 2) || onWire
  if (headerBytes < 20 || totalBytes < headerBytes || totalBytes > onWire) return 'ip-length'
  if (end - at < headerBytes) return 'ip-cut'
  if (headerBytes > 20 && !optionsFit(data, at + 20, at + headerBytes)) return 'ip-options'
  const flags = u16be(data, at + 6)
  const offset = (flags & 0x1fff) * 8
  if (offset + totalBytes - headerBytes > MAX_DATAGRAM && onWire <= MAX_DATAGRAM) return 'ip-fragment'
  packet.protocol = data[at + 9]!
  packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
  packet.source2 = packet.destination2 = 0xffff
  packet.source3 = i32be(data, at + 12)
  packet.destination3 = i32be(data, at + 16)
  packet.ipBytes = totalBytes
  packet.extraBytes = headerBytes - 20
  if (offset !== 0) packet.fragment = LATER_FRAGMENT
  else if ((flags & 0x2000) !== 0) packet.fragment = FIRST_FRAGMENT
  return decodeTransport(data, at + headerBytes, end, totalBytes - headerBytes, packet)
}

/** RFC 791 section 3.1: end of list, no operation, or kind and length. */
function optionsFit(data: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    const kind = data[at]!
    if (kind === 0) return true
    if (kind === 1) {
      at += 1
      continue
    }
    if (at + 1 >= to) return false
    const length = data[at + 1]!
    if (length < 2 || at + length > to) return false
    at += length
  }
  return true
}

function decodeV6(data: Uint8Array, at: number, end: number, onWire: number, packet: Packet): SkipReason | undefined {
  if (end - at < 40) return 'ip-cut'
  // 0: a jumbogram or segmentation offload.
  const payloadBytes = u16be(data, at + 4) || onWire - 40
  if (payloadBytes < 0 || 40 + payloadBytes > onWire) return 'ip-length'
  packet.source0 = i32be(data, at + 8)
  packet.source1 = i32be(data, at + 12)
  packet.source2 = i32be(data, at + 16)
  packet.source3 = i32be(data, at + 20)
  packet.destination0 = i32be(data, at + 24)
  packet.destination1 = i32be(data, at + 28)
  packet.destination2 = i32be(data, at + 32)
  packet.destination3 = i32be(data, at + 36)
  packet.ipBytes = 40 + payloadBytes
  return walkExtensions(data, at + 40, end, at + 40 + payloadBytes, data[at + 6]!, packet)
}

/** RFC 8200 section 4. `stop`: where the packet ends, captured or not. */
function walkExtensions(
  data: Uint8Array,
  from: number,
  end: number,
  stop: number,
  first: number,
  packet: Packet,
): SkipReason | undefined {
  let at = from
  let next = first
  for (let depth = 0; isExtension(next) && packet.fragment !== LATER_FRAGMENT; depth++) {
    if (depth === MAX_EXTENSIONS) return 'ip-extensions'
    if (end - at < 8) return stop - at < 8 ? 'ip-length' : 'ip-cut'
    const length = extensionBytes(next, data[at + 1]!)
    if (at + length > stop) return 'ip-length'
    if (next === FRAGMENT) {
      const flags = u16be(data, at + 2)
      const offset = flags & 0xfff8
      if (offset + stop - at - 8 > MAX_DATAGRAM) return 'ip-fragment'
      if (offset !== 0) packet.fragment = LATER_FRAGMENT
      else if ((flags & 1) !== 0) packet.fragment = FIRST_FRAGMENT
    }
    next = data[at]!
    at += length
  }
  packet.protocol = next
  packet.extraBytes = at - from
  return decodeTransport(data, at, end, stop - at, packet)
}

function isExtension(next: number): boolean {
  return (
    next === HOP_BY_HOP ||
    next === ROUTING ||
    next === FRAGMENT ||
    next === AUTHENTICATION ||
    next === DESTINATION ||
    next === MOBILITY ||
    next === HIP ||
    next === SHIM6
  )
}

function extensionBytes(kind: number, field: number): number {
  if (kind === FRAGMENT) return 8
  // RFC 4302 section 2.2: in words of four bytes, less two.
  return kind === AUTHENTICATION ? (field + 2) * 4 : (field + 1) * 8
}

/** `length`: bytes that the datagram holds from `at`, captured or not. */
function decodeTransport(
  data: Uint8Array,
  at: number,
  end: number,
  length: number,
  packet: Packet,
): SkipReason | undefined {
  packet.payloadBytes = packet.protocol === NO_NEXT ? 0 : length
  if (packet.fragment === LATER_FRAGMENT) return undefined
  const captured = Math.min(end - at, length)
  switch (packet.protocol) {
    case TCP:
      return decodeTcp(data, at, captured, length, packet)
    case UDP:
      return decodeUdp(data, at, captured, length, packet)
    case ICMP:
    case ICMP_V6:
      if (captured < 4) return 'transport-cut'
      packet.icmpType = data[at]!
      packet.icmpCode = data[at + 1]!
      packet.payloadBytes = Math.max(0, length - 8)
      return undefined
    default:
      return undefined
  }
}

function decodeTcp(
  data: Uint8Array,
  at: number,
  captured: number,
  length: number,
  packet: Packet,
): SkipReason | undefined {
  if (captured < 20) return 'transport-cut'
  const headerBytes = (data[at + 12]! >> 4) * 4
  if (headerBytes < 20 || headerBytes > length) return 'transport-length'
  packet.sourcePort = u16be(data, at)
  packet.destinationPort = u16be(data, at + 2)
  packet.tcpFlags = data[at + 13]!
  packet.tcpWindow = u16be(data, at + 14)
  packet.tcpOptionBytes = headerBytes - 20
  packet.payloadBytes = length - headerBytes
  return undefined
}

function decodeUdp(
  data: Uint8Array,
  at: number,
  captured: number,
  length: number,
  packet: Packet,
): SkipReason | undefined {
  if (captured < 8) return 'transport-cut'
  const said = u16be(data, at + 4)
  // 0: a jumbogram (RFC 2675 section 4). Of a first fragment the field counts the whole datagram.
  if (said !== 0 && (said < 8 || (said > length && packet.fragment === WHOLE))) return 'transport-length'
  packet.sourcePort = u16be(data, at)
  packet.destinationPort = u16be(data, at + 2)
  packet.payloadBytes = (said === 0 || packet.fragment !== WHOLE ? length : said) - 8
  return undefined
}
