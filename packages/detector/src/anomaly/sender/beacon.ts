/**
 * Periodicity of a sender: differences between requests near each other that are the same over and over, beside what else
 * it sends.
 *
 * @module
 */
/** Requests of a sender that are looked at. */
export const BEACON_TIMES = 128
/** Thresholds, set on the tuning seeds. */
export const BEACON = { minTimes: 32, minCount: 16, minChain: 14, chance: 1e-9 } as const
/** A request is compared with so many after it: others may come between two of a beacon. */
const LAGS = 12
/** Powers of two: width of a period. */
const WIDTH = 0.16
const CANDIDATES = 3
const [MIN_PERIOD_MS, MAX_PERIOD_MS] = [10_000, 6 * 3_600_000]

export interface Period {
  readonly periodMs: number
  /** Requests of which each comes one period after another. */
  readonly chain: number
}

/** @param times In ascending order, ms. Cost: some 100 µs for 128. */
export function findPeriod(times: readonly number[]): Period | undefined {
  if (times.length < BEACON.minTimes) return undefined
  const gaps = gapsOf(times)
  for (let i = 0, from = 0; i < CANDIDATES; i++) {
    const candidate = densest(gaps, from)
    if (candidate === undefined) return undefined
    const chain = longestChain(times, candidate)
    if (chain !== undefined) return chain
    // What is as frequent at twice the period is looked at too.
    from = candidate + 2 * WIDTH
  }
  return undefined
}

/** Logarithms of the differences between requests near each other, ascending. */
function gapsOf(times: readonly number[]): Float64Array {
  const gaps: number[] = []
  for (let i = 0; i < times.length; i++) {
    for (let lag = 1; lag <= LAGS && i + lag < times.length; lag++) {
      const gap = (times[i + lag] as number) - (times[i] as number)
      if (gap >= MIN_PERIOD_MS && gap <= MAX_PERIOD_MS) gaps.push(Math.log2(gap))
    }
  }
  return Float64Array.from(gaps).sort()
}

/** Where the window of {@link WIDTH} with most differences begins. */
function densest(sorted: Float64Array, from: number): number | undefined {
  let [best, most, end] = [0, 0, 0]
  for (let at = 0; at < sorted.length; at++) {
    const value = sorted[at] as number
    if (value < from) continue
    while (end < sorted.length && (sorted[end] as number) <= value + WIDTH) end++
    if (end - at <= most) continue
    most = end - at
    best = value
  }
  return most >= BEACON.minCount ? best : undefined
}

/** The longest run of requests one period apart, others between them; undefined when chance would give it. */
function longestChain(times: readonly number[], candidate: number): Period | undefined {
  const [least, most] = [2 ** candidate, 2 ** (candidate + WIDTH)]
  const length = new Int32Array(times.length).fill(1)
  const begin = Int32Array.from(times.keys())
  let best = 0
  for (let i = 0; i < times.length; i++) {
    for (let j = i - 1; j >= 0; j--) {
      const gap = (times[i] as number) - (times[j] as number)
      if (gap > most) break
      if (gap < least || (length[j] as number) < (length[i] as number)) continue
      length[i] = (length[j] as number) + 1
      begin[i] = begin[j] as number
    }
    if ((length[i] as number) > (length[best] as number)) best = i
  }
  const chain = length[best] as number
  if (chain < BEACON.minChain) return undefined
  // Were the others there at random, each step would find one by chance so often.
  const first = begin[best] as number
  const spanMs = (times[best] as number) - (times[first] as number)
  const step = 1 - Math.exp((-(best - first + 1) * (most - least)) / spanMs)
  return step ** (chain - 1) * times.length <= BEACON.chance ? { periodMs: spanMs / (chain - 1), chain } : undefined
}
