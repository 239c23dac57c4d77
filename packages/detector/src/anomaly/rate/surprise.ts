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
  /** Around a mean of this size. */
  at(mean: number): number
  learn(count: number, mean: number): void
}

/** Steps that a spread remembers, some two weeks of buckets. */
const MEMORY = 2_000
/** One step is taken for no more than so many times what is known: what happens once in weeks must not make everything usual. */
const [MAX_STEP, MAX_TIMES] = [0.25, 4]
/** Means of one power of two have a spread of their own: sessions make small counts vary more, of their size, than large ones. */
const SIZES = 24
/** Steps after which a size's own spread weighs as much as that of all. */
const TRUST = 100

/** Learns the spread around expected means. */
export function learnSpread(least: number): Spread {
  const one = () => ({ value: 0, steps: 0 })
  const all = one()
  const sizes = Array.from({ length: SIZES }, one)
  const of = (mean: number) => sizes[Math.min(SIZES - 1, Math.floor(Math.log2(Math.max(1, mean))))] as typeof all
  const at = (mean: number) => {
    const { value, steps } = of(mean)
    return Math.max(least, (value * steps + all.value * TRUST) / (steps + TRUST))
  }
  const take = (into: typeof all, step: number) => {
    into.steps = Math.min(into.steps + 1, MEMORY)
    into.value += (step - into.value) / into.steps
  }
  return {
    at,
    learn(count, mean) {
      if (mean < 1) return
      const step = Math.min(Math.max(MAX_STEP, MAX_TIMES * at(mean)), ((count - mean) ** 2 - mean) / mean ** 2)
      take(of(mean), step)
      take(all, Math.min(MAX_STEP, step))
    },
  }
}
