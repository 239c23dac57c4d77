/**
 * Proof that one leaf is in the log.
 *
 * @module
 */
import { equalBytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import type { VerifiedCheckpoint } from './checkpoint.ts'
import { HASH_BYTES, type Hash, hashNode, type TreeHead } from './merkle.ts'

export interface InclusionProof {
  /** Position of the leaf, from 0. */
  readonly leafIndex: bigint
  /** Sibling hashes from the leaf up to the root; none for a tree of one leaf. */
  readonly path: readonly Hash[]
}

/** A place in the log that has been proven. Only {@link verifyInclusion} makes one. */
export interface LoggedLeaf {
  readonly leafHash: Hash
  readonly leafIndex: bigint
  readonly checkpoint: VerifiedCheckpoint
  readonly __brand: 'LoggedLeaf'
}

/**
 * Proves that a leaf is in the tree that a verified checkpoint commits to. Synchronous, no I/O, no clock;
 * one SHA-256 for each hash of the path.
 *
 * @param leafHash `hashLeaf()` of the leaf's bytes.
 * @param proof As received; nothing in it is trusted.
 * @param checkpoint From `verifyCheckpoint()`; the type admits no other.
 * @throws {PacketError} `PROOF_INVALID`, as {@link checkInclusion}.
 */
export function verifyInclusion(leafHash: Hash, proof: InclusionProof, checkpoint: VerifiedCheckpoint): LoggedLeaf {
  checkInclusion(leafHash, proof, checkpoint)
  return { leafHash, leafIndex: proof.leafIndex, checkpoint } as LoggedLeaf
}

/**
 * The arithmetic alone, for trees that have no checkpoint (frames of a stream, packets of a batch).
 * {@link https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2 RFC 9162 §2.1.3.2}; `fn` and `sn` are its names.
 *
 * @throws {PacketError} `PROOF_INVALID` if a hash has the wrong length, the index is outside the tree, the path has
 *   the wrong length, or the hashes do not lead to the root.
 */
export function checkInclusion(leafHash: Hash, { leafIndex, path }: InclusionProof, head: TreeHead): void {
  const { treeSize, rootHash } = head
  if (leafHash.length !== HASH_BYTES) throw invalid(`leaf hash of ${leafHash.length} bytes, wanted ${HASH_BYTES}`)
  if (leafIndex < 0n || leafIndex >= treeSize) throw invalid(`leaf index ${leafIndex} is outside a tree of ${treeSize}`)

  let fn = leafIndex
  let sn = treeSize - 1n
  let hash = leafHash
  for (const sibling of path) {
    if (sibling.length !== HASH_BYTES) throw invalid(`path hash of ${sibling.length} bytes, wanted ${HASH_BYTES}`)
    if (sn === 0n) throw invalid(`path of ${path.length} is too long for a tree of ${treeSize}`)
    if (isOdd(fn) || fn === sn) {
      hash = hashNode(sibling, hash)
      // On the right edge, levels where this subtree has no sibling are skipped.
      while (!isOdd(fn) && fn !== 0n) {
        fn >>= 1n
        sn >>= 1n
      }
    } else {
      hash = hashNode(hash, sibling)
    }
    fn >>= 1n
    sn >>= 1n
  }

  if (sn !== 0n) throw invalid(`path of ${path.length} is too short for a tree of ${treeSize}`)
  if (!equalBytes(hash, rootHash)) throw invalid('path does not lead to the root')
}

const isOdd = (n: bigint) => (n & 1n) === 1n

const invalid = (reason: string) => new PacketError('PROOF_INVALID', `Cannot prove inclusion: ${reason}`)
