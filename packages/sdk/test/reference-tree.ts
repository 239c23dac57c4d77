/**
 * RFC 6962 §2.1 as it reads: slow, recursive, and sharing nothing with what it checks but the two hash functions, which
 * published vectors pin.
 */
import { EMPTY_ROOT, type Hash, hashLeaf, hashNode } from '../src/proof/merkle.ts'

const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1)

export function referenceRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leaves[0] as Hash
  const k = split(leaves.length)
  return hashNode(referenceRoot(leaves.slice(0, k)), referenceRoot(leaves.slice(k)))
}

export function referencePath(m: number, leaves: readonly Hash[]): Hash[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return m < k
    ? [...referencePath(m, leaves.slice(0, k)), referenceRoot(leaves.slice(k))]
    : [...referencePath(m - k, leaves.slice(k)), referenceRoot(leaves.slice(0, k))]
}

export function referenceConsistency(m: number, leaves: readonly Hash[]): Hash[] {
  return m === 0 || m === leaves.length ? [] : subproof(m, leaves, true)
}

function subproof(m: number, leaves: readonly Hash[], whole: boolean): Hash[] {
  if (m === leaves.length) return whole ? [] : [referenceRoot(leaves)]
  const k = split(leaves.length)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), referenceRoot(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), referenceRoot(leaves.slice(0, k))]
}

export const someLeaves = (n: number): Hash[] => Array.from({ length: n }, (_, i) => hashLeaf(Uint8Array.of(i, i >> 8)))

export const flipBit = (hash: Hash, bit: number): Hash =>
  hash.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
