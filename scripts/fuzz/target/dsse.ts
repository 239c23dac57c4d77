import { encodeDsse, parseDsse } from '../../../packages/sdk/src/envelope/dsse.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'
import { utf8, vector } from '../vector.ts'

export const target: Target = {
  name: 'dsse',
  inputs: 40_000,
  codes: ['DOCUMENT_MALFORMED'],
  covers: ['sdk/envelope/dsse.ts parseDsse'],
  async open() {
    return {
      manner: 'json',
      seeds: [
        utf8(vector('packets').dsse),
        utf8('{"payloadType":"x","payload":"aGk","signatures":[{"keyid":"a","sig":"_-8="}]}'),
      ],
      run: (input) =>
        judgedNow(() => {
          const envelope = parseDsse(new TextDecoder().decode(input))
          const again = parseDsse(encodeDsse(envelope))
          promise(
            again.payloadType === envelope.payloadType && same(again.payload, envelope.payload),
            'it does not survive',
          )
        }),
    }
  },
}
