import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PE_FILES } from '../../test/pe-files.ts'
import { DetectorError } from '../errors.ts'
import { histogramOf } from './feature/byte.ts'
import { EMBER_FEATURE_COUNT, EMBER_GROUPS } from './feature/features.ts'
import { hashed, murmur3 } from './feature/hashing.ts'
import { headerModelRow, PE_HEADER_FEATURES } from './header-model.ts'
import { createMeter } from './parse/bytes.ts'
import { parsePe } from './parse/file.ts'
import { WARNINGS, type Warning } from './parse/warning.ts'
import { extractPeFeatures } from './scan.ts'

interface Golden {
  readonly name: string
  readonly bytes: string
  readonly features: Readonly<Record<string, number | null>>
  readonly header?: readonly number[]
}

/** Made by training/pe/golden.py on pefile, which shares no code with this package. */
const { files } = JSON.parse(readFileSync(new URL('../../vectors/pe/ember.json', import.meta.url), 'utf8')) as {
  readonly files: readonly Golden[]
}
const bytesOf = ({ bytes }: Golden) => new Uint8Array(Buffer.from(bytes, 'base64'))
const headersOf = (bytes: Uint8Array) =>
  parsePe(bytes, histogramOf(bytes), {
    warnings: new Set<Warning>(),
    meter: createMeter(1e9, 1e9, () => 0),
  }).headers
const group = (place: number): string => {
  let end = 0
  for (const [name, size] of EMBER_GROUPS) {
    end += size
    if (place < end) return `${name}[${place - end + size}]`
  }
  return 'nowhere'
}

describe('golden vectors of EMBER version 3', () => {
  it('are of the files that test/pe-files.ts makes', () => {
    expect(new Map(files.map((file) => [file.name, bytesOf(file)]))).toEqual(PE_FILES)
    expect(files.length).toBeGreaterThan(20)
  })

  it.each(files.map((file) => [file.name, file] as const))(
    '%s: each of 2,568 numbers is the same float32',
    (_, file) => {
      const actual = extractPeFeatures(bytesOf(file))
      expect(actual.length).toBe(EMBER_FEATURE_COUNT)
      const wrong: string[] = []
      for (const [place, value] of actual.entries()) {
        const wanted = file.features[place]
        if (!Object.is(value, wanted === null ? Number.NaN : Math.fround(wanted ?? 0) + 0) && value !== wanted)
          wrong.push(`${group(place)}: ${value}, wanted ${wanted ?? 0}`)
      }
      expect(wrong).toEqual([])
    },
  )

  it.each(files.flatMap((file) => (file.header ? [[file.name, file] as const] : [])))(
    '%s: the model sees what training/pe/columns.py makes of it',
    (_, file) => {
      expect(file.header?.length).toBe(PE_HEADER_FEATURES.length)
      expect([...headerModelRow(headersOf(bytesOf(file)))]).toEqual(file.header?.map(Math.fround))
    },
  )

  it('reach many kinds of features and warnings', () => {
    const places = new Set(files.flatMap(({ features }) => Object.keys(features).map(Number)))
    const groups = new Set([...places].map((place) => group(place).replace(/\[.*/, '')))
    // None of the generated files is signed.
    expect([...groups].sort()).toEqual(
      EMBER_GROUPS.map(([name]) => name)
        .filter((name) => name !== 'authenticode')
        .sort(),
    )
    expect(WARNINGS.filter((_, index) => places.has(2_480 + index)).length).toBeGreaterThan(15)
    expect(EMBER_GROUPS.reduce((sum, [, size]) => sum + size, 0)).toBe(EMBER_FEATURE_COUNT)
  })
})

describe('features of no PE file', () => {
  it('are refused when there are no bytes', () => {
    expect(() => extractPeFeatures(new Uint8Array(0))).toThrow(DetectorError)
    expect(() => extractPeFeatures(new Uint8Array(0))).toThrow(/there are no bytes, wanted at least one/)
  })

  it('are refused when the budget does not suffice', () => {
    const bytes = PE_FILES.get('full') as Uint8Array
    expect(() => extractPeFeatures(bytes, { budget: { workUnits: 5_000 } })).toThrow(/more than 5000 bytes and entries/)
  })
})

describe('the hashing trick', () => {
  // Published test values of MurmurHash3_x86_32 with seed 0.
  it.each([
    ['', 0],
    ['test', 0xba6bd213 | 0],
    ['Hello, world!', 0xc0363e43 | 0],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])('hashes %j', (text, hash) => {
    expect(murmur3(new TextEncoder().encode(text))).toBe(hash)
  })

  it('adds with the sign of the hash, and without where none is asked for', () => {
    const negative = hashed([['test', 2]], 10)
    expect(negative.filter((value) => value !== 0)).toEqual(Float64Array.of(-2))
    expect(hashed([['test', 2]], 10, false).filter((value) => value !== 0)).toEqual(Float64Array.of(2))
  })
})
