/**
 * Numbers from a seed: what a generator writes must be the same on every machine.
 *
 * @module
 */

export interface Random {
  /** 0 up to, not including, 1. */
  next(): number
  /** An integer, both ends included. */
  between(low: number, high: number): number
  /** An integer whose logarithm is spread evenly: as many of tens as of thousands. */
  logBetween(low: number, high: number): number
  chance(probability: number): boolean
  pick<T>(of: readonly T[]): T
  /** Of an exponential distribution: the gaps of independent arrivals. */
  gap(mean: number): number
}

/** mulberry32 of Tommy Ettinger: 32 bits of state, enough for traffic and nothing else. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    between,
    logBetween: (low, high) => Math.round(Math.exp(Math.log(low) + next() * (Math.log(high) - Math.log(low)))),
    chance: (probability) => next() < probability,
    pick: (of) => of[between(0, of.length - 1)]!,
    gap: (mean) => -Math.log(1 - next()) * mean,
  }
}

/** A seed of its own for each name, so that a run that is added changes no other. FNV-1a. */
export function seedOf(name: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash
}
