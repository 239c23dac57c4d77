import { errorOf, modelNames, readChunks } from '../../../packages/agent/src/adapters/openai-wire.ts'
import { judged, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

const chunk = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const delta = (content: string, finish: string | null = null) =>
  chunk({ choices: [{ delta: { content }, finish_reason: finish }] })

/** What an OpenAI-compatible server sends: a stream, the list of its models, an error. Read in pieces of `input[0]` bytes. */
export const target: Target = {
  name: 'openai',
  inputs: 40_000,
  codes: ['ENGINE_FAILED'],
  covers: ['agent/adapters/openai-wire.ts readChunks', 'agent/adapters/openai-wire.ts parseJson'],
  async open() {
    const streams = [
      `${delta('Hel')}${delta('lo', 'stop')}${chunk({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })}data: [DONE]\n\n`,
      `: a comment\r\nevent: x\r\n${delta('é😀')}data: {"error":{"message":"context length"}}\n\n`,
      delta('a', 'length'),
      JSON.stringify({ data: [{ id: 'a' }, { id: 5 }] }),
    ]
    return {
      manner: 'text',
      seeds: streams.map((text, i) => new Uint8Array([3 + 40 * i, ...utf8(text)])),
      run(input) {
        const size = 1 + (input[0] ?? 0)
        const bytes = input.subarray(1)
        const text = new TextDecoder().decode(bytes)
        errorOf(200 + (input[0] ?? 0), text)
        return judged(async () => {
          const pieces = async function* () {
            for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
          }
          for await (const each of readChunks(pieces())) void each
          if (text.startsWith('{')) modelNames(text)
        })
      },
    }
  },
}
