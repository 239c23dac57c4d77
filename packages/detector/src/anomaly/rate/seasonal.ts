/**
 * What is usual at this hour of the week: a mean for each hour of working days and of days off, and a level that follows
 * the last hours.
 *
 * @module
 */

/** Counts are taken in buckets of ten minutes. */
export const BUCKET_MS = 600_000
const BUCKETS_PER_HOUR = 6
export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
/** A cell of the week follows the last so many days of its kind. */
const MEMORY_DAYS = 10
/** Buckets of a cell before it counts: two days. */
const MIN_BUCKETS = 2 * BUCKETS_PER_HOUR
/** Weight of a bucket in the level, which so has a memory of some 6 h. */
const LEVEL_WEIGHT = 1 / 36
/** What the level may make of a cell. */
const LEVEL_SPAN = 3

export interface Calendar {
  /** Minutes that local clocks are ahead of UTC. Default 0. */
  readonly utcOffsetMinutes?: number
  /** Whether people are off on this day; Saturdays and Sundays unless given. Holidays that it knows are no surprise. */
  readonly isDayOff?: (timeMs: number) => boolean
}

export interface Seasonal {
  /** Mean count of a bucket at this time of the week, by the last weeks; undefined while too little is known. */
  usual(timeMs: number): number | undefined
  /** The same, at the level of the last hours. */
  expected(timeMs: number): number | undefined
  learn(timeMs: number, count: number): void
}

/** Place in the week: 0 to 23 of a working day, 24 to 47 of a day off. */
export function cellsOf({ utcOffsetMinutes = 0, isDayOff = isWeekend }: Calendar): (timeMs: number) => number {
  return (timeMs) => {
    const localMs = timeMs + utcOffsetMinutes * 60_000
    return new Date(localMs).getUTCHours() + (isDayOff(localMs) ? 24 : 0)
  }
}

export const isWeekend = (localMs: number): boolean => [0, 6].includes(new Date(localMs).getUTCDay())

export function seasonal(calendar: Calendar): Seasonal {
  const cellOf = cellsOf(calendar)
  const means = new Float64Array(48)
  const seen = new Uint32Array(48)
  let level = 1
  const usual = (timeMs: number) => {
    // Between the middles of two hours, the line between their means.
    const before = cellOf(timeMs - HOUR_MS / 2)
    const after = cellOf(timeMs + HOUR_MS / 2)
    if ((seen[before] as number) < MIN_BUCKETS || (seen[after] as number) < MIN_BUCKETS) return undefined
    const share = ((timeMs + HOUR_MS / 2) % HOUR_MS) / HOUR_MS
    return (means[before] as number) * (1 - share) + (means[after] as number) * share
  }
  return {
    usual,
    expected(timeMs) {
      const mean = usual(timeMs)
      return mean === undefined ? undefined : mean * level
    },
    learn(timeMs, count) {
      const mean = usual(timeMs)
      if (mean !== undefined) {
        // As many as usual are added to both: an hour with hardly any says little about the level.
        const now = (count + LEVEL_PRIOR) / (mean + LEVEL_PRIOR)
        level += LEVEL_WEIGHT * (Math.min(LEVEL_SPAN, now) - level)
        level = Math.min(LEVEL_SPAN, Math.max(1 / LEVEL_SPAN, level))
      }
      const cell = cellOf(timeMs)
      const times = Math.min((seen[cell] as number) + 1, MEMORY_DAYS * BUCKETS_PER_HOUR)
      seen[cell] = times
      means[cell] = (means[cell] as number) + (count - (means[cell] as number)) / times
    },
  }
}

const LEVEL_PRIOR = 5
