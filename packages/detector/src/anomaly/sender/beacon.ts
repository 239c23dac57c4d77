/**
 * Periodicity of a sender: differences between requests near each other that are the same over and over, beside what else
 * it sends.
 *
 * @module
 */
/** Requests of a sender that are looked at. */
export const BEACON_TIMES = 128
/** Thresholds, set on the tuning seeds. */
export const BEACON = { minTimes: 24, minChain: 14, chance: 1e-9 } as const
/** A request is compared with so many after it: others may come between two of a beacon. */
const LAGS = 12
/** Powers of two: width of a period. */
const WIDTH = 0.16
const [MIN_PERIOD_MS, MAX_PERIOD_MS] = [10_000, 6 * 3_600_000]

export interface Period {
  readonly periodMs: number
  /** Requests of which each comes one period after another. */
  readonly chain: number
}

/** @param times In ascending order, ms. Cost: some 0.3 ms for 128. */
export function findPeriod(times: readonly number[]): Period | undefined {
  if (times.length < BEACON.minTimes) return undefined
  // From the shortest on: every period has its multiples, and those are sharper.
  for (const candidate of peaks(gapsOf(times))) {
    const found = longestChain(times, candidate)
    if (found !== undefined) return found
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

/** Where the windows of {@link WIDTH} begin that hold most differences around, and enough for a chain. */
function* peaks(sorted: Float64Array): Iterable<number> {
  let end = 0
  let best: { readonly value: number; readonly count: number } | undefined
  for (let at = 0; at < sorted.length; at++) {
    const value = sorted[at] as number
    if (best !== undefined && value > best.value + WIDTH) {
      yield best.value
      best = undefined
    }
    while (end < sorted.length && (sorted[end] as number) <= value + WIDTH) end++
    const count = end - at
    if (count >= BEACON.minChain - 1 && count > (best?.count ?? 0)) best = { value, count }
  }
  if (best !== undefined) yield best.value
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
