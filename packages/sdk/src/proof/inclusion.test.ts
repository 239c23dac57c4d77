import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeVectors, hashOfVector, integerOfVector } from '../../test/merkle-vectors.ts'
import { flipBit, referencePath, referenceRoot, someLeaves } from '../../test/reference-tree.ts'
import type { VerifiedCheckpoint } from './checkpoint.ts'
import { verifyInclusion } from './inclusion.ts'
import { type Hash, hashLeaf } from './merkle.ts'
import { proveInclusion } from './prove.ts'

const checkpointOf = (leaves: Hash[]) =>
  ({
    origin: 'log.test',
    treeSize: BigInt(leaves.length),
    rootHash: referenceRoot(leaves),
  }) as unknown as VerifiedCheckpoint

const PROOF_INVALID = expect.objectContaining({ code: 'PROOF_INVALID' })

const anyLeaf = fc
  .integer({ min: 1, max: 80 })
  .chain((size) => fc.record({ size: fc.constant(size), index: fc.integer({ min: 0, max: size - 1 }) }))

const seeded = { seed: 3, numRuns: 100 }

describe('verifyInclusion()', () => {
  it('accepts every leaf of every tree, and names its place', () => {
    fc.assert(
      fc.property(anyLeaf, ({ size, index }) => {
        const leaves = someLeaves(size)
        const proof = { leafIndex: BigInt(index), path: referencePath(index, leaves) }
        const logged = verifyInclusion(leaves[index] as Hash, proof, checkpointOf(leaves))
        expect(logged.leafIndex).toBe(BigInt(index))
      }),
      seeded,
    )
  })

  it('refuses a proof with any one bit flipped', () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(64), fc.nat(255), ({ size, index }, which, bit) => {
        const leaves = someLeaves(size)
        const parts = [leaves[index] as Hash, ...referencePath(index, leaves)]
        const [leaf, ...path] = parts.map((part, i) => (i === which % parts.length ? flipBit(part, bit) : part))
        expect(() => verifyInclusion(leaf as Hash, { leafIndex: BigInt(index), path }, checkpointOf(leaves))).toThrow(
          PROOF_INVALID,
        )
      }),
      seeded,
    )
  })

  it('binds the index: the right path proves no other place', () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(200), ({ size, index }, other) => {
        fc.pre(other !== index)
        const leaves = someLeaves(size)
        const proof = { leafIndex: BigInt(other), path: referencePath(index, leaves) }
        expect(() => verifyInclusion(leaves[index] as Hash, proof, checkpointOf(leaves))).toThrow(PROOF_INVALID)
      }),
      seeded,
    )
  })

  // One code for every guard, so each case names its own by the message.
  const five = referencePath(0, someLeaves(5))
  const short = new Uint8Array(31)
  it.each([
    { leafIndex: 5n, path: five, guard: /outside a tree of 5/ },
    { leafIndex: -1n, path: five, guard: /outside a tree of 5/ },
    { leafIndex: 0n, path: five.slice(0, -1), guard: /too short/ },
    { leafIndex: 0n, path: [...five, hashLeaf(Uint8Array.of(9))], guard: /too long/ },
    { leafIndex: 1n, path: five, guard: /does not lead to the root/ },
    { leafIndex: 0n, path: [short, ...five.slice(1)], guard: /path hash of 31 bytes/ },
  ])('refuses index $leafIndex with $path.length hashes: $guard', ({ guard, ...proof }) => {
    const leaves = someLeaves(5)
    expect(() => verifyInclusion(leaves[0] as Hash, proof, checkpointOf(leaves))).toThrow(guard)
  })

  it('refuses a leaf hash of another length, and any leaf of an empty tree', () => {
    const one = { leafIndex: 0n, path: [] }
    expect(() => verifyInclusion(short, one, checkpointOf(someLeaves(1)))).toThrow(/leaf hash of 31 bytes/)
    expect(() => verifyInclusion(hashLeaf(short), one, checkpointOf([]))).toThrow(/outside a tree of 0/)
  })
})

describe('proveInclusion()', () => {
  it('makes the reference path', () => {
    fc.assert(
      fc.property(anyLeaf, ({ size, index }) => {
        expect(proveInclusion(someLeaves(size), index)).toEqual(referencePath(index, someLeaves(size)))
      }),
      seeded,
    )
  })

  it('refuses a leaf outside the tree', () => {
    expect(() => proveInclusion(someLeaves(5), 5)).toThrow(/outside a tree of 5/)
  })
})

describeVectors('inclusion', 98, (vector) => {
  const treeSize = integerOfVector(vector['treeSize'])
  const checkpoint = { treeSize, rootHash: hashOfVector(vector['root']) } as unknown as VerifiedCheckpoint
  const path = ((vector['proof'] as string[] | null) ?? []).map(hashOfVector)
  verifyInclusion(hashOfVector(vector['leafHash']), { leafIndex: integerOfVector(vector['leafIdx']), path }, checkpoint)
})
