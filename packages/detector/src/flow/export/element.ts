/**
 * The information elements that have a place in a {@link FlowRecord}, as a table. NetFlow v9 has the same numbers up to 127.
 * Source: the registry "IP Flow Information Export (IPFIX) Entities" of IANA.
 *
 * @module
 */
import { u32be } from '../../capture/number.ts'
import { sinceBoot } from './netflow5.ts'
import type { EmptyRecord } from './record.ts'

/** When the message was sent and, in NetFlow v9, how long its exporter ran then. */
export interface Clock {
  readonly sentMs: number
  readonly uptimeMs: number | undefined
  readonly bootMs: number | undefined
}

/** One field: `data[at, at + length)`. */
type Put = (record: EmptyRecord, data: Uint8Array, at: number, length: number, clock: Clock) => void

interface Element {
  /** Lengths that it may have, both included: a shorter number is allowed (RFC 7011 section 6.2). */
  readonly bytes: readonly [min: number, max: number]
  readonly put: Put
}

/** An unsigned number of up to 8 bytes. */
export function unsigned(data: Uint8Array, at: number, length: number): bigint {
  let value = 0n
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(data[at + i]!)
  return value
}

const number = (data: Uint8Array, at: number, length: number): number => Number(unsigned(data, at, length))

type Numeric = 'ipProtocol' | 'sourcePort' | 'destinationPort' | 'icmpTypeCode' | 'samplingEvery'

const count = (field: 'packets' | 'bytes'): Element => ({
  bytes: [1, 8],
  put: (record, data, at, length) => {
    record[field] = unsigned(data, at, length)
  },
})
const small = (field: Numeric, max: number): Element => ({
  bytes: [1, max],
  put: (record, data, at, length) => {
    record[field] = number(data, at, length)
  },
})
const address = (field: 'source' | 'destination', length: number): Element => ({
  bytes: [length, length],
  put: (record, data, at) => {
    record[field] = data.slice(at, at + length)
  },
})
type Moment = (data: Uint8Array, at: number, length: number, clock: Clock) => number | undefined
const time = (field: 'startMs' | 'endMs', min: number, max: number, toMs: Moment): Element => ({
  bytes: [min, max],
  put: (record, data, at, length, clock) => {
    record[field] = toMs(data, at, length, clock)
  },
})

const fromSeconds: Moment = (data, at, length) => number(data, at, length) * 1000
const fromMilliseconds: Moment = (data, at, length) => number(data, at, length)
/** RFC 7011 section 6.1.9: seconds since 1900 and a fraction of 2^-32, as NTP counts. */
const fromNtp: Moment = (data, at) => (u32be(data, at) - 2_208_988_800) * 1000 + (u32be(data, at + 4) / 2 ** 32) * 1000
const fromDelta: Moment = (data, at, length, { sentMs }) => sentMs - number(data, at, length) / 1000
const fromUptime: Moment = (data, at, length, { sentMs, uptimeMs, bootMs }) => {
  const thenMs = number(data, at, length)
  if (uptimeMs !== undefined) return sinceBoot(sentMs, uptimeMs, thenMs)
  return bootMs === undefined ? undefined : bootMs + thenMs
}

/** Flags are one byte in NetFlow v9; the second byte of IPFIX holds the reserved bits above them. */
const tcpFlags: Element = {
  bytes: [1, 2],
  put: (record, data, at, length) => {
    record.tcpFlags = data[at + length - 1]
  },
}

export const ELEMENTS: ReadonlyMap<number, Element> = new Map([
  [1, count('bytes')], // octetDeltaCount
  [2, count('packets')], // packetDeltaCount
  [4, small('ipProtocol', 1)], // protocolIdentifier
  [6, tcpFlags], // tcpControlBits
  [7, small('sourcePort', 2)], // sourceTransportPort
  [8, address('source', 4)], // sourceIPv4Address
  [11, small('destinationPort', 2)], // destinationTransportPort
  [12, address('destination', 4)], // destinationIPv4Address
  [21, time('endMs', 1, 4, fromUptime)], // flowEndSysUpTime
  [22, time('startMs', 1, 4, fromUptime)], // flowStartSysUpTime
  [27, address('source', 16)], // sourceIPv6Address
  [28, address('destination', 16)], // destinationIPv6Address
  [32, small('icmpTypeCode', 2)], // icmpTypeCodeIPv4
  [34, small('samplingEvery', 4)], // samplingInterval
  [50, small('samplingEvery', 4)], // samplerRandomInterval
  [85, count('bytes')], // octetTotalCount
  [86, count('packets')], // packetTotalCount
  [139, small('icmpTypeCode', 2)], // icmpTypeCodeIPv6
  [150, time('startMs', 4, 4, fromSeconds)], // flowStartSeconds
  [151, time('endMs', 4, 4, fromSeconds)],
  [152, time('startMs', 8, 8, fromMilliseconds)], // flowStartMilliseconds
  [153, time('endMs', 8, 8, fromMilliseconds)],
  [154, time('startMs', 8, 8, fromNtp)], // flowStartMicroseconds
  [155, time('endMs', 8, 8, fromNtp)],
  [156, time('startMs', 8, 8, fromNtp)], // flowStartNanoseconds
  [157, time('endMs', 8, 8, fromNtp)],
  [158, time('startMs', 1, 4, fromDelta)], // flowStartDeltaMicroseconds
  [159, time('endMs', 1, 4, fromDelta)],
])

/** systemInitTimeMilliseconds: what uptimes of IPFIX count from. */
export const BOOT_TIME = 160
/** One of how many packets: samplingPacketInterval are taken, then samplingPacketSpace are not (RFC 5477 section 8.2). */
export const SAMPLED = 305
export const SPARED = 306
