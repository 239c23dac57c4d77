import { encodeLeaf, parseLeaf } from '../../../packages/sdk/src/proof/leaf.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { fromHex, vector } from '../vector.ts'

export const target: Target = {
  name: 'leaf',
  inputs: 50_000,
  codes: ['LEAF_MISMATCH'],
  covers: ['sdk/proof/leaf.ts parseLeaf'],
  async open() {
    return {
      manner: 'bytes',
      seeds: vector('log').leaf.leaves.map(({ bytes }) => fromHex(bytes)),
      run: (input) => judgedNow(() => promise(same(encodeLeaf(parseLeaf(input)), input), 'it has a second form')),
    }
  },
}
