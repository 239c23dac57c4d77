import { describe, expect, it } from 'vitest'
import { eachField, unpackFloats, unpackVarints, type WireValue } from './wire.ts'

const fieldsOf = (...bytes: number[]) => {
  const fields: [number, WireValue][] = []
  eachField(Uint8Array.from(bytes), (number, value) => void fields.push([number, value]))
  return fields
}

describe('the wire format', () => {
  it('gives numbers, floats and bytes', () => {
    expect(fieldsOf(0x08, 0xac, 0x02, 0x15, 0, 0, 0x80, 0x3f, 0x1a, 2, 7, 8, 0xa0, 1, 0)).toEqual([
      [1, 300],
      [2, 1],
      [3, Uint8Array.of(7, 8)],
      [20, 0],
    ])
  })

  it('unpacks numbers and floats', () => {
    const into: number[] = []
    unpackVarints(Uint8Array.of(1, 0xac, 0x02), into)
    unpackFloats(Uint8Array.of(0, 0, 0x80, 0xbf), into)
    expect(into).toEqual([1, 300, -1])
  })

  it.each([
    ['a number that goes on after the end', /number ends after/, () => fieldsOf(0x08, 0x80)],
    ['a length that goes on after the end', /2 bytes ends after/, () => fieldsOf(0x0a, 2, 0)],
    ['half a float', /float ends after/, () => fieldsOf(0x15, 0, 0)],
    ['packed floats of five bytes', /multiple of 4/, () => unpackFloats(new Uint8Array(5), [])],
    ['a number of 50 bits', /49 bits/, () => fieldsOf(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0)],
    ['a group', /wire type 3/, () => fieldsOf(0x0b)],
  ])('refuses %s', (_, says, read) => expect(read).toThrow(says))
})
