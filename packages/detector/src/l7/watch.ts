/**
 * From what a server tells of its requests to verdicts: records → windows → features, rules and model → verdict.
 *
 * @module
 */
import { type Baselines, rateBaselines } from '../flow/baseline.ts'
import type { HttpObserver } from './book.ts'
import { extractHttpFeatures, HTTP_FEATURES } from './feature.ts'
import type { HttpModel } from './model.ts'
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
export { EXPECTED_HTTP_MODEL, type HttpModel, type HttpOpinion, httpModel } from './model.ts'
export { clientOf, type HttpRecord, type OpenRecord, type PathClass, pathClassOf, targetHash } from './record.ts'
export { HTTP_RULES, type HttpFamily, type HttpRule } from './rule.ts'
export type { HttpGroup, HttpTally } from './tally.ts'
export type { HttpWindowCounts, HttpWindowOptions } from './window.ts'

export interface HttpVote {
  readonly member: 'rules' | 'model'
  readonly says: 'attack' | 'clear' | 'abstains'
  /** Why it abstains. */
  readonly reason?: string
}

/** What is said of one window. */
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
  /** Of an attack: the features that the rules look at and those of most weight in the model, with the values that they had. */
  readonly top: readonly { readonly name: string; readonly value: number }[]
  readonly requests: number
  readonly open: OpenRecord
  /** Milliseconds since 1970. */
  readonly startMs: number
  readonly endMs: number
  /** Requests a second over about five seconds. */
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
  /** Closes all windows. Fulfilled when each has its verdict; without a model they have it at once. */
  end(): Promise<void>
  /** The model from now on; undefined: rules alone. */
  use(model: HttpModel | undefined): void
  readonly counts: Readonly<HttpWindowCounts>
}

/** What is usual is learned by the clock, not by the window: a flood has many windows in the time in which others have one. */
const LEARNS_EVERY_MS = 5_000
/** Windows that may wait for the model; beyond, it abstains. */
const MAX_WAITING = 256

/**
 * Watches one listener. Never acts: `onVerdict` is told of every window, clear ones too; with a model in a later turn. Cost:
 * about 20 µs a window, next to nothing a request; bounded memory.
 */
export function httpWatch(onVerdict: (verdict: HttpVerdict) => void, options: HttpWatchOptions = {}): HttpWatch {
  const { rules = HTTP_RULES, baselines = rateBaselines() } = options
  const learn = slowLearner(baselines, options.maxClients ?? 4_096)
  let { model } = options
  const waiting = new Set<Promise<void>>()

  const tell = (judged: Judged, opinion?: Opinion): void => {
    const { fired, host, ...said } = judged
    const votes: HttpVote[] = [{ member: 'rules', says: fired.length > 0 ? 'attack' : 'clear' }]
    if (opinion !== undefined) votes.push(opinion.vote)
    const isAttack = votes.some(({ says }) => says === 'attack')
    // An attack must not become what is usual.
    if (!isAttack) learn(host, said.sustainedPerS, said.endMs)
    const names = new Set(isAttack ? [...fired.flatMap(({ looksAt }) => looksAt), ...(opinion?.top ?? [])] : [])
    const top = HTTP_FEATURES.flatMap(({ name }, at) => (names.has(name) ? [{ name, value: said.features[at]! }] : []))
    const probability = opinion?.probability
    onVerdict({ ...said, verdict: isAttack ? 'attack' : 'clear', rules: fired, votes, probability, top })
  }

  const windows = httpWindows((window) => {
    const judged = judge(window, rules, baselines)
    const asked = model
    if (asked === undefined) return tell(judged)
    if (waiting.size >= MAX_WAITING) return tell(judged, abstained(`${MAX_WAITING} windows wait for it`))
    const answered = opinionOf(asked, judged).then((opinion) => tell(judged, opinion))
    waiting.add(answered)
    return void answered.finally(() => waiting.delete(answered))
  }, options)
  return {
    record: windows.record,
    sweep: windows.sweep,
    counts: windows.counts,
    async end() {
      windows.end()
      await Promise.all(waiting)
    },
    use(next) {
      model = next
    },
  }
}

interface Judged extends Omit<HttpVerdict, 'verdict' | 'rules' | 'votes' | 'probability' | 'top'> {
  readonly fired: readonly HttpRule[]
  /** Its name among the baselines. */
  readonly host: string
}

function judge(window: HttpWindow, rules: readonly HttpRule[], baselines: Baselines): Judged {
  const { around, client, records, startMs, endMs } = window
  const { group, open, sustainedPerS } = around
  const subject = client ?? 'listener'
  const host = `${group} ${subject}`
  const tally = tallyOfWindow(window, baselines.limit(host) ?? Number.NaN)
  const features = new Float64Array(HTTP_FEATURES.length)
  extractHttpFeatures(tally, features)
  const fired = firedHttpRules(rules, tally)
  return { group, subject, host, fired, requests: records.length, open, startMs, endMs, sustainedPerS, features }
}

interface Opinion {
  readonly vote: HttpVote
  readonly probability?: number
  readonly top?: readonly string[]
}

const abstained = (reason: string): Opinion => ({ vote: { member: 'model', says: 'abstains', reason } })

/** Never rejects: a model that fails has no vote. */
async function opinionOf(model: HttpModel, { features, fired }: Judged): Promise<Opinion> {
  try {
    const { probability, ...said } = await model.judge(features)
    const isAttack = fired.length > 0 || said.says === 'attack'
    const top = isAttack ? await model.explain(features) : []
    return { vote: { member: 'model', ...said }, probability, top }
  } catch {
    return abstained('it failed')
  }
}

/** Learns what is usual of each host once in a while. */
function slowLearner(baselines: Baselines, maxHosts: number) {
  const learnedMs = new Map<string, number>()
  return (host: string, rate: number, atMs: number): void => {
    if (Math.abs(atMs - (learnedMs.get(host) ?? Number.NEGATIVE_INFINITY)) < LEARNS_EVERY_MS) return
    baselines.learn(host, rate)
    learnedMs.delete(host)
    learnedMs.set(host, atMs)
    if (learnedMs.size > maxHosts) learnedMs.delete(learnedMs.keys().next().value!)
  }
}
