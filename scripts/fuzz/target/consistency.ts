import { verifyConsistency } from '../../../packages/sdk/src/proof/consistency.ts'
import { computeRoot, hashLeaf } from '../../../packages/sdk/src/proof/merkle.ts'
import { proveConsistency } from '../../../packages/sdk/src/proof/prove.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'

const HASH = 32

/** `u8 older ‖ u8 newer ‖ root of each ‖ path`: sizes of trees over the same leaves. */
export const target: Target = {
  name: 'consistency',
  inputs: 30_000,
  codes: ['PROOF_INVALID'],
  covers: ['sdk/proof/consistency.ts verifyConsistency'],
  async open() {
    const hashes = Array.from({ length: 40 }, (_, i) => hashLeaf(Uint8Array.of(i)))
    const rootOf = (size: number) => computeRoot(hashes.slice(0, size))
    const claim = (older: number, newer: number, path: readonly Uint8Array[]) =>
      new Uint8Array(Buffer.concat([Uint8Array.of(older, newer), rootOf(older), rootOf(newer), ...path]))
    const pairs = [0, 1, 2, 3, 7, 8, 20, 40].flatMap((older) =>
      [1, 8, 33, 40].filter((newer) => newer >= older).map((newer) => [older, newer] as const),
    )
    const pathOf = (older: number, newer: number) =>
      older === 0 || older === newer ? [] : proveConsistency(hashes.slice(0, newer), older)
    return {
      manner: 'bytes',
      seeds: pairs.map(([older, newer]) => claim(older, newer, pathOf(older, newer))),
      twists: [
        { make: (random) => claim(...random.pick(pairs), pathOf(...random.pick(pairs))) },
        { make: (random) => claim(random.below(41), random.below(41), pathOf(...random.pick(pairs))) },
      ],
      run: (input) =>
        judgedNow(() => {
          const [older = 0, newer = 0] = input
          const root = (at: number) => input.subarray(2 + at * HASH, 2 + (at + 1) * HASH)
          const path: Uint8Array[] = []
          for (let at = 2 + 2 * HASH; at < input.length; at += HASH) path.push(input.subarray(at, at + HASH))
          verifyConsistency(
            { treeSize: BigInt(older), rootHash: root(0) },
            { treeSize: BigInt(newer), rootHash: root(1) },
            path,
          )
          const isNewest = newer <= hashes.length && same(root(1), rootOf(newer))
          promise(!isNewest || older === 0 || same(root(0), rootOf(older)), 'a root was taken that the tree never had')
        }),
    }
  },
}
