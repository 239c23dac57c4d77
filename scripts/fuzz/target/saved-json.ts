import { decode, encode, SavedAnswer } from '../../../packages/schemas/src/messages.ts'
import { savedAnswerFromJson, savedAnswerToJson } from '../../../packages/sdk/src/proof/saved-answer-json.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { fromBase64, utf8, vector } from '../vector.ts'

export const target: Target = {
  name: 'saved-json',
  inputs: 20_000,
  codes: ['ANSWER_INVALID'],
  covers: ['sdk/proof/saved-answer-json.ts savedAnswerFromJson'],
  async open() {
    const texts = vector('saved-answers').savedAnswersBase64.map((each) =>
      savedAnswerToJson(decode(SavedAnswer, fromBase64(each))),
    )
    return {
      manner: 'json',
      seeds: texts.map(utf8),
      run: (input) =>
        judgedNow(() => {
          const saved = savedAnswerFromJson(new TextDecoder().decode(input))
          const again = savedAnswerFromJson(savedAnswerToJson(saved))
          promise(same(encode(SavedAnswer, again), encode(SavedAnswer, saved)), 'it does not survive')
        }),
    }
  },
}
