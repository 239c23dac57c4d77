import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { referenceRoot, someLeaves } from '../../test/reference-tree.ts'
import { toHex } from '../bytes.ts'
import { computeRoot, createFrontier, EMPTY_ROOT, hashLeaf, hashNode } from './merkle.ts'

describe('the tree hash', () => {
  it('agrees with the published hashes of nothing and of an empty leaf', () => {
    expect(toHex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(toHex(hashLeaf(new Uint8Array()))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
  })

  it('agrees with the published root of eight leaves', () => {
    // RFC 6962 test data, as certificate-transparency publishes it.
    const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
    const leaves = data.map((hex) =>
      hashLeaf(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))),
    )
    expect(toHex(computeRoot(leaves))).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  })

  it('refuses a child that is not 32 bytes', () => {
    expect(() => hashNode(EMPTY_ROOT, new Uint8Array(31))).toThrow(/32 and 31 bytes/)
  })

  it('computes the reference root of every size', () => {
    fc.assert(
      fc.property(fc.nat(130), (n) => {
        expect(computeRoot(someLeaves(n))).toEqual(referenceRoot(someLeaves(n)))
      }),
      { seed: 1, numRuns: 60 },
    )
  })
})

describe('createFrontier()', () => {
  it('has the reference root at every size, also when restored on the way', () => {
    fc.assert(
      fc.property(fc.nat(70), fc.nat(70), (first, more) => {
        const leaves = someLeaves(first + more)
        const before = createFrontier()
        for (const leaf of leaves.slice(0, first)) before.append(leaf)
        const after = createFrontier(before.size, before.nodes())
        for (const leaf of leaves.slice(first)) after.append(leaf)
        expect(after.size).toBe(BigInt(leaves.length))
        expect(after.root()).toEqual(referenceRoot(leaves))
      }),
      { seed: 2, numRuns: 60 },
    )
  })

  it('refuses nodes that do not fit its size', () => {
    expect(() => createFrontier(5n, [EMPTY_ROOT])).toThrow(/1 nodes, wanted 2/)
  })
})
