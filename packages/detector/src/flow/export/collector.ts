/**
 * Reads the flow exports of any number of exporters: NetFlow v5 and v9, IPFIX, sFlow v5.
 *
 * @module
 */
import { u16be } from '../../capture/number.ts'
import { readNetflow5 } from './netflow5.ts'
import type { Arrival, ExportCounts, FlowRecord } from './record.ts'
import { isSflow5, readSflow5 } from './sflow.ts'
import { type TemplateLimits, templateStore } from './template.ts'
import { readIpfix, readNetflow9 } from './templated.ts'

export type { ExportCounts, FlowRecord, TemplateLimits }

export interface FlowCollector {
  /**
   * Takes one datagram. Never throws for what is in it. `exporter` names its sender, so that nobody changes the templates of
   * another: address and port. `nowMs`: milliseconds since 1970, by which templates grow old.
   */
  push(datagram: Uint8Array, exporter: string, nowMs: number): void
  readonly counts: Readonly<ExportCounts>
}

/**
 * A collector that gives every record to `onRecord`. Data that comes before its template is counted and dropped. Memory is
 * bounded by the limits, whatever is sent.
 */
export function flowCollector(onRecord: (record: FlowRecord) => void, limits: TemplateLimits = {}): FlowCollector {
  const counts: ExportCounts = {
    datagrams: 0,
    records: 0,
    unknownVersion: 0,
    malformed: 0,
    templates: 0,
    malformedTemplates: 0,
    withdrawn: 0,
    expired: 0,
    evicted: 0,
    withoutTemplate: 0,
    unknownFields: 0,
    otherSamples: 0,
    unreadableSamples: 0,
  }
  const store = templateStore(counts, limits)
  return {
    counts,
    push(datagram, exporter, nowMs) {
      // A Buffer's `slice` is a view of memory that its socket uses again; that of a plain array is a copy.
      const data = new Uint8Array(datagram.buffer, datagram.byteOffset, datagram.length)
      counts.datagrams++
      const arrival: Arrival = { data, exporter, nowMs, counts, onRecord }
      const version = data.length < 2 ? 0 : u16be(data, 0)
      if (version === 5) readNetflow5(arrival)
      else if (version === 9) readNetflow9(arrival, store)
      else if (version === 10) readIpfix(arrival, store)
      else if (isSflow5(data)) readSflow5(arrival)
      else counts.unknownVersion++
    },
  }
}
