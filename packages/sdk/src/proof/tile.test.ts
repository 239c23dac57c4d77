import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../bytes.ts'
import { hashLeaf } from './merkle.ts'
import {
  encodeBundle,
  encodeTile,
  encodeTilePath,
  parseBundle,
  parseTile,
  parseTilePath,
  tilesBetween,
} from './tile.ts'

const DOCUMENT_MALFORMED = expect.objectContaining({ code: 'DOCUMENT_MALFORMED' })

describe('tile paths', () => {
  it('are those that the specification prints', () => {
    expect(encodeTilePath({ level: 0, index: 1_234_067n, width: 256 })).toBe('tile/0/x001/x234/067')
    expect(encodeTilePath({ level: 'entries', index: 0n, width: 112 })).toBe('tile/entries/000.p/112')
  })

  it('give back what they were made of', () => {
    const ids = fc.record({
      level: fc.oneof(fc.constant('entries' as const), fc.nat(63)),
      index: fc.bigInt(0n, (1n << 55n) - 1n),
      width: fc.integer({ min: 1, max: 256 }),
    })
    fc.assert(
      fc.property(ids, (id) => {
        expect(parseTilePath(encodeTilePath(id))).toEqual(id)
      }),
      { seed: 15, numRuns: 200 },
    )
  })

  it.each([
    'tile/0/0',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000/',
    '/tile/0/000',
    'tile/0/../000',
    'tile/entries/000.p/',
    'tile/0/000.p/1\n',
  ])('%s is none', (path) => expect(parseTilePath(path)).toBeUndefined())

  it('refuse a width of 0, a level of 64, a negative index', () => {
    expect(() => encodeTilePath({ level: 0, index: 0n, width: 0 })).toThrow(RangeError)
    expect(() => encodeTilePath({ level: 64, index: 0n, width: 1 })).toThrow(RangeError)
    expect(() => encodeTilePath({ level: 0, index: -1n, width: 1 })).toThrow(RangeError)
  })

  it('meet arbitrary text without throwing, and are canonical', () => {
    const parts = fc.array(fc.constantFrom('tile', '0', '7', 'entries', 'x001', '000', '067.p', '9', ''), {
      maxLength: 7,
    })
    fc.assert(
      fc.property(parts, (names) => {
        const id = parseTilePath(names.join('/'))
        if (id !== undefined) expect(encodeTilePath(id)).toBe(names.join('/'))
      }),
      { seed: 16, numRuns: 500 },
    )
  })
})

describe('tilesBetween()', () => {
  it('names what the specification counts for 70,000 entries', () => {
    const ids = [...tilesBetween(0n, 70_000n)].filter(({ level }) => level !== 'entries')
    const count = (level: number, full: boolean) =>
      ids.filter((id) => id.level === level && (id.width === 256) === full)
    expect(count(0, true)).toHaveLength(273)
    expect(count(0, false).map(({ width }) => width)).toEqual([112])
    expect(count(1, true)).toHaveLength(1)
    expect(count(1, false).map(({ width }) => width)).toEqual([17])
    expect(count(2, false).map(({ width }) => width)).toEqual([1])
    expect(ids).toHaveLength(273 + 1 + 1 + 1 + 1)
  })

  it('names a partial tile above when one is just full', () => {
    const paths = [...tilesBetween(255n, 256n)].map(encodeTilePath)
    expect(paths).toEqual(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1'])
  })

  it('names nothing new between equal sizes', () => expect([...tilesBetween(70_000n, 70_000n)]).toEqual([]))
})

describe('bundles and tiles', () => {
  it('give back what was encoded', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 256 }), (entries) => {
        expect(parseBundle(encodeBundle(entries), entries.length)).toEqual(entries)
        const hashes = entries.map(hashLeaf)
        expect(parseTile(encodeTile(hashes), hashes.length)).toEqual(hashes)
      }),
      { seed: 17, numRuns: 20 },
    )
    const large = [new Uint8Array(65_535).fill(1)]
    expect(parseBundle(encodeBundle(large), 1)).toEqual(large)
  })

  const bundle = encodeBundle([utf8('one'), utf8('two')])
  it.each([
    ['too few entries', bundle, 3, /2 entries, wanted 3/],
    ['too many entries', bundle, 1, /2 entries, wanted 1/],
    ['half a length', bundle.subarray(0, 6), 2, /within a length/],
    ['half an entry', bundle.subarray(0, 9), 2, /within entry 1/],
  ])('refuse %s', (_, bytes, width, guard) => {
    expect(() => parseBundle(bytes, width)).toThrow(guard)
    expect(() => parseBundle(bytes, width)).toThrow(DOCUMENT_MALFORMED)
  })

  it('refuse a tile of another size, and an entry over the limit', () => {
    expect(() => parseTile(new Uint8Array(63), 2)).toThrow(/63 bytes, wanted 64/)
    expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(/65536 bytes/)
  })

  it('meet arbitrary bytes with DOCUMENT_MALFORMED only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(5), (bytes, width) => {
        try {
          expect(encodeBundle(parseBundle(bytes, width))).toEqual(bytes)
        } catch (error) {
          expect(error).toEqual(DOCUMENT_MALFORMED)
        }
      }),
      { seed: 18, numRuns: 500 },
    )
  })
})
