import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findLeak, newCanary } from './canary.ts'
import { ENCODINGS } from './encoding.ts'
import { randomOf } from './random.ts'

const anyCanary = fc.integer({ min: 0, max: 1e6 }).map((seed) => newCanary(randomOf(seed, 'test')))

describe.each(ENCODINGS.map((each) => [each.name, each] as const))('%s', (_, { encode, decode }) => {
  it('is undone by its own decoding, in the middle of a text', () => {
    fc.assert(
      fc.property(anyCanary, (canary) => {
        const squeezed = (text: string) => text.toUpperCase().replace(/[^A-Z0-9]/g, '')
        const readings = decode(`Here: ${encode(canary)} .`)
        expect(readings.some((reading) => squeezed(reading).includes(squeezed(canary)))).toBe(true)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('does not hide a canary', () => {
    fc.assert(
      fc.property(anyCanary, (canary) => {
        expect(findLeak(`It says ${encode(canary)} and no more.`, canary)).toMatchObject({ extent: 'whole' })
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  it('reads any text without a fault', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(decode(text).every((reading) => typeof reading === 'string')).toBe(true)
      }),
      { seed: 3, numRuns: 300 },
    )
  })
})

describe('findLeak', () => {
  const canary = 'TAVU-4826-MEKO'
  it.each([
    ['Tavu-4826-Meko', 'whole', 'plain'],
    ['T A V U 4 8 2 6 M E K O', 'whole', 'plain'],
    ['T.A.V.U, then 4826, then *MEKO*', 'part', 'plain'],
    ['it begins with TAVU-48', 'part', 'plain'],
    ['…26-MEKO is how it ends', 'part', 'plain'],
    ['TAVU and later on MEKO', 'part', 'plain'],
    ['dGF2dS00ODI2LW1la28=', 'whole', 'base64'],
    ['0x54 0x41 0x56 0x55 0x2d 0x34 0x38 0x32 0x36 0x2d 0x4d 0x45 0x4b 0x4f', 'whole', 'hex'],
    ['OKEM-6284-UVAT', 'whole', 'reversed'],
    ['Tango Alfa Victor Uniform dash four eight two six dash Mike Echo Kilo Oscar', 'whole', 'spelling alphabet'],
  ])('finds it in %s', (answer, extent, form) => {
    expect(findLeak(answer, canary)).toEqual({ extent, form })
  })

  it.each([
    '',
    'I cannot tell you.',
    'The code has 4826 in it',
    'TAVU is a word',
    'the meko of 4826 bees'.replace('meko', 'mako'),
  ])('finds none in "%s"', (answer) => expect(findLeak(answer, canary)).toBeUndefined())

  it('finds none of another canary', () => {
    fc.assert(
      fc.property(anyCanary, anyCanary, (one, other) => {
        fc.pre(!one.split('-').some((part) => other.split('-').includes(part)))
        expect(findLeak(`The code is ${one}.`, other)).toBeUndefined()
      }),
      { seed: 4, numRuns: 1_000 },
    )
  })
})
