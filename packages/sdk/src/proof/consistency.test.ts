import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeVectors, hashOfVector, integerOfVector } from '../../test/merkle-vectors.ts'
import { flipBit, referenceConsistency, referenceRoot, someLeaves } from '../../test/reference-tree.ts'
import { verifyConsistency } from './consistency.ts'
import { EMPTY_ROOT, type Hash } from './merkle.ts'
import { proveConsistency } from './prove.ts'

const headOf = (leaves: Hash[], size = leaves.length) => ({
  treeSize: BigInt(size),
  rootHash: referenceRoot(leaves.slice(0, size)),
})

const twoSizes = fc
  .integer({ min: 0, max: 70 })
  .chain((size) => fc.record({ size: fc.constant(size), old: fc.integer({ min: 0, max: size }) }))

const seeded = { seed: 4, numRuns: 120 }

const PROOF_INVALID = expect.objectContaining({ code: 'PROOF_INVALID' })

describe('verifyConsistency()', () => {
  it('accepts every pair of sizes', () => {
    fc.assert(
      fc.property(twoSizes, ({ size, old }) => {
        const leaves = someLeaves(size)
        verifyConsistency(headOf(leaves, old), headOf(leaves), referenceConsistency(old, leaves))
      }),
      seeded,
    )
  })

  it('refuses a proof or a root with any one bit flipped', () => {
    fc.assert(
      fc.property(twoSizes, fc.nat(64), fc.nat(255), ({ size, old }, which, bit) => {
        fc.pre(old > 0)
        const leaves = someLeaves(size)
        const parts = [headOf(leaves, old).rootHash, headOf(leaves).rootHash, ...referenceConsistency(old, leaves)]
        const [older, newer, ...path] = parts.map((part, i) => (i === which % parts.length ? flipBit(part, bit) : part))
        const verify = () =>
          verifyConsistency(
            { treeSize: BigInt(old), rootHash: older as Hash },
            { treeSize: BigInt(size), rootHash: newer as Hash },
            path,
          )
        expect(verify).toThrow(PROOF_INVALID)
      }),
      seeded,
    )
  })

  const leaves = someLeaves(7)
  const path = referenceConsistency(5, leaves)
  const head = (size: number) => headOf(leaves, size)
  const other = { treeSize: 7n, rootHash: flipBit(head(7).rootHash, 0) }
  it.each([
    { older: head(7), newer: head(5), path: [], guard: /exceeds newer size 5/ },
    { older: { ...head(5), treeSize: -1n }, newer: head(7), path, guard: /is negative/ },
    { older: head(5), newer: head(7), path: path.slice(0, -1), guard: /too short/ },
    { older: head(5), newer: head(7), path: [...path, EMPTY_ROOT], guard: /too long/ },
    { older: head(5), newer: head(7), path: [], guard: /path is empty/ },
    { older: head(5), newer: head(7), path: [new Uint8Array(33), ...path.slice(1)], guard: /path hash of 33 bytes/ },
    { older: { treeSize: 5n, rootHash: new Uint8Array(9) }, newer: head(7), path, guard: /root of 9 bytes/ },
    { older: { treeSize: 5n, rootHash: EMPTY_ROOT }, newer: head(7), path, guard: /older root/ },
    { older: head(5), newer: other, path, guard: /newer root/ },
    { older: head(7), newer: other, path: [], guard: /two roots for size 7/ },
    { older: head(7), newer: head(7), path, guard: /between equal sizes/ },
    { older: head(0), newer: head(7), path, guard: /from an empty tree/ },
    { older: { treeSize: 0n, rootHash: other.rootHash }, newer: head(7), path: [], guard: /size 0 has another root/ },
  ])('refuses with $guard', ({ older, newer, path: proof, guard }) => {
    expect(() => verifyConsistency(older, newer, proof)).toThrow(guard)
    expect(() => verifyConsistency(older, newer, proof)).toThrow(PROOF_INVALID)
  })
})

describe('proveConsistency()', () => {
  it('makes the reference path', () => {
    fc.assert(
      fc.property(twoSizes, ({ size, old }) => {
        expect(proveConsistency(someLeaves(size), old)).toEqual(referenceConsistency(old, someLeaves(size)))
      }),
      seeded,
    )
  })

  it('refuses sizes in the wrong order', () => {
    expect(() => proveConsistency(someLeaves(5), 6)).toThrow(/the older one first/)
  })
})

describeVectors('consistency', 98, (vector) => {
  const older = { treeSize: integerOfVector(vector['size1']), rootHash: hashOfVector(vector['root1']) }
  const newer = { treeSize: integerOfVector(vector['size2']), rootHash: hashOfVector(vector['root2']) }
  verifyConsistency(older, newer, ((vector['proof'] as string[] | null) ?? []).map(hashOfVector))
})
