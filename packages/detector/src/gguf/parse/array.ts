/**
 * Arrays: walked to their end and checked, not decoded. Vocabularies are large.
 *
 * @module
 */
import { Fault } from '../finding.ts'
import { type Cursor, Short } from './cursor.ts'
import { fixedBytes, leastBytes, TYPE } from './value-type.ts'

export interface GgufArray {
  readonly elementType: number
  readonly count: number
  /** Byte of the file where the first element begins. */
  readonly offset: number
  /** Of strings: the length of the longest, and where oddities are. */
  readonly strings?: StringsSeen
}

export interface StringsSeen {
  longest: number
  longestAt: number
  /** Where the first string is that is not UTF-8, or has a NUL; -1 for none. */
  badTextAt: number
  nulAt: number
}

/** Bytes of one string in an array; no token is longer. */
const MAX_ELEMENT_BYTES = 16 * 1024 * 1024
const MAX_NESTING = 4
const TICK_EVERY = 0xffff

/** The cursor stands behind the value type. */
export function readArray(cursor: Cursor, key: string, tick: () => void, depth = 1): GgufArray {
  const start = cursor.offset
  const elementType = cursor.u32('element type')
  const least = leastBytes(elementType)
  if (least === undefined) {
    throw new Fault('G04', start, `An array has elements of type ${elementType}, which does not exist.`, key)
  }
  if (elementType === TYPE.array && depth >= MAX_NESTING) {
    throw new Fault('G04', start, `Arrays are nested more than ${MAX_NESTING} deep.`, key)
  }
  const count = cursor.count('G04', 'number of elements', least)
  const { offset } = cursor
  const fixed = fixedBytes(elementType)
  if (fixed !== undefined) {
    // The count was held against what is left of the file: this product is at most its size.
    cursor.skip(count * fixed, 'G04', 'array')
    if (elementType === TYPE.bool) checkBooleans(cursor, offset, key)
    return { elementType, count, offset }
  }
  if (elementType === TYPE.string) return { elementType, count, offset, strings: walkStrings(cursor, count, key, tick) }
  for (let index = 0; index < count; index++) {
    if ((index & TICK_EVERY) === 0) tick()
    readArray(cursor, key, tick, depth + 1)
  }
  return { elementType, count, offset }
}

function checkBooleans(cursor: Cursor, start: number, key: string): void {
  const wrong = cursor.bytes.subarray(start, cursor.offset).findIndex((value) => value > 1)
  if (wrong >= 0) throw new Fault('G26', start + wrong, 'A truth value in an array is neither 0 nor 1.', key)
}

/** The loop over every token: no allocation, and most strings are ASCII. */
function walkStrings(cursor: Cursor, count: number, key: string, tick: () => void): StringsSeen {
  const { bytes, fileBytes, isBigEndian } = cursor
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const seen: StringsSeen = { longest: 0, longestAt: cursor.offset, badTextAt: -1, nulAt: -1 }
  let at = cursor.offset
  for (let index = 0; index < count; index++) {
    if ((index & TICK_EVERY) === 0) tick()
    if (at + 8 > bytes.length) throw beyond(at, 8, fileBytes, key)
    const length = lengthAt(view, at, isBigEndian)
    if (length > fileBytes - at - 8 || length > MAX_ELEMENT_BYTES) {
      throw new Fault('G03', at, `String ${index} of an array is longer than the file, or than any token.`, key)
    }
    const start = at + 8
    const end = start + length
    if (end > bytes.length) throw beyond(start, length, fileBytes, key)
    let isAscii = true
    for (let byte = start; byte < end; byte++) {
      const value = bytes[byte] as number
      if (value >= 0x80) isAscii = false
      else if (value === 0 && seen.nulAt < 0) seen.nulAt = byte
    }
    if (!isAscii && seen.badTextAt < 0 && !isUtf8(bytes, start, end)) seen.badTextAt = start
    if (length > seen.longest) {
      seen.longest = length
      seen.longestAt = at
    }
    at = end
  }
  cursor.offset = at
  return seen
}

const beyond = (at: number, length: number, fileBytes: number, key: string) =>
  at + length > fileBytes
    ? new Fault(
        'G04',
        at,
        `An array needs ${length} more bytes at byte ${at}, and the file ends at ${fileBytes}.`,
        key,
        true,
      )
    : new Short(at + length)

/** Above 2^53 it is infinite, which is more than any file has. */
export function lengthAt(view: DataView, at: number, isBigEndian: boolean): number {
  const high = view.getUint32(isBigEndian ? at : at + 4, !isBigEndian)
  const low = view.getUint32(isBigEndian ? at + 4 : at, !isBigEndian)
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + low
}

/** Well-formed UTF-8 as Unicode's table 3-7 has it: no overlong form, no surrogate, nothing above U+10FFFF. */
function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const lead = bytes[at++] as number
    if (lead < 0x80) continue
    if (lead < 0xc2 || lead > 0xf4) return false
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (at + more > end) return false
    const second = bytes[at] as number
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let next = 1; next < more; next++) if (((bytes[at + next] as number) & 0xc0) !== 0x80) return false
    at += more
  }
  return true
}
