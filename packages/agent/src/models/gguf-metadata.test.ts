import { existsSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseGgufMetadata } from './gguf-metadata.ts'
import { factsOf } from './model-facts.ts'

type Value = { type: number; bytes: Uint8Array }
const u32 = (value: number) => new Uint8Array(new Uint32Array([value]).buffer)
const u64 = (value: bigint | number) => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)
const join = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]))
const text = (value: string) => join(u64(new TextEncoder().encode(value).length), new TextEncoder().encode(value))
const string = (value: string): Value => ({ type: 8, bytes: text(value) })
const uint32 = (value: number): Value => ({ type: 4, bytes: u32(value) })
const strings = (values: string[]): Value => ({ type: 9, bytes: join(u32(8), u64(values.length), ...values.map(text)) })
const file = (pairs: [string, Value][], { version = 3, tensors = 0n, keys = BigInt(pairs.length) } = {}) =>
  join(
    new TextEncoder().encode('GGUF'),
    u32(version),
    u64(tensors),
    u64(keys),
    ...pairs.map(([key, { type, bytes }]) => join(text(key), u32(type), bytes)),
  )
const parse = (bytes: Uint8Array) => {
  const metadata = parseGgufMetadata(bytes, bytes.length)
  if (metadata === 'more') throw new Error('a whole file cannot want more')
  return metadata
}

const small: [string, Value][] = [
  ['general.architecture', string('llama')],
  ['general.file_type', uint32(3)],
  ['llama.context_length', uint32(2_048)],
  ['tokenizer.ggml.tokens', strings(['a', 'b', '☃'])],
  ['tokenizer.chat_template', string('{{ messages }}')],
]

describe('parseGgufMetadata', () => {
  it('reads what it was given, whole', () => {
    const bytes = file(small)
    const { entries, endOffset } = parse(bytes)
    expect(endOffset).toBe(bytes.length)
    expect(entries.get('general.architecture')?.value).toBe('llama')
    expect(entries.get('tokenizer.ggml.tokens')?.value).toEqual({ elementType: 8, count: 3 })
  })

  it('wants more for any beginning of a file, and refuses the same bytes as a whole file', () => {
    const bytes = file(small)
    for (let length = 0; length < bytes.length; length++) {
      expect(parseGgufMetadata(bytes.subarray(0, length), bytes.length)).toBe('more')
      expect(() => parse(bytes.subarray(0, length))).toThrow(/Cannot read the GGUF metadata/)
    }
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['another magic', file(small).fill(0x58, 0, 1), /first bytes/],
    ['version 1', file(small, { version: 1 }), /version 1/],
    ['a big-endian file', file(small, { version: 0x03000000 }), /little-endian/],
    ['a huge key count', file(small, { keys: 2n ** 63n }), /key count/],
    ['an empty key', file([['', uint32(1)]]), /empty/],
    [
      'a key twice',
      file([
        ['a', uint32(1)],
        ['a', uint32(2)],
      ]),
      /twice/,
    ],
    ['an unknown type', file([['a', { type: 13, bytes: u32(0) }]]), /type 13/],
    ['a nested array', file([['a', { type: 9, bytes: join(u32(9), u64(1), u32(4), u64(0)) }]]), /elements of type 9/],
    ['a huge array', file([['a', { type: 9, bytes: join(u32(4), u64(2n ** 62n)) }]]), /array length/],
    ['a string past the end', file([['a', { type: 8, bytes: u64(99) }]]), /length 99/],
    ['text that is not UTF-8', file([['a', { type: 8, bytes: join(u64(1), new Uint8Array([0xff])) }]]), /UTF-8/],
    ['a boolean of 2', file([['a', { type: 7, bytes: new Uint8Array([2]) }]]), /boolean/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: 'DOCUMENT_MALFORMED' }))
    expect(() => parse(bytes)).toThrow(message)
  })

  it('either reads or refuses whatever it is given', () => {
    const seed = file(small)
    const mutation = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(mutation, fc.nat(seed.length), (changes, length) => {
        const bytes = seed.slice(0, length === 0 ? seed.length : length)
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        try {
          const metadata = parseGgufMetadata(bytes, bytes.length)
          expect(metadata).not.toBe('more')
        } catch (error) {
          expect(error).toMatchObject({ name: 'ModelError', code: 'DOCUMENT_MALFORMED' })
        }
      }),
      { seed: 7, numRuns: 3_000 },
    )
  })
})

describe('factsOf', () => {
  it('says what the file says', () => {
    expect(factsOf(parse(file(small)))).toMatchObject({
      architecture: 'llama',
      quantisation: 'Q4_1',
      contextTokens: 2_048,
      chatTemplate: '{{ messages }}',
    })
    expect(factsOf(parse(file([['general.file_type', uint32(999)]])))).toEqual({ quantisation: 'file type 999' })
  })

  it('digests the tokenizer whatever its order in the file, and any token of it', () => {
    const digest = (pairs: [string, Value][]) => factsOf(parse(file(pairs))).tokenizerDigest
    expect(digest(small.toReversed())).toEqual(digest(small))
    expect(digest(small.filter(([key]) => !key.includes('chat_template')))).toEqual(digest(small))
    expect(digest(small.with(3, ['tokenizer.ggml.tokens', strings(['a', 'b', '☀'])]))).not.toEqual(digest(small))
  })

  it('digests the exact bytes of the chat template', () => {
    const template = '\ufeff{{ x }}'
    const facts = factsOf(parse(file([['tokenizer.chat_template', string(template)]])))
    expect(facts.chatTemplate).toBe(template)
    expect(facts.chatTemplateDigest).toHaveLength(32)
  })
})

const given = process.env['WEAVE_GGUF_FILES'] ?? new URL('../../../../../shared/data/gguf', import.meta.url).pathname
const filesOf = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.endsWith('.gguf'))
const REFUSED = /^(02|04|06|10|12|14|16|18|20|22|24|52|54)_/

const isGiven = filesOf(`${given}/hostile`).length > 0

/** Files of other makers lie beside the repository, or where `WEAVE_GGUF_FILES` says; in CI they must be there. */
describe('files of other makers', () => {
  it.skipIf(!isGiven && !process.env['CI'])(
    `lie in shared/data/gguf beside the repository, or in WEAVE_GGUF_FILES`,
    () => {
      expect(isGiven).toBe(true)
    },
  )
  it.each(filesOf(`${given}/valid`))('reads %s', (name) => {
    expect(parse(readFileSync(`${given}/valid/${name}`)).entries.size).toBeGreaterThan(3)
  })
  it.each(filesOf(`${given}/hostile`))('judges the metadata of %s', (name) => {
    const bytes = readFileSync(`${given}/hostile/${name}`)
    if (REFUSED.test(name)) expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: 'DOCUMENT_MALFORMED' }))
    else expect(parse(bytes).entries.size).toBeGreaterThan(0)
  })
})
