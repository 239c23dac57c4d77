/**
 * The rate of requests: bursts, silence, and slow drift.
 *
 * @module
 */
import { type Calendar, DAY_MS, type Seasonal, seasonal } from './seasonal.ts'
import { learnSpread, surprise } from './surprise.ts'

/** Thresholds in standard deviations, set on the tuning seeds of the simulator (`evaluation/anomaly.ts`). */
export const RATE_THRESHOLDS = {
  burst: { bucket: 8, hour: 4 },
  silence: { bucket: -7, hour: -3.5, long: -3.5 },
  /** Sum of daily deviations beyond what wobbles, see {@link DRIFT_SLACK}. */
  drift: 6.5,
} as const

/** Of a daily deviation so much is no drift, and what is over so much counts as so much: a holiday is one day. */
const DRIFT_SLACK = 0.9
const DRIFT_CAP = 4
/** Days wobble at least so much, as a standard deviation of the logarithm. */
const MIN_DAY_WOBBLE = 0.06
/** Buckets of the longer windows: one hour and three. */
const [HOUR, LONG] = [6, 18]

export type RateAlarm = 'burst' | 'silence' | 'drift'

export interface RateSeries extends Pick<Seasonal, 'usual'> {
  /** A bucket is over. `isWarm`: alarms are due. */
  bucket(timeMs: number, count: number, isWarm: boolean, onAlarm: OnRateAlarm): void
}

export type OnRateAlarm = (kind: RateAlarm, evidence: Readonly<Record<string, number>>) => void

export function rateSeries(calendar: Calendar): RateSeries {
  const season = seasonal(calendar)
  const spreads = { bucket: learnSpread(0.01), hour: learnSpread(0.01), long: learnSpread(0.01) }
  const recent: Bucket[] = []
  const drift = dailyDrift()
  /** How the last buckets stand out; the best of what speaks for a burst, or of what speaks for silence. */
  const judge = (count: number, mean: number) => {
    recent.push({ count, mean })
    if (recent.length > LONG) recent.shift()
    const sums = { bucket: { count, mean }, hour: sumOf(recent, HOUR), long: sumOf(recent, LONG) }
    const { burst, silence } = RATE_THRESHOLDS
    const names = ['bucket', 'hour', 'long'] as const
    const scores = names.map((name) => surprise(sums[name].count, sums[name].mean, spreads[name].at(sums[name].mean)))
    const [bucket, hour, long] = scores as [number, number, number]
    const isBurst = bucket >= burst.bucket || hour >= burst.hour
    const isSilence = bucket <= silence.bucket || hour <= silence.hour || long <= silence.long
    // What stands out is not how much the usual varies.
    if (!isBurst && !isSilence) for (const name of names) spreads[name].learn(sums[name].count, sums[name].mean)
    const score = isBurst ? Math.max(bucket, hour) : Math.min(...scores)
    return { kind: isBurst ? ('burst' as const) : isSilence ? ('silence' as const) : undefined, score, hour: sums.hour }
  }
  return {
    usual: season.usual,
    bucket(timeMs, count, isWarm, onAlarm) {
      const mean = season.expected(timeMs)
      const usual = season.usual(timeMs)
      const found = mean === undefined ? undefined : judge(count, mean)
      if (found?.kind !== undefined && isWarm) {
        const { score, hour } = found
        const evidence = { count, expected: mean ?? 0, hourCount: hour.count, hourExpected: hour.mean, score }
        onAlarm(found.kind, rounded(evidence))
      }
      if (usual !== undefined) drift(timeMs, count, usual, isWarm, onAlarm)
      // What is odd is learned as if it had been at the edge of the usual: a change that stays is usual in the end.
      season.learn(timeMs, found?.kind === undefined || mean === undefined ? count : Math.min(count, mean * 2))
    },
  }
}

interface Bucket {
  readonly count: number
  readonly mean: number
}

function sumOf(recent: readonly Bucket[], most: number): Bucket {
  const sum = { count: 0, mean: 0 }
  for (const each of recent.slice(-most)) {
    sum.count += each.count
    sum.mean += each.mean
  }
  return sum
}

const rounded = (evidence: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, round(value)]))
const round = (value: number) => Math.round(value * 100) / 100

/** CUSUM over whole days, up and down. */
function dailyDrift() {
  let day = 0
  let [count, mean, buckets] = [0, 0, 0]
  let variance = 0.01
  let [up, down] = [0, 0]
  const judge = (isWarm: boolean, onAlarm: OnRateAlarm) => {
    if (buckets < 100 || mean < 50) return
    const change = Math.log((count + 1) / (mean + 1))
    const wobble = Math.max(MIN_DAY_WOBBLE, Math.sqrt(variance))
    const score = Math.max(-DRIFT_CAP, Math.min(DRIFT_CAP, change / wobble))
    variance += (Math.min(change ** 2, 4 * variance + 1e-3) - variance) / 14
    if (!isWarm) return
    up = Math.max(0, up + score - DRIFT_SLACK)
    down = Math.max(0, down - score - DRIFT_SLACK)
    if (Math.max(up, down) < RATE_THRESHOLDS.drift) return
    onAlarm('drift', { dayCount: count, dayExpected: round(mean), score: round(up > down ? up : -down) })
    up = 0
    down = 0
  }
  return (timeMs: number, added: number, usual: number, isWarm: boolean, onAlarm: OnRateAlarm) => {
    const today = Math.floor(timeMs / DAY_MS)
    if (today !== day) {
      judge(isWarm, onAlarm)
      day = today
      count = 0
      mean = 0
      buckets = 0
    }
    count += added
    mean += usual
    buckets++
  }
}
