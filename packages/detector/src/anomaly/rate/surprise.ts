/**
 * How surprising a count is.
 *
 * @module
 */

/**
 * Signed deviance of a count against a mean, in standard deviations.
 *
 * @param spread How much the mean itself varies, as a variance of its logarithm: 0 is Poisson.
 */
export function surprise(count: number, mean: number, spread: number): number {
  const least = Math.max(mean, 1e-3)
  const deviance = 2 * ((count > 0 ? count * Math.log(count / least) : 0) - (count - least))
  return (Math.sign(count - least) * Math.sqrt(Math.max(0, deviance))) / Math.sqrt(1 + spread * least)
}

export interface Spread {
  readonly value: number
  learn(count: number, mean: number): void
}

/** Steps that a spread remembers, some two weeks of buckets. */
const MEMORY = 2_000
/** One step is taken for no more than this: what happens once in weeks must not make everything usual. */
const MAX_STEP = 0.25

/** Learns the spread around expected means. */
export function learnSpread(least: number): Spread {
  let value = least
  let steps = 0
  return {
    get value() {
      return Math.max(least, value)
    },
    learn(count, mean) {
      if (mean < 1) return
      steps = Math.min(steps + 1, MEMORY)
      const step = Math.min(MAX_STEP, ((count - mean) ** 2 - mean) / mean ** 2)
      value += (step - value) / steps
    },
  }
}
