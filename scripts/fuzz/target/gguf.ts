import { parseGgufMetadata } from '../../../packages/agent/src/models/gguf-metadata.ts'
import { judgedNow, promise, type Target } from '../target.ts'
import { utf8 } from '../vector.ts'

const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)
const u64 = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)
const join = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
const text = (value: string) => join(u64(utf8(value).length), utf8(value))
type Pair = readonly [key: string, type: number, value: Uint8Array]
const file = (pairs: readonly Pair[], version = 3) =>
  join(
    utf8('GGUF'),
    u32(version),
    u64(0),
    u64(pairs.length),
    ...pairs.map(([key, type, value]) => join(text(key), u32(type), value)),
  )

const pairs: readonly Pair[] = [
  ['general.architecture', 8, text('llama')],
  ['general.file_type', 4, u32(3)],
  ['flag', 7, Uint8Array.of(1)],
  ['half', 12, new Uint8Array(8)],
  ['tokenizer.ggml.tokens', 9, join(u32(8), u64(3), text('a'), text('b'), text('☃'))],
  ['scores', 9, join(u32(6), u64(4), new Uint8Array(16))],
]

/** The metadata of a model file; `more` counts as a refusal, MORE: the bytes end and the file goes on. */
export const target: Target = {
  name: 'gguf',
  inputs: 60_000,
  codes: ['DOCUMENT_MALFORMED', 'MORE'],
  covers: ['agent/models/gguf-metadata.ts parseGgufMetadata'],
  async open() {
    return {
      manner: 'bytes',
      seeds: [file(pairs), file(pairs.slice(0, 2), 2), file([])],
      run(input) {
        let isMore = false
        const found = judgedNow(() => {
          const isWhole = (input[input.length - 1] ?? 0) % 2 === 0
          const metadata = parseGgufMetadata(input, input.length + (isWhole ? 0 : 1_000))
          isMore = metadata === 'more'
          if (metadata === 'more') return
          promise(metadata.endOffset <= input.length, 'it ends after its bytes')
          const bytes = [...metadata.entries.values()].reduce((sum, { encoded }) => sum + encoded.length, 24)
          promise(bytes === metadata.endOffset, 'its pairs are not its bytes')
        })
        return isMore ? 'MORE' : found
      },
    }
  },
}
