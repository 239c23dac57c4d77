/**
 * Where a packet stands among those of its sender key (docs/protocol.md §5.1).
 *
 * @module
 */

export interface Place {
  readonly epoch: bigint
  readonly seq: bigint
}

/** Numbers one key's packets within one process. */
export interface Sequence {
  readonly epoch: bigint
  next(): Place
  /** Consecutive places, for a batch. */
  take(count: number): readonly Place[]
}

/**
 * Begins a new epoch. Two processes must not share a packet key: their epochs would race.
 *
 * @param nowMs The clock; an epoch must be larger than all before it with the same key.
 */
export function createSequence(nowMs: number): Sequence {
  const epoch = BigInt(nowMs)
  let last = 0n
  const next = () => {
    last += 1n
    return { epoch, seq: last }
  }
  return { epoch, next, take: (count) => Array.from({ length: count }, next) }
}
