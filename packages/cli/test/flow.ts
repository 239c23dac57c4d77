/** Flows: records as a collector gives them, and NetFlow v5 as an exporter sends it. */
import type { FlowRecord } from '@mystranet/detector/flow/export'

export const emptyFlow = (over: Partial<FlowRecord>): FlowRecord => ({
  protocol: 'ipfix',
  exporter: 'here 1',
  domain: 0,
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
  ...over,
})

/** A datagram of one TCP flow that took a minute, and ended when it was sent. */
export function netflow5(flow: {
  source: readonly number[]
  destination: readonly number[]
  bytes: number
  sentMs: number
}) {
  const datagram = Buffer.alloc(72)
  const upMs = 600_000
  datagram.writeUInt16BE(5, 0)
  datagram.writeUInt16BE(1, 2)
  datagram.writeUInt32BE(upMs, 4)
  datagram.writeUInt32BE(Math.floor(flow.sentMs / 1_000), 8)
  datagram.set(flow.source, 24)
  datagram.set(flow.destination, 28)
  datagram.writeUInt32BE(Math.ceil(flow.bytes / 1_400), 40)
  datagram.writeUInt32BE(flow.bytes, 44)
  datagram.writeUInt32BE(upMs - 60_000, 48)
  datagram.writeUInt32BE(upMs, 52)
  datagram[62] = 6
  return datagram
}
