/**
 * What exporters of flows say, in one shape whatever the protocol.
 *
 * @module
 */

/** One flow as its exporter saw it; or, of sFlow, one sampled packet. A field that was not carried is undefined. */
export interface FlowRecord {
  readonly protocol: 'netflow5' | 'netflow9' | 'ipfix' | 'sflow5'
  /** Who sent it: what the caller named the sender of the datagram. */
  readonly exporter: string
  /** Engine (v5), source id (v9), observation domain (IPFIX), sub-agent (sFlow). */
  readonly domain: number
  /** 4 or 16 bytes. */
  readonly source: Uint8Array | undefined
  readonly destination: Uint8Array | undefined
  /** Number of IANA. */
  readonly ipProtocol: number | undefined
  readonly sourcePort: number | undefined
  readonly destinationPort: number | undefined
  /** All flags that were set in some packet of the flow. */
  readonly tcpFlags: number | undefined
  /** ICMP type << 8 | code. */
  readonly icmpTypeCode: number | undefined
  /** As counted: of sampled packets only, where the exporter samples. */
  readonly packets: bigint | undefined
  /** Bytes of IP; of sFlow's raw headers too. As counted. */
  readonly bytes: bigint | undefined
  /** One of so many packets was counted: multiply by it. Undefined when the exporter did not say. */
  readonly samplingEvery: number | undefined
  /** Milliseconds since 1970 of the first and last packet. Of sFlow: when the datagram came. */
  readonly startMs: number | undefined
  readonly endMs: number | undefined
}

/** What a collector met. Nothing of it is an error: datagrams come from anybody. */
export interface ExportCounts {
  datagrams: number
  records: number
  /** Of a protocol or version that is not read here. */
  unknownVersion: number
  /** Datagrams that end inside a header, or whose lengths contradict each other. What came before that place was read. */
  malformed: number
  /** Templates and options templates taken. */
  templates: number
  /** Templates that were refused: an id below 256, no length, too many fields. */
  malformedTemplates: number
  withdrawn: number
  expired: number
  /** Exporters' domains, or templates of one, that were forgotten because there were too many. */
  evicted: number
  /** Sets of data for which no template is known: skipped, not kept. */
  withoutTemplate: number
  /** Fields that no record has a place for, those of enterprises too: skipped by their length. */
  unknownFields: number
  /** sFlow: counters and samples of other formats. */
  otherSamples: number
  /** sFlow: samples that show no IP packet. */
  unreadableSamples: number
}

export type EmptyRecord = { -readonly [Field in keyof FlowRecord]: FlowRecord[Field] }

/** A record in which nothing is known but who said it. */
export const emptyRecord = (protocol: FlowRecord['protocol'], exporter: string, domain: number): EmptyRecord => ({
  protocol,
  exporter,
  domain,
  source: undefined,
  destination: undefined,
  ipProtocol: undefined,
  sourcePort: undefined,
  destinationPort: undefined,
  tcpFlags: undefined,
  icmpTypeCode: undefined,
  packets: undefined,
  bytes: undefined,
  samplingEvery: undefined,
  startMs: undefined,
  endMs: undefined,
})

/** One datagram on its way through a collector. */
export interface Arrival {
  /** Attacker-controlled. */
  readonly data: Uint8Array
  readonly exporter: string
  readonly nowMs: number
  readonly counts: ExportCounts
  readonly onRecord: (record: FlowRecord) => void
}
