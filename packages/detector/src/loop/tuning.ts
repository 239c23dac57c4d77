/**
 * How far people's words move a threshold: a pure function of the words and the day, so that whoever has the same words
 * finds the same threshold, in whatever order they came.
 *
 * Each day of the last {@link TUNING_DAYS}, a threshold first falls back towards its default by {@link DAILY_DECAY}, and then moves by
 * at most its step: by the median of what that day's reviewers say, each of whom counts once however much he says. After each day it
 * is held within its bounds. One reviewer among three therefore moves nothing alone; and all of them together no further than the
 * model's signed manifest lets them.
 *
 * @module
 */

/** Of a signed manifest. `least` ≤ `standard` ≤ `most`, `stepPerDay` ≥ 0. */
export interface Bound {
  readonly standard: number
  readonly least: number
  readonly most: number
  readonly stepPerDay: number
}

/** The part of a signed manifest that feedback is bounded by (`models/README.md`). */
export interface Tunable {
  readonly id: string
  readonly thresholds: readonly {
    readonly class: string
    readonly name: string
    readonly at: number
    readonly low: number
    readonly high: number
  }[]
}

/** Days in which reviewers who all say the same could move a threshold from one bound to the other. */
const SPAN_DAYS = 20

/** The bounds of a model's thresholds, by `⟨model⟩/⟨class⟩/⟨name⟩`. */
export const boundsOf = ({ id, thresholds }: Tunable): ReadonlyMap<string, Bound> =>
  new Map(
    thresholds.map(({ class: of, name, at, low, high }) => [
      `${id}/${of}/${name}`,
      { standard: at, least: low, most: high, stepPerDay: (high - low) / SPAN_DAYS },
    ]),
  )

/** What a reviewer says of one finding. His last word about it counts. */
export interface Vote {
  /** The threshold that it is about, `⟨model⟩/⟨class⟩/⟨name⟩`; none: it tells of its source only. */
  readonly tunes: string | undefined
  /** Who says it: an instance id, hex. */
  readonly voter: string
  /** The finding, hex. */
  readonly about: string
  /** Unix milliseconds, signed. */
  readonly atMs: number
  readonly says: 'overruled' | 'confirmed'
  /** Of the message, hex: of two with one time the greater counts. */
  readonly id: string
}

/** The standing of a source, as the nexus told it. */
export interface Score {
  readonly subject: string
  /** 0 to 1. */
  readonly score: number
  readonly atMs: number
  readonly id: string
}

const DAY_MS = 86_400_000
/** Days whose words count. */
export const TUNING_DAYS = 60
/** What is left of an offset after a day; half of it after a week. */
export const DAILY_DECAY = 0.5 ** (1 / 7)
/** A false alarm asks for a whole step up; a right one for half a step down. */
const PULL: Readonly<Record<Vote['says'], number>> = { overruled: 1, confirmed: -0.5 }
/** Bounds of every source's standing; 0.5 is that of one nobody has spoken about. */
export const STANDING: Bound = { standard: 0.5, least: 0.1, most: 0.9, stepPerDay: 0.1 }

/** Unix milliseconds from which on words count. */
export const tuningSince = (nowMs: number): number => (Math.floor(nowMs / DAY_MS) - TUNING_DAYS + 1) * DAY_MS

/**
 * Where a threshold stands. Always within `least` and `most`. Cost: linear in the votes.
 *
 * @throws {RangeError} when the bound contradicts itself.
 */
export function thresholdOf(bound: Bound, votes: readonly Vote[], nowMs: number): number {
  const byDay = new Map<number, Map<string, number[]>>()
  for (const { atMs, voter, says } of lastWords(votes)) {
    const day = Math.floor(atMs / DAY_MS)
    const said = byDay.get(day) ?? new Map<string, number[]>()
    byDay.set(day, said)
    said.set(voter, [...(said.get(voter) ?? []), PULL[says]])
  }
  return foldDays(bound, nowMs, (day) => {
    const said = byDay.get(day)
    return said === undefined ? 0 : median([...said.values()].map(mean)) * bound.stepPerDay
  })
}

/** Where a source stands, within {@link STANDING}. */
export function standingOf(subject: string, scores: readonly Score[], nowMs: number): number {
  const byDay = new Map<number, Score>()
  for (const each of scores.filter((one) => one.subject === subject)) {
    const day = Math.floor(each.atMs / DAY_MS)
    const there = byDay.get(day)
    if (there === undefined || isLater(each, there)) byDay.set(day, each)
  }
  const { stepPerDay } = STANDING
  return foldDays(STANDING, nowMs, (day, now) => {
    const told = byDay.get(day)
    return told === undefined ? 0 : clamp(told.score - now, -stepPerDay, stepPerDay)
  })
}

/** The last word of each voter about each finding. */
function lastWords(votes: readonly Vote[]): readonly Vote[] {
  const last = new Map<string, Vote>()
  for (const vote of votes) {
    const key = `${vote.voter} ${vote.about}`
    const there = last.get(key)
    if (there === undefined || isLater(vote, there)) last.set(key, vote)
  }
  return [...last.values()]
}

/** Which of two words counts. The same whichever came first. */
export const isLater = (a: Pick<Vote, 'atMs' | 'id'>, b: Pick<Vote, 'atMs' | 'id'>): boolean =>
  a.atMs > b.atMs || (a.atMs === b.atMs && a.id > b.id)

function foldDays(bound: Bound, nowMs: number, moveOf: (day: number, now: number) => number): number {
  const { standard, least, most, stepPerDay } = bound
  if (!(least <= standard && standard <= most && stepPerDay >= 0)) {
    throw new RangeError(`Cannot tune a threshold: ${standard} of ${least} to ${most}, step ${stepPerDay}`)
  }
  const today = Math.floor(nowMs / DAY_MS)
  let value = standard
  for (let day = today - TUNING_DAYS + 1; day <= today; day++) {
    value = standard + (value - standard) * DAILY_DECAY
    value = clamp(value + moveOf(day, value), least, most)
  }
  return value
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))
const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
