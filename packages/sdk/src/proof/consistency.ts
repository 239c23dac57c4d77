/**
 * Proof that one tree is the beginning of another: nothing was removed or changed between two checkpoints.
 *
 * @module
 */
import { equalBytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { EMPTY_ROOT, HASH_BYTES, type Hash, hashNode, type TreeHead } from './merkle.ts'

/**
 * Proves that `older` is a prefix of `newer`. Synchronous; two SHA-256 for each hash of the path at most.
 * {@link https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2 RFC 9162 §2.1.4.2}; `fn`, `sn`, `fr` and `sr` are its
 * names.
 *
 * @param path As received; nothing in it is trusted. Empty when the sizes are equal or the older tree is empty.
 * @throws {PacketError} `PROOF_INVALID`: nothing is known about the two trees, and both heads are to be kept.
 */
export function verifyConsistency(older: TreeHead, newer: TreeHead, path: readonly Hash[]): void {
  if (older.treeSize < 0n) throw invalid(`older size ${older.treeSize} is negative`)
  if (older.treeSize > newer.treeSize)
    throw invalid(`older size ${older.treeSize} exceeds newer size ${newer.treeSize}`)
  for (const hash of path) {
    if (hash.length !== HASH_BYTES) throw invalid(`path hash of ${hash.length} bytes, wanted ${HASH_BYTES}`)
  }
  for (const head of [older, newer]) {
    if (head.treeSize === 0n && !equalBytes(head.rootHash, EMPTY_ROOT))
      throw invalid('size 0 has another root than the empty one')
  }
  if (older.treeSize === newer.treeSize) {
    if (path.length !== 0) throw invalid(`path of ${path.length} between equal sizes, wanted none`)
    if (!equalBytes(older.rootHash, newer.rootHash)) throw invalid(`two roots for size ${older.treeSize}`)
    return
  }
  for (const { rootHash } of [older, newer]) {
    if (rootHash.length !== HASH_BYTES) throw invalid(`root of ${rootHash.length} bytes, wanted ${HASH_BYTES}`)
  }
  if (older.treeSize === 0n) {
    if (path.length !== 0) throw invalid(`path of ${path.length} from an empty tree, wanted none`)
    return
  }
  climb(older, newer, path)
}

function climb(older: TreeHead, newer: TreeHead, path: readonly Hash[]): void {
  // A complete older tree is itself a node of the newer one, so the path leaves it out.
  const steps = isPowerOfTwo(older.treeSize) ? [older.rootHash, ...path] : [...path]
  const start = steps.shift()
  if (start === undefined) throw invalid('path is empty')

  let fn = older.treeSize - 1n
  let sn = newer.treeSize - 1n
  while (isOdd(fn)) {
    fn >>= 1n
    sn >>= 1n
  }
  let fr = start
  let sr = start
  for (const hash of steps) {
    if (sn === 0n) throw invalid(`path of ${path.length} is too long from ${older.treeSize} to ${newer.treeSize}`)
    if (isOdd(fn) || fn === sn) {
      fr = hashNode(hash, fr)
      sr = hashNode(hash, sr)
      while (!isOdd(fn) && fn !== 0n) {
        fn >>= 1n
        sn >>= 1n
      }
    } else {
      sr = hashNode(sr, hash)
    }
    fn >>= 1n
    sn >>= 1n
  }

  if (sn !== 0n) throw invalid(`path of ${path.length} is too short from ${older.treeSize} to ${newer.treeSize}`)
  if (!equalBytes(fr, older.rootHash)) throw invalid('path does not lead to the older root')
  if (!equalBytes(sr, newer.rootHash)) throw invalid('path does not lead to the newer root')
}

const isOdd = (n: bigint) => (n & 1n) === 1n

const isPowerOfTwo = (n: bigint) => (n & (n - 1n)) === 0n

const invalid = (reason: string) => new PacketError('PROOF_INVALID', `Cannot prove consistency: ${reason}`)
