import { encodeAddCheckpoint, parseAddCheckpoint } from '../../../packages/router/src/witness/request.ts'
import { noteOf } from '../log-seed.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'

/** What a log asks a witness. */
export const target: Target = {
  name: 'add-checkpoint',
  inputs: 40_000,
  codes: ['NOTE_MALFORMED'],
  covers: ['router/witness/request.ts parseAddCheckpoint'],
  async open() {
    const note = await noteOf()
    const hashes = (count: number) => Array.from({ length: count }, (_, i) => new Uint8Array(32).fill(i))
    return {
      manner: 'text',
      seeds: [0, 1, 63].map((count) => encodeAddCheckpoint({ oldSize: BigInt(count), path: hashes(count), note })),
      twists: [{ make: (random) => encodeAddCheckpoint({ oldSize: 5n, path: hashes(64 + random.below(9)), note }) }],
      run: (input) =>
        judgedNow(() => promise(same(encodeAddCheckpoint(parseAddCheckpoint(input)), input), 'it has a second form')),
    }
  },
}
