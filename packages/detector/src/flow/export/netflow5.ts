/**
 * NetFlow version 5: a header of 24 bytes and up to 30 records of 48. Source: Cisco, "NetFlow Export Datagram Format".
 *
 * @module
 */
import { u16be, u32be } from '../../capture/number.ts'
import { type Arrival, emptyRecord } from './record.ts'

const HEADER = 24
const RECORD = 48
const MAX_RECORDS = 30

export function readNetflow5({ data, exporter, counts, onRecord }: Arrival): void {
  const count = data.length < HEADER ? 0 : u16be(data, 2)
  if (count === 0 || count > MAX_RECORDS || data.length !== HEADER + count * RECORD) {
    counts.malformed++
    return
  }
  const uptimeMs = u32be(data, 4)
  const sentMs = u32be(data, 8) * 1000 + u32be(data, 12) / 1e6
  // The upper two bits are the mode.
  const sampling = u16be(data, 22) & 0x3fff
  for (let at = HEADER; at < data.length; at += RECORD) {
    const record = emptyRecord('netflow5', exporter, u16be(data, 20))
    record.source = data.slice(at, at + 4)
    record.destination = data.slice(at + 4, at + 8)
    record.packets = BigInt(u32be(data, at + 16))
    record.bytes = BigInt(u32be(data, at + 20))
    record.startMs = sinceBoot(sentMs, uptimeMs, u32be(data, at + 24))
    record.endMs = sinceBoot(sentMs, uptimeMs, u32be(data, at + 28))
    record.sourcePort = u16be(data, at + 32)
    record.destinationPort = u16be(data, at + 34)
    record.tcpFlags = data[at + 37]
    record.ipProtocol = data[at + 38]
    if (record.ipProtocol === 1) record.icmpTypeCode = record.destinationPort
    if (sampling !== 0) record.samplingEvery = sampling
    counts.records++
    onRecord(record)
  }
}

/** A time that is told in milliseconds since the exporter's start; the counter wraps after 49 days. */
export const sinceBoot = (sentMs: number, uptimeMs: number, thenMs: number): number =>
  sentMs - ((uptimeMs - thenMs) | 0)
