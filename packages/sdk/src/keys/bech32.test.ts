import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBech32, parseBech32 } from './bech32.ts'
import { formatInstanceId, formatSeed, parseInstanceId, parseSeed, SEED_KINDS } from './name.ts'

// BIP 350, "Test vectors".
const VALID = [
  'A1LQFN3A',
  'a1lqfn3a',
  'an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6',
  'abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx',
  '?1v759aa',
]
const INVALID = [
  ['\x201xj0phk', /outside of ASCII/],
  ['\x7f1g6xzxy', /outside of ASCII/],
  ['\x801vctc34', /outside of ASCII/],
  ['an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4', /91 characters/],
  ['qyrz8wqd2c9m', /no prefix/],
  ['1qyrz8wqd2c9m', /no prefix/],
  ['y1b0jsk6g', /the character "b"/],
  ['lt1igcx5c0', /the character "i"/],
  ['in1muywd', /after the prefix/],
  ['mm1crxm3i', /the character "i"/],
  ['au1s5cgom', /the character "o"/],
  ['M1VUXWEZ', /checksum/],
  ['16plkw9', /no prefix/],
  ['1p2gdwpf', /no prefix/],
  // Bech32 of before: same text, the other constant.
  ['a12uel5l', /checksum/],
  ['A1lqfn3a', /mixed/],
] as const

describe('parseBech32()', () => {
  it.each(VALID)('takes %s of BIP 350 and writes it back', (text) => {
    const parsed = parseBech32(text)
    if (typeof parsed === 'string') return expect.fail(parsed)
    expect(encodeBech32(parsed.prefix, parsed.bytes)).toBe(text.toLowerCase())
  })

  it.each(INVALID)('refuses %j', (text, fault) => expect(parseBech32(text)).toMatch(fault))

  it('refuses bits that are left over', () => {
    // Both are valid in BIP 350; the second holds 82 groups of 31, which is no whole number of bytes.
    expect(parseBech32('split1checkupstagehandshakeupstreamerranterredcaperredlc445v')).toHaveProperty(
      'prefix',
      'split',
    )
    expect(parseBech32(`11${'l'.repeat(82)}ludsr8`)).toMatch(/left over/)
  })

  // One group of five zero bits more than the bytes need: a second text for the same bytes.
  it.each(['weave1q5ews7f', 'weave1qqqkpj0ud', 'weave1qqqqqqulm8yn'])('refuses the superfluous group of %s', (text) => {
    expect(parseBech32(text)).toMatch(/left over/)
  })

  const prefix = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => /^[!-@[-~]+$/.test(text))

  it('reads what was written', () => {
    fc.assert(
      fc.property(prefix, fc.uint8Array({ maxLength: 36 }), (hrp, bytes) => {
        const text = encodeBech32(hrp, bytes)
        expect(parseBech32(text)).toEqual({ prefix: hrp, bytes })
        expect(parseBech32(text.toUpperCase())).toEqual({ prefix: hrp, bytes })
      }),
    )
  })

  it('finds every change of up to four characters', () => {
    const character = fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l')
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.array(fc.tuple(fc.nat(57), character), { minLength: 1, maxLength: 4 }),
        (bytes, changes) => {
          const text = encodeBech32('weave', bytes)
          const altered = [...text]
          for (const [at, char] of changes) altered[6 + at] = char
          fc.pre(altered.join('') !== text)
          expect(parseBech32(altered.join(''))).toMatch(/checksum/)
        },
      ),
    )
  })

  it('takes any text without throwing, and accepts nothing that does not encode to itself', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...'a1qpzry9x8gf2lA') }),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(text, (any) => {
        const parsed = parseBech32(any)
        if (typeof parsed !== 'string') expect(encodeBech32(parsed.prefix, parsed.bytes)).toBe(any.toLowerCase())
      }),
      { numRuns: 2000, seed: 5 },
    )
  })

  it.each(['', 'Weave', 'we ave', 'x'.repeat(84)])('writes no prefix %j', (bad) => {
    expect(() => encodeBech32(bad, new Uint8Array(1))).toThrow(RangeError)
  })

  it('writes nothing longer than 90 characters', () => {
    expect(() => encodeBech32('weave', new Uint8Array(60))).toThrow(/wanted ≤ 90/)
  })
})

describe('instance ids', () => {
  const id = Uint8Array.from({ length: 32 }, (_, i) => i)
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: 'FIELD_INVALID', message: expect.stringMatching(message) })

  it('look the same tomorrow', () => {
    const text = formatInstanceId(id)
    expect(text).toMatch(/^weave1[a-z0-9]{58}$/)
    expect(parseInstanceId(text)).toEqual(id)
  })

  it.each([
    [encodeBech32('wave', id), /prefix "wave", wanted "weave"/],
    [encodeBech32('weave', id.subarray(1)), /31 bytes, wanted 32/],
    [`${formatInstanceId(id)}q`, /checksum/],
    [formatSeed({ kind: 'root', bytes: id }), /prefix "weave-root-secret-"/],
  ])('refuse %s', (text, message) => expect(() => parseInstanceId(text)).toThrow(refusal(message)))

  it('are 32 bytes', () => expect(() => formatInstanceId(id.subarray(1))).toThrow(/31 bytes/))
})

describe('seeds', () => {
  const bytes = new Uint8Array(32).fill(3)

  it.each(SEED_KINDS)('of kind %s say what they are', (kind) => {
    const text = formatSeed({ kind, bytes })
    expect(text).toMatch(new RegExp(`^WEAVE-${kind.toUpperCase()}-SECRET-1[A-Z0-9]+$`))
    expect(parseSeed(text)).toEqual({ kind, bytes })
  })

  it.each([
    [encodeBech32('weave-spare-secret-', bytes).toUpperCase(), /unknown prefix/],
    [formatSeed({ kind: 'root', bytes }).toLowerCase(), /small letters/],
    [encodeBech32('weave-root-secret-', bytes.subarray(1)).toUpperCase(), /31 bytes/],
    ['WEAVE-ROOT-SECRET-1QQQQQQQ', /checksum/],
  ])('refuse %s without repeating it', (text, message) => {
    const attempt = () => parseSeed(text)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'IDENTITY_FILE_INVALID' }))
    expect(attempt).not.toThrow(text)
  })

  it('are 32 bytes', () => expect(() => formatSeed({ kind: 'root', bytes: bytes.subarray(1) })).toThrow(/31 bytes/))
})
