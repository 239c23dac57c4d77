/**
 * The features of a window, as a table: name, unit, when a value is NaN, and who may use it. Addresses, ports, TTLs and
 * timestamps are in none of them; of addresses and ports only the shape of their spread is.
 *
 * @module
 */
import type { Spread, Tally } from './tally.ts'

/** Changes whenever a value of the same traffic would. A model names the version it was trained on. */
export const EXTRACTOR_VERSION = 'flow-window-1'

export interface Feature {
  readonly name: string
  readonly unit: 'packets' | 'bytes' | 'microseconds' | 'seconds' | '1/s' | 'bytes/s' | 'bits' | 'ratio'
  /**
   * Rates and durations are for rules with a baseline per host: a model that sees them fails on networks that it has not
   * seen.
   */
  readonly use: 'model' | 'rule'
  /** When the value is NaN. */
  readonly nan: string
  of(tally: Tally): number
}

const NEVER = 'never'
const NO_TCP = 'no packet is TCP'
const NO_PORTS = 'no packet has ports'
const NO_TIME = 'a packet carries no time, or there is only one'
const NO_SPAN = `${NO_TIME}, or all came at once`

const row = (
  name: string,
  unit: Feature['unit'],
  use: Feature['use'],
  nan: string,
  of: (tally: Tally) => number,
): Feature => ({ name, unit, use, nan, of })

/** NaN when `whole` is 0. */
const ratio = (part: number, whole: number): number => (whole === 0 ? Number.NaN : part / whole)
const ofPackets = (name: string, part: (tally: Tally) => number) =>
  row(name, 'ratio', 'model', NEVER, (t) => ratio(part(t), t.packets))
const ofTcp = (name: string, part: (tally: Tally) => number) =>
  row(name, 'ratio', 'model', NO_TCP, (t) => ratio(part(t), t.tcp))
const spreadRows = (name: string, nan: string, of: (tally: Tally) => Spread) => [
  row(`${name}.distinct`, 'ratio', 'model', nan, (t) => ratio(of(t).distinct, of(t).of)),
  row(`${name}.entropy`, 'bits', 'model', nan, (t) => of(t).entropyBits),
]

/** Seconds that a rate is counted over: at least one microsecond, the resolution of most captures. */
const spanSeconds = (t: Tally): number => Math.max(t.durationUs, 1) / 1e6

export const FEATURES: readonly Feature[] = [
  row('packets', 'packets', 'model', NEVER, (t) => t.packets),
  row('duration', 'seconds', 'rule', NO_TIME, (t) => (t.packets < 2 ? Number.NaN : t.durationUs / 1e6)),
  row('rate.packets', '1/s', 'rule', NO_TIME, (t) => (t.packets < 2 ? Number.NaN : (t.packets - 1) / spanSeconds(t))),
  row('rate.bytes', 'bytes/s', 'rule', NO_TIME, (t) => (t.packets < 2 ? Number.NaN : t.bytes / spanSeconds(t))),
  row('gap.mean', 'microseconds', 'rule', NO_TIME, (t) => t.gaps.mean),
  row('gap.median', 'microseconds', 'rule', NO_TIME, (t) => t.gaps.median),
  row('gap.deviation.relative', 'ratio', 'model', NO_SPAN, (t) => ratio(t.gaps.deviation, t.gaps.mean)),
  row('gap.median.relative', 'ratio', 'model', NO_SPAN, (t) => ratio(t.gaps.median, t.gaps.mean)),
  row('gap.burst', 'ratio', 'model', NO_SPAN, (t) => (t.gaps.mean > 0 ? t.burstGaps / (t.packets - 1) : Number.NaN)),
  row('size.mean', 'bytes', 'model', NEVER, (t) => t.sizes.mean),
  row('size.deviation', 'bytes', 'model', NEVER, (t) => t.sizes.deviation),
  row('size.min', 'bytes', 'model', NEVER, (t) => t.sizes.min),
  row('size.median', 'bytes', 'model', NEVER, (t) => t.sizes.median),
  row('size.max', 'bytes', 'model', NEVER, (t) => t.sizes.max),
  ...spreadRows('size', NEVER, (t) => t.sizeSpread),
  row('payload.mean', 'bytes', 'model', NEVER, (t) => t.payloads.mean),
  row('payload.deviation', 'bytes', 'model', NEVER, (t) => t.payloads.deviation),
  ofPackets('payload.empty', (t) => t.empty),
  ofPackets('protocol.tcp', (t) => t.tcp),
  ofPackets('protocol.udp', (t) => t.udp),
  ofPackets('protocol.icmp', (t) => t.icmp),
  ofPackets('icmp.echo', (t) => t.echo),
  ofPackets('icmp.unreachable', (t) => t.unreachable),
  ofPackets('ip.fragment', (t) => t.fragments),
  ofPackets('ip.extra', (t) => t.extras),
  ofTcp('tcp.syn', (t) => t.syn),
  ofTcp('tcp.syn-ack', (t) => t.synAck),
  ofTcp('tcp.ack-only', (t) => t.pureAck),
  ofTcp('tcp.fin', (t) => t.fin),
  ofTcp('tcp.rst', (t) => t.rst),
  ofTcp('tcp.psh', (t) => t.psh),
  ofTcp('tcp.urg', (t) => t.urg),
  ofTcp('tcp.ecn', (t) => t.ecn),
  ofTcp('tcp.odd-flags', (t) => t.odd),
  ofTcp('tcp.window.zero', (t) => t.zeroWindow),
  row('tcp.options.mean', 'bytes', 'model', NO_TCP, (t) => ratio(t.tcpOptionBytes, t.tcp)),
  ...spreadRows('tcp.window', NO_TCP, (t) => t.windowSpread),
  ...spreadRows('source.address', NEVER, (t) => t.sources),
  ...spreadRows('destination.address', NEVER, (t) => t.destinations),
  ...spreadRows('source.port', NO_PORTS, (t) => t.sourcePorts),
  ...spreadRows('destination.port', NO_PORTS, (t) => t.destinationPorts),
  ofPackets('direction.backward', (t) => t.backward),
]

/** Names of the features that a model may see, in the order of its input. */
export const MODEL_FEATURES: readonly string[] = FEATURES.filter(({ use }) => use === 'model').map(({ name }) => name)

/** Writes the value of every feature, in the order of `FEATURES`. @throws RangeError when `into` is too short. */
export function extractFeatures(tally: Tally, into: Float64Array): void {
  if (into.length < FEATURES.length) {
    throw new RangeError(`Cannot extract features: room for ${into.length}, wanted ${FEATURES.length}`)
  }
  for (let i = 0; i < FEATURES.length; i++) into[i] = FEATURES[i]!.of(tally)
}
