/**
 * One pass over a window of records: the sums that features and rules are made of.
 *
 * @module
 */
import { type HttpRecord, type OpenRecord, type PathClass, SLOW_MS } from './record.ts'

/** Requests of one client, or of all. */
export type HttpGroup = 'client' | 'listener'

/** How the values of one column spread: `distinct` of `of`, and their entropy in bits; `top`: how often the commonest came. */
export interface Spread {
  readonly of: number
  readonly distinct: number
  readonly top: number
  readonly entropyBits: number
}

export interface HttpTally {
  readonly group: HttpGroup
  readonly records: number
  /** Of the window. */
  readonly seconds: number
  /** Requests a second over about the last five seconds, however many windows those had. */
  readonly sustainedPerS: number
  /** What that rate is not known to reach; NaN while that is not known. */
  readonly usualPerS: number
  /** Of all requests that the server met meanwhile; NaN of the listener. */
  readonly share: number
  readonly posts: number
  readonly paths: Readonly<Record<PathClass, number>>
  /** By what became of them; see {@link outcomeOf}. */
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Refusals that came right after a refusal of the same client. */
  readonly repeated: number
  readonly slowHeads: number
  readonly slowBodies: number
  /** Bodies that never became whole. */
  readonly brokenBodies: number
  readonly firsts: number
  /** Of the bytes of each; NaN where the runtime shows none. */
  readonly bytesMean: number
  readonly bytesDeviation: number
  /** Milliseconds from head to end; NaN without a request. */
  readonly medianMs: number
  /** Between the ends of requests; NaN with fewer than three. */
  readonly gapMean: number
  readonly gapDeviation: number
  readonly burstGaps: number
  readonly targets: Spread
  readonly clients: Spread
  /** What is open as the window closes; of all clients, for the listener. */
  readonly open: OpenRecord
  /** Clients with a part of a head or body, or silent. */
  readonly pressingClients: number
}

/** `none`: nothing was answered. `refused`: 400, 413 and others that say that the request is wrong. */
export type Outcome = 'none' | 'done' | 'refused' | 'denied' | 'absent' | 'limited' | 'failed'

export function outcomeOf(status: number): Outcome {
  if (status === 0 || status === 408) return 'none'
  if (status < 400) return 'done'
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'absent'
  if (status === 429) return 'limited'
  return status < 500 ? 'refused' : 'failed'
}

/** Requests that are wrong. One that comes too soon is not, and a batch has many of those; nor is one that meets a fault. */
export const isRefusal = (outcome: Outcome): boolean =>
  outcome === 'refused' || outcome === 'denied' || outcome === 'absent'

/** What the records of a window do not say. */
export type Around = Pick<
  HttpTally,
  'group' | 'seconds' | 'sustainedPerS' | 'usualPerS' | 'share' | 'open' | 'pressingClients'
>

export function tallyOf(records: readonly HttpRecord[], around: Around): HttpTally {
  const sums = { posts: 0, slowHeads: 0, slowBodies: 0, brokenBodies: 0, firsts: 0, repeated: 0 }
  const paths: Record<PathClass, number> = { packets: 0, answers: 0, keys: 0, log: 0, health: 0, other: 0, none: 0 }
  const outcomes: Record<Outcome, number> = {
    none: 0,
    done: 0,
    refused: 0,
    denied: 0,
    absent: 0,
    limited: 0,
    failed: 0,
  }
  const wasRefused = new Map<string, boolean>()
  for (const record of records) {
    const outcome = outcomeOf(record.status)
    const refused = isRefusal(outcome)
    paths[record.path]++
    outcomes[outcome]++
    if (record.isPost) sums.posts++
    if (record.isFirst) sums.firsts++
    if (!(record.headMs < SLOW_MS)) sums.slowHeads++
    if (Number.isNaN(record.bodyMs)) sums.brokenBodies++
    else if (record.bodyMs >= SLOW_MS) sums.slowBodies++
    if (refused && wasRefused.get(record.client) === true) sums.repeated++
    wasRefused.set(record.client, refused)
  }
  const bytes = momentsOf(records.map(({ bytesIn }) => bytesIn))
  const gaps = records.slice(1).map((record, i) => Math.abs(record.endMs - records[i]!.endMs))
  const gap = gaps.length < 2 ? { mean: Number.NaN, deviation: Number.NaN } : momentsOf(gaps)
  const whole = records.filter(({ path }) => path !== 'none')
  return {
    ...around,
    ...sums,
    records: records.length,
    paths,
    outcomes,
    bytesMean: bytes.mean,
    bytesDeviation: bytes.deviation,
    medianMs: medianOf(whole.map(({ startMs, endMs }) => endMs - startMs)),
    gapMean: gap.mean,
    gapDeviation: gap.deviation,
    burstGaps: gaps.filter((each) => each < gap.mean / 10).length,
    targets: spreadOf(whole.map(({ target }) => target)),
    clients: spreadOf(records.map(({ client }) => client)),
  }
}

function momentsOf(values: readonly number[]): { mean: number; deviation: number } {
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return { mean, deviation: Math.sqrt(squares / values.length) }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const { length } = sorted
  return length === 0 ? Number.NaN : (sorted[(length - 1) >> 1]! + sorted[length >> 1]!) / 2
}

function spreadOf(values: readonly (number | string)[]): Spread {
  const often = new Map<number | string, number>()
  for (const value of values) often.set(value, (often.get(value) ?? 0) + 1)
  const of = values.length
  // In the order of the counts, so that it does not hang on which value came first.
  const counts = [...often.values()].toSorted((a, b) => a - b)
  let weighted = 0
  for (const count of counts) weighted += count * Math.log2(count)
  const entropyBits = of === 0 ? Number.NaN : Math.log2(of) - weighted / of
  return { of, distinct: counts.length, top: counts.at(-1) ?? 0, entropyBits }
}
