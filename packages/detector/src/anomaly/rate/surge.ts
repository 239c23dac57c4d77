/**
 * What is rare and comes in clusters: refusals of one code, further attempts, dead letters. An agent that restarts makes some
 * at once, so an hour is held against the worst hours of the last weeks, beside the mean.
 *
 * @module
 */
import { learnSpread, surprise } from './surprise.ts'

export interface SurgeLimits {
  /** In an hour, whatever is usual. */
  readonly minCount: number
  /** Times the worst hour of the last weeks. */
  readonly timesTop: number
  /** Standard deviations. */
  readonly score: number
}

/** Share of the worst hour that is left a bucket later: half of it in five weeks. */
const FADE = 0.5 ** (1 / (35 * 144))
const WINDOW = 6
/** Buckets that the share of the requests remembers. */
const MEMORY = 1_500
const BEGUN = 300

export interface Surge {
  /** A bucket is over: so many, when so many requests were expected. @returns What stands out, or undefined. */
  bucket(count: number, requests: number, isWarm: boolean): Readonly<Record<string, number>> | undefined
}

export function surge({ minCount, timesTop, score: least }: SurgeLimits): Surge {
  const recent: { count: number; mean: number }[] = []
  const spread = learnSpread(0.05)
  let share = 0
  // A code that was never refused before is rare, not unknown.
  let buckets = BEGUN
  let top = 0
  return {
    bucket(count, requests, isWarm) {
      const mean = share * requests
      recent.push({ count, mean })
      if (recent.length > WINDOW) recent.shift()
      const hour = recent.reduce((sum, each) => ({ count: sum.count + each.count, mean: sum.mean + each.mean }))
      const score = surprise(hour.count, hour.mean, spread.at(hour.mean))
      const wanted = Math.max(minCount, timesTop * top)
      const isOdd = isWarm && hour.count >= wanted && score >= least
      top *= FADE
      // A surge is remembered as the worst of the usual: the next one like it is still one.
      top = Math.max(top, Math.min(hour.count, isWarm ? Math.max(wanted, top) / timesTop : hour.count))
      buckets = Math.min(buckets + 1, MEMORY)
      share += (Math.min(1, (isOdd ? Math.min(count, mean) : count) / Math.max(1, requests)) - share) / buckets
      spread.learn(hour.count, hour.mean)
      return isOdd
        ? { hourCount: hour.count, hourExpected: Math.round(hour.mean * 100) / 100, worstHour: Math.round(top) }
        : undefined
    },
  }
}
