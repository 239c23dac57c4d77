/**
 * Which subtrees a proof is made of. Whoever keeps a tree (the log in tiles, a stream or a batch in memory) turns
 * each range into a hash; so the arithmetic is written once.
 *
 * @module
 */
import { computeRoot, type Hash } from './merkle.ts'

/** Leaves `start` to `end`, `end` excluded. Its hash is the RFC 6962 tree hash of just these leaves. */
export interface LeafRange {
  readonly start: bigint
  readonly end: bigint
}

/**
 * The ranges whose hashes are the inclusion proof, from the leaf's sibling up to the root's child (RFC 6962 §2.1.1).
 *
 * @throws RangeError when the index is outside the tree.
 */
export function inclusionRanges(leafIndex: bigint, treeSize: bigint): LeafRange[] {
  if (leafIndex < 0n || leafIndex >= treeSize) {
    throw new RangeError(`Cannot prove leaf ${leafIndex}: it is outside a tree of ${treeSize}`)
  }
  const ranges: LeafRange[] = []
  let start = 0n
  let end = treeSize
  while (end - start > 1n) {
    const middle = start + splitPoint(end - start)
    if (leafIndex < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.reverse()
}

/**
 * The ranges whose hashes are the consistency proof between two sizes (RFC 6962 §2.1.2); none when the older tree is
 * empty or the sizes are equal.
 *
 * @throws RangeError when `oldSize` exceeds `newSize`.
 */
export function consistencyRanges(oldSize: bigint, newSize: bigint): LeafRange[] {
  if (oldSize < 0n || oldSize > newSize) {
    throw new RangeError(`Cannot prove consistency: sizes ${oldSize} and ${newSize}, wanted the older one first`)
  }
  if (oldSize === 0n || oldSize === newSize) return []
  const ranges: LeafRange[] = []
  let start = 0n
  let end = newSize
  while (oldSize !== end) {
    const middle = start + splitPoint(end - start)
    if (oldSize <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // The whole older tree needs no hash of its own: the verifier has its root.
  if (start !== 0n) ranges.push({ start, end })
  return ranges.reverse()
}

/** Inclusion path of one leaf among leaf hashes held in memory. Costs as many hashes as there are leaves. */
export function proveInclusion(leaves: readonly Hash[], leafIndex: number): Hash[] {
  return inclusionRanges(BigInt(leafIndex), BigInt(leaves.length)).map((range) => hashRange(leaves, range))
}

/** Consistency path from the first `oldSize` leaf hashes to all of them. */
export function proveConsistency(leaves: readonly Hash[], oldSize: number): Hash[] {
  return consistencyRanges(BigInt(oldSize), BigInt(leaves.length)).map((range) => hashRange(leaves, range))
}

const hashRange = (leaves: readonly Hash[], { start, end }: LeafRange) =>
  computeRoot(leaves.slice(Number(start), Number(end)))

/** The largest power of two below `n`, for n > 1. */
function splitPoint(n: bigint): bigint {
  let k = 1n
  while (k << 1n < n) k <<= 1n
  return k
}
