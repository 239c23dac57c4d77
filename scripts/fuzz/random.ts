/**
 * Numbers that a text decides: the same text gives the same numbers on every machine. sfc32, seeded through a 128-bit hash.
 *
 * @module
 */

export interface Random {
  /** A whole number below `bound`, at least 0. */
  below(bound: number): number
  /** True in `share` of all cases. */
  chance(share: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(length: number): Uint8Array<ArrayBuffer>
}

export function createRandom(text: string): Random {
  let [a, b, c, d] = hashOf(text)
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  const below = (bound: number) => Math.floor((next() / 2 ** 32) * bound)
  return {
    below,
    chance: (share) => next() < share * 2 ** 32,
    pick(items) {
      if (items.length === 0) throw new RangeError('Cannot pick: the list is empty')
      return items[below(items.length)] as (typeof items)[number]
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  }
}

/** cyrb128: four words that each depend on the whole text. */
function hashOf(text: string): [number, number, number, number] {
  const words: [number, number, number, number] = [1779033703, 3144134277, 1013904242, 2773480762]
  const factors = [597399067, 2869860233, 951274213, 2716044179]
  for (let i = 0; i < text.length; i++) {
    for (let at = 0; at < 4; at++) {
      const other = words[(at + 1) % 4] as number
      words[at] = other ^ Math.imul((words[at] as number) ^ text.charCodeAt(i), factors[at] as number)
    }
  }
  return words
}
