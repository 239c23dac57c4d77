import { encodeCheckpoint, verifyCheckpoint } from '../../../packages/sdk/src/proof/checkpoint.ts'
import { parseNote } from '../../../packages/sdk/src/proof/note.ts'
import { fuzzTrust, NOTE_CHANGES, noteOf, signedTexts } from '../log-seed.ts'
import { judged, promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

export const target: Target = {
  name: 'checkpoint',
  inputs: 80_000,
  codes: ['NOTE_MALFORMED', 'CHECKPOINT_UNTRUSTED'],
  covers: [
    'sdk/proof/checkpoint.ts verifyCheckpoint',
    'sdk/proof/checkpoint.ts parseCheckpoint',
    'sdk/proof/checkpoint.ts parseDecimal',
    'sdk/proof/cosignature.ts verifyCosignature',
  ],
  async open() {
    return {
      manner: 'text',
      seeds: [await noteOf(), await noteOf({ cosigners: 2 }), await noteOf({ timeSeconds: 0n })],
      twists: NOTE_CHANGES.map((change) => ({ make: (random) => noteOf(change(random)) })),
      run: (input) =>
        judged(async () => {
          const checkpoint = await verifyCheckpoint(input, fuzzTrust)
          const { text } = parseNote(input)
          promise(encodeCheckpoint(checkpoint) === text, 'its text has a second form')
          signedTexts.hold(utf8(text))
          promise(checkpoint.cosigners.length >= 2, 'it has no quorum')
        }),
    }
  },
}
