import { expect, it } from 'vitest'
import { encodeLeaf, parseLeaf } from './leaf.ts'

const hash = new Uint8Array(32).fill(7)
const leaf = {
  kind: 'request',
  timeMs: 1,
  seq: 1n,
  attempt: 0,
  partition: hash,
  previous: hash,
  subject: hash,
} as const
const [plain, named] = [encodeLeaf(leaf), encodeLeaf({ ...leaf, addendumDigest: hash })]

const changed = (bytes: Uint8Array, from: number, ...values: readonly number[]) => {
  const copy = bytes.slice()
  copy.set(values, from)
  return copy
}

it('a leaf is read as it was written', () => {
  expect(parseLeaf(plain)).toEqual({ ...leaf, commitment: undefined, addendumDigest: undefined })
  expect(parseLeaf(named)).toEqual({ ...leaf, commitment: undefined, addendumDigest: hash })
})

it.each<[string, Uint8Array, RegExp]>([
  ['cut', plain.subarray(1), /199 bytes, wanted 200 or 204/],
  ['too long', new Uint8Array(205), /205 bytes, wanted 200 or 204/],
  ['under another label', changed(plain, 0, 1), /its label is not/],
  ['of an unknown kind', changed(plain, 18, 99), /unknown kind 99/],
  ['of a time that no clock shows', changed(plain, 19, 255), /its time exceeds/],
  ['with a suffix that is not 00', changed(plain, 199, 1), /its suffix is not 00/],
  ['with a digest that its suffix does not name', changed(plain, 167, 1), /a digest that its suffix does not name/],
  ['with another offset of its digest', changed(named, 202, 1), /does not name the addendum digest/],
  ['with another count of digests', changed(named, 203, 2), /does not name the addendum digest/],
  ['without the digest that its suffix names', changed(named, 167, ...new Uint8Array(32)), /names an absent digest/],
])('a leaf %s is refused', (_, bytes, why) => {
  expect(() => parseLeaf(bytes)).toThrow(why)
})

it.each(['partition', 'previous', 'subject'] as const)('a leaf has 32 bytes of %s', (name) => {
  expect(() => encodeLeaf({ ...leaf, [name]: new Uint8Array(31) })).toThrow(`${name} has 31 bytes`)
})
