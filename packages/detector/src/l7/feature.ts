/**
 * The features of a window of requests, as a table: name, unit, when a value is NaN, and who may use it. No address, port or
 * time of day is in any of them.
 *
 * @module
 */
import { type HttpTally, isRefusal, type Outcome } from './tally.ts'

/** Changes whenever a value of the same requests would. A model names the version it was trained on. */
export const HTTP_EXTRACTOR_VERSION = 'http-window-1'

export interface HttpFeature {
  readonly name: string
  readonly unit:
    | 'requests'
    | 'connections'
    | 'clients'
    | 'bytes'
    | 'bytes/s'
    | 'milliseconds'
    | 'seconds'
    | '1/s'
    | 'bits'
    | 'doublings'
    | 'ratio'
  /** Times hang on the machine, and what is usual is learned where it runs: both are for rules. */
  readonly use: 'model' | 'rule'
  /** When the value is NaN. */
  readonly nan: string
  of(tally: HttpTally): number
}

const NEVER = 'never'
const NO_RECORD = 'no request ended'
const NO_HEAD = 'no request had a whole head'
const NO_BYTES = 'no request ended, or the runtime does not show bytes'
const NO_GAPS = 'fewer than three requests ended, or all at once'
const NO_USUAL = 'what is usual for this client or listener is not known yet'
const OF_CLIENTS = 'the window is of the listener'
const OF_LISTENER = 'the window is of one client'

const row = (
  name: string,
  unit: HttpFeature['unit'],
  use: HttpFeature['use'],
  nan: string,
  of: (tally: HttpTally) => number,
): HttpFeature => ({ name, unit, use, nan, of })

/** NaN when `whole` is 0. */
const ratio = (part: number, whole: number): number => (whole === 0 ? Number.NaN : part / whole)
const ofRecords = (name: string, part: (tally: HttpTally) => number) =>
  row(name, 'ratio', 'model', NO_RECORD, (t) => ratio(part(t), t.records))
const outcomes = (...names: Outcome[]) => names.map((name) => ofRecords(`outcome.${name}`, (t) => t.outcomes[name]))
const open = (name: string, part: (tally: HttpTally) => number) => [
  row(`open.${name}`, 'connections', 'model', NEVER, part),
  row(`open.${name}.share`, 'ratio', 'model', 'no connection is open', (t) => ratio(part(t), t.open.connections)),
]

export const HTTP_FEATURES: readonly HttpFeature[] = [
  row('listener', 'ratio', 'model', NEVER, (t) => (t.group === 'listener' ? 1 : 0)),
  row('requests', 'requests', 'model', NEVER, (t) => t.records),
  row('duration', 'seconds', 'rule', NEVER, (t) => t.seconds),
  row('rate', '1/s', 'rule', NEVER, (t) => t.records / Math.max(t.seconds, 1e-3)),
  row('rate.sustained', '1/s', 'model', NEVER, (t) => t.sustainedPerS),
  row('rate.relative', 'doublings', 'rule', NO_USUAL, (t) => Math.log2(Math.max(t.sustainedPerS, 1e-3) / t.usualPerS)),
  row('answer.median', 'milliseconds', 'rule', NO_HEAD, (t) => t.medianMs),
  row('gap.deviation.relative', 'ratio', 'model', NO_GAPS, (t) => ratio(t.gapDeviation, t.gapMean)),
  row('gap.burst', 'ratio', 'model', NO_GAPS, (t) => (t.gapMean > 0 ? t.burstGaps / (t.records - 1) : Number.NaN)),
  row('client.share', 'ratio', 'model', `${OF_CLIENTS}, or ${NO_RECORD}`, (t) => t.share),
  row('client.distinct', 'ratio', 'model', `${OF_LISTENER}, or ${NO_RECORD}`, (t) =>
    ofListener(t, ratio(t.clients.distinct, t.clients.of)),
  ),
  row('client.entropy', 'bits', 'model', `${OF_LISTENER}, or ${NO_RECORD}`, (t) =>
    ofListener(t, t.clients.entropyBits),
  ),
  row('client.top', 'ratio', 'model', `${OF_LISTENER}, or ${NO_RECORD}`, (t) =>
    ofListener(t, ratio(t.clients.top, t.clients.of)),
  ),
  row('target.distinct', 'ratio', 'model', NO_HEAD, (t) => ratio(t.targets.distinct, t.targets.of)),
  row('target.entropy', 'bits', 'model', NO_HEAD, (t) => t.targets.entropyBits),
  row('target.top', 'ratio', 'model', NO_HEAD, (t) => ratio(t.targets.top, t.targets.of)),
  ofRecords('method.post', (t) => t.posts),
  ofRecords('path.packets', (t) => t.paths.packets),
  ofRecords('path.answers', (t) => t.paths.answers),
  ofRecords('path.keys', (t) => t.paths.keys),
  ofRecords('path.log', (t) => t.paths.log),
  ofRecords('path.health', (t) => t.paths.health),
  ofRecords('path.other', (t) => t.paths.other),
  ...outcomes('none', 'done', 'refused', 'denied', 'absent', 'limited', 'failed'),
  ofRecords('refusal.repeated', (t) => t.repeated),
  ofRecords('head.slow', (t) => t.slowHeads),
  ofRecords('body.slow', (t) => t.slowBodies),
  ofRecords('body.broken', (t) => t.brokenBodies),
  ofRecords('connection.first', (t) => t.firsts),
  row('bytes.mean', 'bytes', 'model', NO_BYTES, (t) => t.bytesMean),
  row('bytes.deviation', 'bytes', 'model', NO_BYTES, (t) => t.bytesDeviation),
  row('open.connections', 'connections', 'model', NEVER, (t) => t.open.connections),
  ...open('silent', (t) => t.open.silent),
  ...open('heads', (t) => t.open.heads),
  ...open('heads.slow', (t) => t.open.slowHeads),
  ...open('bodies', (t) => t.open.bodies),
  ...open('bodies.slow', (t) => t.open.slowBodies),
  ...open('answers', (t) => t.open.answers),
  row('open.head.age', 'seconds', 'model', 'no head is open', (t) => ratio(t.open.headMs / 1e3, t.open.heads)),
  row('open.body.rate', 'bytes/s', 'model', 'no body is open', (t) => ratio(t.open.bodyBytes * 1e3, t.open.bodyMs)),
  row('open.clients', 'clients', 'model', OF_LISTENER, (t) => ofListener(t, t.pressingClients)),
]

/** Names of the features that a model may see, in the order of its input. */
export const HTTP_MODEL_FEATURES: readonly string[] = HTTP_FEATURES.filter(({ use }) => use === 'model').map(
  ({ name }) => name,
)

/** Writes the value of every feature, in the order of `HTTP_FEATURES`. @throws RangeError when `into` is too short. */
export function extractHttpFeatures(tally: HttpTally, into: Float64Array): void {
  if (into.length < HTTP_FEATURES.length) {
    throw new RangeError(`Cannot extract features: room for ${into.length}, wanted ${HTTP_FEATURES.length}`)
  }
  for (let i = 0; i < HTTP_FEATURES.length; i++) into[i] = HTTP_FEATURES[i]!.of(tally)
}

function ofListener(tally: HttpTally, value: number): number {
  return tally.group === 'listener' ? value : Number.NaN
}

/** Share of the requests of a window that were refused; 0 without one. */
export const refusedShare = ({ outcomes: by, records }: HttpTally): number => {
  if (records === 0) return 0
  let refused = 0
  for (const [name, count] of Object.entries(by) as [Outcome, number][]) if (isRefusal(name)) refused += count
  return refused / records
}
