/**
 * Numbers that follow from a seed: the same prompts for the same seed, on every platform.
 *
 * @module
 */

export interface Random {
  /** From 0 to `below` − 1. */
  int(below: number): number
  pick<T>(list: readonly [T, ...T[]] | readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

/** FNV-1a of 32 bits over UTF-16 units: makes a seed of a name. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** @param name Parts with other names draw other numbers: one more draw in one of them moves nothing in the others. */
export function randomOf(seed: number, name: string): Random {
  // mulberry32
  let state = (hashOf(name) ^ Math.imul(seed, 0x9e3779b1)) >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(next() * below)
  return {
    int,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError('Cannot pick from a list: it is empty, wanted one item or more')
      return list[int(list.length)] as T
    },
    shuffled<T>(list: readonly T[]): T[] {
      const out = [...list]
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1)
        ;[out[i], out[j]] = [out[j] as T, out[i] as T]
      }
      return out
    },
  }
}
