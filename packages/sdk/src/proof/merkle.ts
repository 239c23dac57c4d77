/**
 * The Merkle tree hash of {@link https://www.rfc-editor.org/rfc/rfc6962#section-2.1 RFC 6962 §2.1}.
 *
 * @module
 */
import { sha256 } from '#primitives'

/** SHA-256 of the parts, one after the other: for digests that leaves carry. */
export { sha256 }

/** A SHA-256 digest: 32 bytes. */
export type Hash = Uint8Array

export const HASH_BYTES = 32

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0))

/** Size and root of a tree: all that the arithmetic of a proof needs. */
export interface TreeHead {
  readonly treeSize: bigint
  readonly rootHash: Hash
}

/** Hash of a leaf: SHA-256(00 ‖ data). The prefix keeps a leaf from passing for an inner node. */
export const hashLeaf = (data: Uint8Array): Hash => sha256(LEAF_PREFIX, data)

const LEAF_PREFIX = new Uint8Array(1)

/** Used again for each node: hashing is synchronous and keeps nothing of its input. */
const nodeInput = Uint8Array.of(1, ...EMPTY_ROOT, ...EMPTY_ROOT)

/** Hash of an inner node: SHA-256(01 ‖ left ‖ right). Both are 32 bytes. */
export function hashNode(left: Hash, right: Hash): Hash {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new RangeError(`Cannot hash a node: children of ${left.length} and ${right.length} bytes, wanted 32`)
  }
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}

/**
 * The root over leaf hashes. Costs one hash less than there are leaves, and no recursion.
 *
 * @param leaves From {@link hashLeaf}, in order. None gives {@link EMPTY_ROOT}.
 */
export function computeRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  let level = leaves
  while (level.length > 1) {
    const above: Hash[] = []
    for (let at = 0; at + 1 < level.length; at += 2) above.push(hashNode(level[at] as Hash, level[at + 1] as Hash))
    // An odd last node rises unchanged: that is what splitting at the largest power of two comes to.
    if (level.length % 2 === 1) above.push(level[level.length - 1] as Hash)
    level = above
  }
  return level[0] as Hash
}

/** A growing tree that keeps only its right edge: one hash for each bit set in its size. */
export interface Frontier {
  readonly size: bigint
  /** Adds a leaf by its hash; amortised one node hash. */
  append(leafHash: Hash): void
  /** The root now; at most 63 node hashes. */
  root(): Hash
  /** The complete subtrees from the largest to the smallest; with the size they restore the frontier. */
  nodes(): readonly Hash[]
}

/**
 * Makes a {@link Frontier}, empty or restored.
 *
 * @throws RangeError when `nodes` does not have one hash for each bit set in `size`.
 */
export function createFrontier(size = 0n, nodes: readonly Hash[] = []): Frontier {
  const wanted = [...size.toString(2)].filter((bit) => bit === '1').length
  if (size < 0n || nodes.length !== wanted) {
    throw new RangeError(`Cannot restore a frontier of size ${size}: ${nodes.length} nodes, wanted ${wanted}`)
  }
  const edge = [...nodes]
  let count = size
  return {
    get size() {
      return count
    },
    append(leafHash) {
      let node = leafHash
      for (let bits = count; (bits & 1n) === 1n; bits >>= 1n) node = hashNode(edge.pop() as Hash, node)
      edge.push(node)
      count += 1n
    },
    root() {
      if (edge.length === 0) return EMPTY_ROOT
      return edge.reduceRight((right, left) => hashNode(left, right))
    },
    nodes: () => [...edge],
  }
}
