import { encodeNote, parseNote, parseSignatureLines, verifyNote } from '../../../packages/sdk/src/proof/note.ts'
import { fuzzTrust, NOTE_CHANGES, noteOf, signedTexts } from '../log-seed.ts'
import { judged, promise, same, type Target } from '../target.ts'
import { utf8, vector } from '../vector.ts'

const keys = fuzzTrust.policy.logs.map(({ key }) => key)

export const target: Target = {
  name: 'note',
  inputs: 90_000,
  codes: ['NOTE_MALFORMED', 'SIGNATURE_INVALID'],
  covers: ['sdk/proof/note.ts parseNote', 'sdk/proof/note.ts parseSignatureLines', 'sdk/proof/note.ts verifyNote'],
  async open() {
    return {
      manner: 'text',
      seeds: [
        await noteOf(),
        await noteOf({ cosigners: 0 }),
        ...vector('log').checkpoints.map(({ note }) => utf8(note)),
      ],
      twists: NOTE_CHANGES.map((change) => ({ make: (random) => noteOf(change(random)) })),
      run: (input) =>
        judged(async () => {
          const note = parseNote(input)
          promise(same(encodeNote(note), input), 'it has a second form')
          promise(
            parseSignatureLines(new TextDecoder().decode(input.subarray(utf8(note.text).length + 1))).length > 0,
            'no lines',
          )
          await verifyNote(note, keys)
          signedTexts.hold(utf8(note.text))
        }),
    }
  },
}
