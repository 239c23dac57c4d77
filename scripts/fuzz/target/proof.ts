import { exportReceipt, importReceipt, verifyReceipt } from '../../../packages/sdk/src/proof/receipt.ts'
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from '../../../packages/sdk/src/proof/tlog-proof.ts'
import { fuzzTrust, isLeaf, NOTE_CHANGES, receiptOf } from '../log-seed.ts'
import type { Random } from '../random.ts'
import { judged, promise, same, type Target } from '../target.ts'

/** A `.tlog-proof` file, from its lines to the proof that its leaf is in the log. */
export const target: Target = {
  name: 'proof',
  inputs: 60_000,
  codes: ['NOTE_MALFORMED', 'PROOF_INVALID', 'LEAF_MISMATCH', 'CHECKPOINT_UNTRUSTED'],
  covers: [
    'sdk/proof/tlog-proof.ts parseTlogProof',
    'sdk/proof/tlog-proof.ts verifyTlogProof',
    'sdk/proof/receipt.ts verifyReceipt',
    'sdk/proof/receipt.ts openReceipt',
    'sdk/proof/inclusion.ts verifyInclusion',
  ],
  async open() {
    const receipts = await Promise.all(Array.from({ length: 9 }, (_, i) => receiptOf(i)))
    const some = (random: Random) => random.pick(receipts)
    return {
      manner: 'text',
      seeds: receipts.map(exportReceipt),
      twists: [
        ...NOTE_CHANGES.map((change) => ({
          make: async (random: Random) => exportReceipt(await receiptOf(random.below(9), change(random))),
        })),
        { make: (random) => exportReceipt({ ...some(random), index: BigInt(random.below(12) + 1) }) },
        { make: (random) => exportReceipt({ ...some(random), path: some(random).path }) },
        { make: (random) => exportReceipt({ ...some(random), leaf: some(random).leaf }) },
        {
          make: (random) =>
            exportReceipt({ ...some(random), leaf: random.bytes(random.pick([199, 200, 204])) as never }),
        },
        { make: (random) => exportReceipt({ ...some(random), addendum: random.bytes(20) as never }) },
        {
          make: (random) => encodeTlogProof({ ...parseTlogProof(exportReceipt(some(random))), extra: random.bytes(2) }),
        },
      ],
      run: (input) =>
        judged(async () => {
          const proof = parseTlogProof(input)
          promise(same(encodeTlogProof(proof), input), 'it has a second form')
          const receipt = importReceipt(input)
          const { leafIndex } = await verifyReceipt(receipt, fuzzTrust)
          promise(isLeaf(receipt.leaf, leafIndex), 'a leaf was proven that is not in the log')
          await verifyTlogProof(proof, receipt.leaf, fuzzTrust)
        }),
    }
  },
}
