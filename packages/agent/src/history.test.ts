import type { Receipt } from '@mystranet/schemas/messages'
import { computeRoot, hashLeaf } from '@mystranet/sdk/proof/merkle'
import { proveInclusion } from '@mystranet/sdk/proof/prove'
import type { VerifiedReceipt } from '@mystranet/sdk/proof/receipt'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createHistory } from './history.ts'
import type { ForkEvidence } from './ports.ts'

const LEAVES = Array.from({ length: 130 }, (_, i) => hashLeaf(Uint8Array.of(i)))
const TRUST = { policy: { logs: [], witnesses: [], groups: [], quorum: 'none' as const } }

/** A receipt that was verified, of leaf `index` in the tree of these leaves. */
function receiptOf(leaves: typeof LEAVES, index: number): [Receipt, VerifiedReceipt] {
  const leafIndex = BigInt(index)
  const checkpoint = {
    origin: 'log',
    treeSize: BigInt(leaves.length),
    rootHash: computeRoot(leaves),
    note: new Uint8Array(1),
  }
  const receipt: Receipt = {
    leaf: Uint8Array.of(0),
    index: leafIndex,
    path: proveInclusion(leaves, index),
    checkpoint: checkpoint.note,
  }
  return [receipt, { leafHash: leaves[index], leafIndex, checkpoint } as unknown as VerifiedReceipt]
}

const place = fc.integer({ min: 1, max: LEAVES.length }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)))

it('a receipt proves the root of the tree that ended with its leaf, whatever tree it is shown in', () => {
  fc.assert(
    fc.property(place, fc.boolean(), ([size, index], isFirst) => {
      const forks: ForkEvidence[] = []
      const history = createHistory(TRUST, (fork) => forks.push(fork))
      const [inner, outer] = [LEAVES.slice(0, index + 1), LEAVES.slice(0, size)]
      const both = [() => history.learn(...receiptOf(inner, index)), () => history.learn(...receiptOf(outer, index))]
      for (const learn of isFirst ? both : both.toReversed()) learn()
      expect(forks).toEqual([])
      const other = [...LEAVES.slice(0, index), hashLeaf(Uint8Array.of(1, 2))]
      expect(() => history.learn(...receiptOf(other, index))).toThrow(/two roots of size \d+: a fork/)
      expect(forks).toHaveLength(1)
    }),
    { seed: 11, numRuns: 300 },
  )
})
