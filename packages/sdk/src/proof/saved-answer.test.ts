import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { bytes, storyFixture } from './fixture.ts'
import { encodeSavedAnswer, parseSavedAnswer, type SavedAnswer } from './saved-answer.ts'
import { savedAnswerFromJson, savedAnswerToJson } from './saved-answer-json.ts'

const INVALID = expect.objectContaining({ code: 'ANSWER_INVALID' })
let saved: SavedAnswer
beforeAll(async () => {
  saved = (await storyFixture()).saved
})

describe('parseSavedAnswer()', () => {
  it('gives back what encodeSavedAnswer() was given, and copies', () => {
    const encoded = encodeSavedAnswer(saved)
    const parsed = parseSavedAnswer(encoded)
    expect(encodeSavedAnswer(parsed)).toEqual(encoded)
    const before = parsed.request.header.slice()
    encoded.fill(0)
    expect(parsed.request.header).toEqual(before)
  })

  it('refuses too many bytes before it reads them', () => {
    expect(() => parseSavedAnswer(new Uint8Array(16 * 1024 * 1024 + 1))).toThrow(/wanted at most 16777216/)
  })

  it('refuses another version, and does not write it', () => {
    expect(() => encodeSavedAnswer({ ...saved, version: 2 })).toThrow(RangeError)
    const encoded = encodeSavedAnswer(saved)
    expect(() => parseSavedAnswer(encoded.with(1, 2))).toThrow(/version 2, wanted 1/)
  })

  it('meets changed bytes with ANSWER_INVALID, or reads what encodes to them again', () => {
    const whole = encodeSavedAnswer(saved)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(9), (at, byte, kind) => {
        const changed = kind === 0 ? whole.slice(0, at) : whole.with(at, byte)
        try {
          expect(encodeSavedAnswer(parseSavedAnswer(changed))).toEqual(changed)
        } catch (error) {
          expect(error).toEqual(INVALID)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})

describe('the JSON form', () => {
  it('gives the same bytes back, in any order and white space', () => {
    const text = savedAnswerToJson(saved)
    expect(encodeSavedAnswer(savedAnswerFromJson(text))).toEqual(encodeSavedAnswer(saved))
    expect(savedAnswerToJson(savedAnswerFromJson(text))).toBe(text)
    const shuffled = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).toReversed()))
    expect(savedAnswerToJson(savedAnswerFromJson(shuffled))).toBe(text)
  })

  it('writes hashes as hex, other bytes as base64, 64-bit numbers as text', () => {
    const { request, attempt } = JSON.parse(savedAnswerToJson(saved))
    expect(request.signature).toMatch(/^[0-9a-f]{128}$/)
    expect(request.opening.salt).toMatch(/^[0-9a-f]{64}$/)
    expect(request.header).toMatch(/^[A-Za-z0-9+/]+=*$/)
    expect(attempt.index).toBe('8')
  })

  it('gives back any opening', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 99 }), fc.bigInt(1n, 2n ** 64n - 1n), (content, index) => {
        const answer = { salt: bytes(32, 1), content }
        const value = { ...saved, answer, attempt: { ...saved.attempt!, index } }
        expect(savedAnswerFromJson(savedAnswerToJson(value))).toEqual(parseSavedAnswer(encodeSavedAnswer(value)))
      }),
      { seed: 2, numRuns: 50 },
    )
  })

  it.each<[string, (json: Record<string, Record<string, unknown>>) => unknown, RegExp?]>([
    ['an unknown field', (json) => ({ ...json, comment: '' })],
    ['an unknown field within', (json) => ({ ...json, request: { ...json['request'], x: 1 } })],
    ['a missing field', ({ request: _, ...json }) => json],
    ['a list', () => [], /SavedAnswer is no object/],
    ['null', () => null, /SavedAnswer is no object/],
    [
      'a list for bytes',
      (json) => ({ ...json, request: { ...json['request'], header: [json['request']?.['header']] } }),
    ],
    ['text for an object', (json) => ({ ...json, request: '' }), /is no object/],
    ['a number for bytes', (json) => ({ ...json, request: { ...json['request'], header: 8 } }), /is not base64/],
    ['capitals in hex', (json) => ({ ...json, request: { ...json['request'], signature: 'AB'.repeat(64) } })],
    ['loose base64', (json) => ({ ...json, request: { ...json['request'], header: 'QQ' } })],
    ['a number for text', (json) => ({ ...json, attempt: { ...json['attempt'], index: 8 } })],
    ['a leading zero', (json) => ({ ...json, attempt: { ...json['attempt'], index: '08' } })],
    ['text for a number', (json) => ({ ...json, version: '1' })],
    ['text for a list', (json) => ({ ...json, attempt: { ...json['attempt'], path: 'a' } }), /is no list/],
    ['a name of the prototype', (json) => JSON.parse(JSON.stringify(json).replace('"version"', '"__proto__"'))],
  ])('refuses %s', (_, change, guard = /./) => {
    const json = JSON.parse(savedAnswerToJson(saved))
    expect(() => savedAnswerFromJson(JSON.stringify(change(json)))).toThrow(INVALID)
    expect(() => savedAnswerFromJson(JSON.stringify(change(json)))).toThrow(guard)
  })

  it('meets arbitrary text with ANSWER_INVALID only', () => {
    const text = savedAnswerToJson(saved)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.nat(text.length - 2).map((at) => text.slice(0, at)),
        ),
        (wrong) => {
          expect(() => savedAnswerFromJson(wrong)).toThrow(INVALID)
        },
      ),
      { seed: 3, numRuns: 300 },
    )
  })
})
