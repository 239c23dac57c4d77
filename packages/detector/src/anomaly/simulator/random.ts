/**
 * Random numbers from a seed, the same everywhere (sfc32), and the distributions that traffic is made of.
 *
 * @module
 */

export interface Random {
  /** In [0, 1). */
  unit(): number
  /** In [from, to). */
  between(from: number, to: number): number
  /** An integer in [0, below). */
  below(below: number): number
  normal(): number
  /** Waiting time with this mean. */
  exponential(mean: number): number
  poisson(mean: number): number
  pick<Item>(items: readonly Item[]): Item
  bytes(length: number): Uint8Array
  /** Another generator, whose numbers depend on this one's seed and the name only. */
  fork(name: string): Random
}

/** @param seed Any text or number. */
export function seededRandom(seed: number | string): Random {
  const text = String(seed)
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = 0xb7e15162
  let d = 1
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (const letter of text) {
    a = Math.imul(a ^ (letter.codePointAt(0) as number), 0x85ebca6b)
    next()
  }
  for (let i = 0; i < 16; i++) next()
  const unit = () => next() / 2 ** 32
  const normal = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit())
  const below = (limit: number) => Math.floor(unit() * limit)
  return {
    unit,
    between: (from, to) => from + (to - from) * unit(),
    below,
    normal,
    exponential: (mean) => -mean * Math.log(1 - unit()),
    poisson: (mean) => poisson(mean, unit, normal),
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    bytes(length) {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; at += 4) {
        const word = next()
        for (let i = 0; i < 4 && at + i < length; i++) out[at + i] = word >>> (8 * i)
      }
      return out
    },
    fork: (name) => seededRandom(`${text}/${name}`),
  }
}

/** Exact for small means; beyond them the normal that it comes close to. */
function poisson(mean: number, unit: () => number, normal: () => number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()))
  const floor = Math.exp(-mean)
  let count = 0
  for (let product = unit(); product > floor; product *= unit()) count++
  return count
}
