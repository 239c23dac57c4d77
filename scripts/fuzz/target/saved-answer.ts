import { decode, encode, SavedAnswer } from '../../../packages/schemas/src/messages.ts'
import { examine } from '../../../packages/sdk/src/proof/examine.ts'
import { parseSavedAnswer } from '../../../packages/sdk/src/proof/saved-answer.ts'
import { parseTrustFile } from '../../../packages/sdk/src/proof/trust-file.ts'
import type { Random } from '../random.ts'
import { createLedger, judged, promise, same, type Target } from '../target.ts'
import { fromBase64, utf8, vector } from '../vector.ts'

/** A saved answer, and the verdict on it: whatever was changed, what is shown as verified is what was signed. */
export const target: Target = {
  name: 'saved-answer',
  inputs: 40_000,
  codes: ['ANSWER_INVALID', 'VERDICT_PARTIAL', 'VERDICT_FAILED'],
  covers: ['sdk/proof/saved-answer.ts parseSavedAnswer', 'sdk/proof/verify.ts verify'],
  async open() {
    const { trustFiles, savedAnswersBase64, answers } = vector('saved-answers')
    const [text = ''] = trustFiles
    const trust = parseTrustFile(utf8(text))
    const all = savedAnswersBase64.map(fromBase64)
    const whole = answers
      .filter(({ status }) => status === 'VERIFIED')
      .map(({ savedAnswer }) => all[savedAnswer] as Uint8Array)
    const [headers, texts] = [createLedger(), createLedger()]
    for (const bytes of all) {
      const saved = decode(SavedAnswer, bytes)
      for (const packet of [saved.request, saved.open, saved.close]) if (packet) headers.note(packet.header)
    }
    for (const { text: shown } of answers) if (shown !== undefined) texts.note(utf8(shown))
    const names = [
      'request',
      'open',
      'close',
      'answer',
      'attempt',
      'senderKeys',
      'agentKeys',
      'routingTable',
      'authorization',
    ] as const
    const saved = (random: Random) => decode(SavedAnswer, random.pick(whole))
    return {
      manner: 'wire',
      seeds: all,
      twists: [
        { make: (random) => encode(SavedAnswer, { ...saved(random), [random.pick(names.slice(1))]: undefined }) },
        { make: (random) => encode(SavedAnswer, { ...saved(random), version: 2 + random.below(9) }) },
        // A part of another answer in its place.
        {
          make(random) {
            const name = random.pick(names)
            return encode(SavedAnswer, { ...saved(random), [name]: decode(SavedAnswer, random.pick(all))[name] })
          },
        },
      ],
      run: (input) =>
        judged(async () => {
          const answer = parseSavedAnswer(input)
          promise(same(encode(SavedAnswer, answer), input), 'it has a second encoding')
        }).then(async (found) => {
          const verdict = await examine(input, trust)
          if (found !== 'ok') {
            promise(verdict.status === 'FAILED', 'what cannot be read is not refused')
            return found
          }
          if (verdict.status !== 'VERIFIED') return verdict.status === 'PARTIAL' ? 'VERDICT_PARTIAL' : 'VERDICT_FAILED'
          const { request, open, close } = decode(SavedAnswer, input)
          for (const packet of [request, open, close]) if (packet) headers.hold(packet.header)
          if (verdict.answer !== undefined) texts.hold(utf8(verdict.answer.text))
          return 'ok'
        }),
    }
  },
}
