import { encodeBech32, parseBech32 } from '../../../packages/sdk/src/keys/bech32.ts'
import { formatInstanceId, formatSeed, parseInstanceId, parseSeed } from '../../../packages/sdk/src/keys/name.ts'
import { judgedNow, promise, type Target } from '../target.ts'
import { utf8, vector } from '../vector.ts'

/** Text forms of instance ids and seeds. */
export const target: Target = {
  name: 'name',
  inputs: 60_000,
  codes: ['FIELD_INVALID', 'IDENTITY_FILE_INVALID'],
  covers: ['sdk/keys/name.ts parseInstanceId', 'sdk/keys/bech32.ts parseBech32'],
  async open() {
    const { instance, seeds } = vector('names')
    return {
      manner: 'text',
      seeds: [utf8(instance.text), ...seeds.map(({ text }) => utf8(text))],
      run(input) {
        const text = new TextDecoder().decode(input)
        const parsed = parseBech32(text)
        if (typeof parsed !== 'string')
          promise(encodeBech32(parsed.prefix, parsed.bytes) === text.toLowerCase(), 'it has a second form')
        return judgedNow(() => {
          if (text.startsWith('WEAVE')) promise(formatSeed(parseSeed(text)) === text, 'a seed has a second form')
          else promise(formatInstanceId(parseInstanceId(text)) === text.toLowerCase(), 'an id has a second form')
        })
      },
    }
  },
}
