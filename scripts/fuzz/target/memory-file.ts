import { encodeMemory, newer, parseMemory } from '../../../packages/cli/src/memory-file.ts'
import { judgedNow, promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

/** What clients on this machine have seen, as it is kept in a file. */
export const target: Target = {
  name: 'memory-file',
  inputs: 40_000,
  codes: ['STORE_FAILED'],
  covers: ['cli/memory-file.ts parseMemory'],
  async open() {
    const [older, later] = [new Uint8Array(9), new Uint8Array(9).fill(1)]
    const whole = {
      tableVersion: 3n,
      checkpoint: { treeSize: 9n, rootHash: new Uint8Array(32), note: older },
      heads: new Map([['aa', 4n]]),
    }
    return {
      manner: 'json',
      seeds: [encodeMemory(whole), encodeMemory({ ...whole, forks: [{ older, newer: later }] }), encodeMemory({})].map(
        utf8,
      ),
      run: (input) =>
        judgedNow(() => {
          const memory = parseMemory(new TextDecoder().decode(input))
          const text = encodeMemory(memory)
          promise(encodeMemory(parseMemory(text)) === text, 'it does not survive')
          newer(memory, parseMemory(text))
        }),
    }
  },
}
