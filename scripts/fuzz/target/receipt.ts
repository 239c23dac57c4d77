import { decode, encode, Receipt } from '../../../packages/schemas/src/messages.ts'
import { encodeReceipt, parseReceipt, verifyReceipt } from '../../../packages/sdk/src/proof/receipt.ts'
import { fuzzTrust, isLeaf, NOTE_CHANGES, receiptOf } from '../log-seed.ts'
import type { Random } from '../random.ts'
import { judged, promise, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

export const target: Target = {
  name: 'receipt',
  inputs: 60_000,
  codes: ['PROOF_INVALID', 'LEAF_MISMATCH', 'NOTE_MALFORMED', 'CHECKPOINT_UNTRUSTED'],
  covers: ['sdk/proof/receipt.ts parseReceipt'],
  async open() {
    const receipts = await Promise.all(Array.from({ length: 9 }, (_, i) => receiptOf(i)))
    const some = (random: Random) => random.pick(receipts)
    const others = vector('log').receipts.map(({ receipt }) => fromHex(receipt))
    return {
      manner: 'wire',
      seeds: [...receipts.map(encodeReceipt), ...others],
      twists: [
        ...NOTE_CHANGES.map((change) => ({
          make: async (random: Random) => encodeReceipt(await receiptOf(random.below(9), change(random))),
        })),
        { make: (random) => encodeReceipt({ ...some(random), index: BigInt(random.below(12) + 1) }) },
        { make: (random) => encodeReceipt({ ...some(random), path: some(random).path }) },
        { make: (random) => encodeReceipt({ ...some(random), leaf: some(random).leaf }) },
        { make: (random) => encodeReceipt({ ...some(random), checkpoint: random.bytes(300) as never }) },
      ],
      run: (input) =>
        judged(async () => {
          const receipt = parseReceipt(input)
          promise(same(encode(Receipt, decode(Receipt, input)), input), 'it has a second encoding')
          const { leafIndex } = await verifyReceipt(receipt, fuzzTrust)
          promise(isLeaf(receipt.leaf, leafIndex), 'a leaf was proven that is not in the log')
        }),
    }
  },
}
