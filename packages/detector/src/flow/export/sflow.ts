/**
 * sFlow version 5: sampled packets, as raw headers or as fields of IPv4 and IPv6. Counters are skipped. Source: sflow.org,
 * "sFlow Version 5", July 2004.
 *
 * @module
 */
import { decodeFrame } from '../../capture/decode.ts'
import { LINK } from '../../capture/link.ts'
import { i32be, u32be } from '../../capture/number.ts'
import { newPacket, type Packet } from '../../capture/packet.ts'
import { type Arrival, type EmptyRecord, emptyRecord } from './record.ts'

const FLOW_SAMPLE = 1
const EXPANDED_FLOW_SAMPLE = 3
const RAW_HEADER = 1
const IPV4_FIELDS = 3
const IPV6_FIELDS = 4
/** Protocols of raw headers that are read. */
const LINKS: ReadonlyMap<number, number> = new Map([
  [1, LINK.ethernet],
  [11, LINK.ipv4],
  [12, LINK.ipv6],
])

const packet = newPacket()

export function readSflow5(arrival: Arrival): void {
  const { data, counts } = arrival
  const addressBytes = data.length < 8 ? 0 : ({ 1: 4, 2: 16 }[u32be(data, 4)] ?? 0)
  const from = 8 + addressBytes + 16
  if (addressBytes === 0 || data.length < from) {
    counts.malformed++
    return
  }
  const domain = u32be(data, 8 + addressBytes)
  const isWhole = walkEntries(data, from, data.length, u32be(data, from - 4), (format, at, end) => {
    if (format !== FLOW_SAMPLE && format !== EXPANDED_FLOW_SAMPLE) {
      counts.otherSamples++
      return true
    }
    return readSample(arrival, domain, at, end, format === EXPANDED_FLOW_SAMPLE)
  })
  if (!isWhole) counts.malformed++
}

/**
 * Entries of a format, a length and so many bytes. False when one reaches past the end, or `onEntry` says so of one. The
 * count is only a bound: each entry takes eight bytes at least.
 */
function walkEntries(
  data: Uint8Array,
  from: number,
  stop: number,
  count: number,
  onEntry: (format: number, at: number, end: number) => boolean,
): boolean {
  let at = from
  for (let i = 0; i < count; i++) {
    if (stop - at < 8) return false
    const length = u32be(data, at + 4)
    if (length > stop - at - 8) return false
    if (!onEntry(u32be(data, at), at + 8, at + 8 + length)) return false
    // XDR: to a multiple of four.
    at += 8 + Math.ceil(length / 4) * 4
  }
  return true
}

function readSample(arrival: Arrival, domain: number, at: number, end: number, isExpanded: boolean): boolean {
  const { data, exporter, nowMs, counts, onRecord } = arrival
  const header = isExpanded ? 44 : 32
  if (end - at < header) return false
  const record = emptyRecord('sflow5', exporter, domain)
  const every = u32be(data, at + (isExpanded ? 12 : 8))
  if (every > 0) record.samplingEvery = every
  record.startMs = record.endMs = nowMs
  record.packets = 1n
  let isRead = false
  const isWhole = walkEntries(data, at + header, end, u32be(data, at + header - 4), (format, from, to) => {
    // A raw header and its fields may both be there: the first that can be read is taken.
    isRead ||= putFlow(record, data, format, from, to)
    return true
  })
  if (!isWhole) return false
  if (isRead) {
    counts.records++
    onRecord(record)
  } else counts.unreadableSamples++
  return true
}

function putFlow(record: EmptyRecord, data: Uint8Array, format: number, at: number, end: number): boolean {
  if (format === RAW_HEADER) return putHeader(record, data, at, end)
  const addressBytes = format === IPV4_FIELDS ? 4 : 16
  if ((format !== IPV4_FIELDS && format !== IPV6_FIELDS) || end - at < 24 + 2 * addressBytes) return false
  const ports = at + 8 + 2 * addressBytes
  record.bytes = BigInt(u32be(data, at))
  record.ipProtocol = u32be(data, at + 4)
  record.source = data.slice(at + 8, at + 8 + addressBytes)
  record.destination = data.slice(at + 8 + addressBytes, ports)
  record.sourcePort = u32be(data, ports)
  record.destinationPort = u32be(data, ports + 4)
  record.tcpFlags = u32be(data, ports + 8)
  return true
}

function putHeader(record: EmptyRecord, data: Uint8Array, at: number, end: number): boolean {
  if (end - at < 16) return false
  const linkType = LINKS.get(u32be(data, at))
  const length = u32be(data, at + 12)
  if (linkType === undefined || length > end - at - 16) return false
  const start = at + 16
  const wireBytes = Math.max(u32be(data, at + 4), length)
  const reason = decodeFrame({ data, start, end: start + length, wireBytes, timeUs: Number.NaN, linkType }, packet)
  if (reason !== undefined) return false
  putPacket(record, packet)
  return true
}

function putPacket(record: EmptyRecord, of: Packet): void {
  record.bytes = BigInt(of.ipBytes)
  record.ipProtocol = of.protocol
  record.source = addressOf(of.version, of.source0, of.source1, of.source2, of.source3)
  record.destination = addressOf(of.version, of.destination0, of.destination1, of.destination2, of.destination3)
  record.sourcePort = of.sourcePort
  record.destinationPort = of.destinationPort
  record.tcpFlags = of.tcpFlags
  if (of.icmpType >= 0) record.icmpTypeCode = (of.icmpType << 8) | of.icmpCode
}

function addressOf(version: 4 | 6, ...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setInt32(i * 4, word)
  return version === 4 ? bytes.slice(12) : bytes
}

/** True when the datagram is of sFlow version 5: others start with two bytes of version. */
export const isSflow5 = (data: Uint8Array): boolean => data.length >= 4 && i32be(data, 0) === 5
