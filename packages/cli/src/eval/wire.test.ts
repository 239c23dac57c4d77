import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EngineWord, parseWord } from './wire.ts'

const facts = { engine: 'llama', runtime: 'r', model: 'm', threads: 1, fileDigest: 'ab'.repeat(32) }
const WORDS: readonly EngineWord[] = [
  { type: 'ready', facts },
  { type: 'text', text: 'ä\n' },
  { type: 'finish', reason: 'length', cpuSeconds: 1.5 },
  { type: 'error', code: 'ENGINE_FAILED', message: 'm' },
]

describe('a word of the engine', () => {
  it.each(WORDS)('$type', (word) => expect(parseWord(JSON.stringify(word))).toEqual(word))

  it.each([
    'x',
    'null',
    '[]',
    '{}',
    '{"type":"constructor"}',
    '{"type":"text"}',
    `{"type":"text","text":"${'x'.repeat(5_000)}"}`,
    '{"type":"finish","reason":"tired","cpuSeconds":1}',
    '{"type":"finish","reason":"stop","cpuSeconds":"1"}',
    '{"type":"ready","facts":{}}',
    JSON.stringify({ type: 'ready', facts: { ...facts, fileDigest: 'AB' } }),
    JSON.stringify({ type: 'ready', facts: { ...facts, threads: '1' } }),
  ])('is none: %s', (line) => expect(parseWord(line)).toBeUndefined())

  it('is a word of the list or none, whatever comes', () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(...WORDS).map((word) => JSON.stringify(word)),
    )
    fc.assert(
      fc.property(line, fc.nat(), fc.string({ maxLength: 2 }), (text, at, put) => {
        const word = parseWord(text.slice(0, at % (text.length + 1)) + put + text.slice(at % (text.length + 1)))
        if (word !== undefined) expect(WORDS.map(({ type }) => type)).toContain(word.type)
      }),
      { seed: 1, numRuns: 5_000 },
    )
  })
})
