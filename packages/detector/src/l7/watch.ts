/**
 * From what a server tells of its requests to verdicts: records → windows → features, rules and model → verdict.
 *
 * @module
 */
import { type Baselines, rateBaselines } from '../flow/baseline.ts'
import type { HttpObserver } from './book.ts'
import { extractHttpFeatures, HTTP_FEATURES, HTTP_MODEL_FEATURES } from './feature.ts'
import type { OpenRecord } from './record.ts'
import { firedHttpRules, HTTP_RULES, type HttpRule } from './rule.ts'
import type { HttpGroup } from './tally.ts'
import { type HttpWindow, type HttpWindowCounts, type HttpWindowOptions, httpWindows, tallyOfWindow } from './window.ts'

export {
  type BookedConnection,
  type ConnectionBook,
  connectionBook,
  type Exchange,
  type HttpObserver,
  SWEEP_MS,
} from './book.ts'
export {
  extractHttpFeatures,
  HTTP_EXTRACTOR_VERSION,
  HTTP_FEATURES,
  HTTP_MODEL_FEATURES,
  type HttpFeature,
} from './feature.ts'
export { clientOf, type HttpRecord, type OpenRecord, type PathClass, pathClassOf, targetHash } from './record.ts'
export { HTTP_RULES, type HttpFamily, type HttpRule } from './rule.ts'
export type { HttpGroup, HttpTally } from './tally.ts'
export type { HttpWindowCounts, HttpWindowOptions } from './window.ts'

/** A scorer that serves, by whatever loader: synchronous, for a window is judged as it closes. */
export interface HttpModel {
  /** @param row In the order of `HTTP_MODEL_FEATURES`; used again. */
  score(row: Float32Array): { readonly margin: number; readonly probability: number }
  /** Probability from which on it votes attack. */
  readonly threshold: number
  /** Between these it abstains, whatever the threshold. */
  readonly abstain: { readonly low: number; readonly high: number }
}

export interface HttpVote {
  readonly member: 'rules' | 'model'
  readonly says: 'attack' | 'clear' | 'abstains'
  /** Why it abstains. */
  readonly reason?: string
}

/** What is said of one window. `features` is used again: copy it to keep it. */
export interface HttpVerdict {
  readonly group: HttpGroup
  /** The client, as `clientOf` gives it; `listener` for all. */
  readonly subject: string
  /** Attack when any member says so. */
  readonly verdict: 'attack' | 'clear'
  /** Strongest first. */
  readonly rules: readonly HttpRule[]
  readonly votes: readonly HttpVote[]
  /** The model's calibrated probability of an attack; undefined without a model. */
  readonly probability: number | undefined
  readonly requests: number
  readonly open: OpenRecord
  /** Milliseconds since 1970. */
  readonly startMs: number
  readonly endMs: number
  /** Requests a second over about ten seconds. */
  readonly sustainedPerS: number
  /** In the order of `HTTP_FEATURES`. */
  readonly features: Float64Array
}

export interface HttpWatchOptions extends HttpWindowOptions {
  readonly rules?: readonly HttpRule[]
  readonly model?: HttpModel | undefined
  /** What is usual for each client and for the listener. Default: a fresh one of 65,536. */
  readonly baselines?: Baselines
}

export interface HttpWatch extends HttpObserver {
  /** Closes all windows; each gives its verdict. */
  end(): void
  /** The model from now on; undefined: rules alone. */
  use(model: HttpModel | undefined): void
  readonly counts: Readonly<HttpWindowCounts>
}

/** What is usual is learned by the clock, not by the window: a flood has many windows in the time in which others have one. */
const LEARNS_EVERY_MS = 5_000

/**
 * Watches one listener. Never acts: `onVerdict` is told of every window, clear ones too. Cost: about 20 µs a window, next to
 * nothing a request; bounded memory.
 */
export function httpWatch(onVerdict: (verdict: HttpVerdict) => void, options: HttpWatchOptions = {}): HttpWatch {
  const { rules = HTTP_RULES, baselines = rateBaselines() } = options
  let { model } = options
  const features = new Float64Array(HTTP_FEATURES.length)
  const learnedMs = new Map<string, number>()

  const learn = (host: string, rate: number, atMs: number): void => {
    if (Math.abs(atMs - (learnedMs.get(host) ?? Number.NEGATIVE_INFINITY)) < LEARNS_EVERY_MS) return
    baselines.learn(host, rate)
    learnedMs.delete(host)
    learnedMs.set(host, atMs)
    if (learnedMs.size > (options.maxClients ?? 4_096)) learnedMs.delete(learnedMs.keys().next().value!)
  }

  const judge = (window: HttpWindow): void => {
    const { around, client, records, startMs, endMs } = window
    const { group, open, sustainedPerS } = around
    const subject = client ?? 'listener'
    const host = `${group} ${subject}`
    const tally = tallyOfWindow(window, baselines.limit(host) ?? Number.NaN)
    extractHttpFeatures(tally, features)
    const fired = firedHttpRules(rules, tally)
    const { vote, probability } =
      model === undefined ? { vote: undefined, probability: undefined } : ask(model, features)
    const votes = [{ member: 'rules', says: fired.length > 0 ? 'attack' : 'clear' } as const, ...(vote ? [vote] : [])]
    const isAttack = votes.some(({ says }) => says === 'attack')
    // An attack must not become what is usual.
    if (!isAttack) learn(host, sustainedPerS, endMs)
    onVerdict({
      group,
      subject,
      verdict: isAttack ? 'attack' : 'clear',
      rules: fired,
      votes,
      probability,
      requests: records.length,
      open,
      startMs,
      endMs,
      sustainedPerS,
      features,
    })
  }

  const windows = httpWindows(judge, options)
  return {
    record: windows.record,
    sweep: windows.sweep,
    end: windows.end,
    counts: windows.counts,
    use(next) {
      model = next
    },
  }
}

const row = new Float32Array(HTTP_MODEL_FEATURES.length)
const PLACES = HTTP_FEATURES.flatMap(({ use }, at) => (use === 'model' ? [at] : []))

function ask(model: HttpModel, features: Float64Array): { vote: HttpVote; probability: number } {
  for (let i = 0; i < PLACES.length; i++) row[i] = features[PLACES[i]!]!
  const { probability } = model.score(row)
  const { low, high } = model.abstain
  if (low < probability && probability < high) {
    const reason = `the probability ${probability.toFixed(3)} lies between ${low} and ${high}`
    return { vote: { member: 'model', says: 'abstains', reason }, probability }
  }
  return { vote: { member: 'model', says: probability >= model.threshold ? 'attack' : 'clear' }, probability }
}
