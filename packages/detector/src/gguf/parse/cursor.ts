/**
 * Reads numbers and strings from the window, each only after its end was held against the end of the file.
 *
 * @module
 */
import type { CheckId } from '../checks.ts'
import { Fault } from '../finding.ts'
import { TYPE } from './value-type.ts'

/** The window ends here, and the file does not. */
export class Short {
  readonly end: number

  constructor(end: number) {
    this.end = end
  }
}

export type Scalar = number | bigint | boolean | string

export interface Cursor {
  offset: number
  readonly bytes: Uint8Array
  readonly fileBytes: number
  readonly isBigEndian: boolean
  u32(what: string): number
  /** A 64-bit number, whatever its size. */
  u64(what: string): bigint
  /** A 64-bit number that counts something of `leastBytes` each, held against what is left of the file. */
  count(id: CheckId, what: string, leastBytes: number, max?: number): number
  string(what: string, maxBytes: number): string
  scalar(type: number): Scalar
  /** Goes over so many bytes, and gives where they began. */
  skip(length: number, id: CheckId, what: string): number
}

/** Strict; a byte order mark is kept, so that encoding a string again gives the same bytes. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param bytes Attacker-controlled; a beginning of the file. */
export function createCursor(bytes: Uint8Array, fileBytes: number, isBigEndian: boolean, offset: number): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = !isBigEndian
  const skip = (length: number, id: CheckId, what: string): number => {
    const start = cursor.offset
    // Both are at most 2^53: no sum is made of them before this holds.
    if (length > fileBytes - start) {
      const message = `The ${what} needs ${length} bytes at byte ${start}, and the file ends at ${fileBytes}.`
      throw new Fault(id, start, message, undefined, true)
    }
    if (length > bytes.length - start) throw new Short(start + length)
    cursor.offset = start + length
    return start
  }
  const cursor: Cursor = {
    offset,
    bytes,
    fileBytes,
    isBigEndian,
    skip,
    u32: (what) => view.getUint32(skip(4, 'G06', what), little),
    u64: (what) => view.getBigUint64(skip(8, 'G06', what), little),
    count(id, what, leastBytes, max = Number.MAX_SAFE_INTEGER) {
      const start = cursor.offset
      const count = cursor.u64(what)
      const most = Math.min(max, Math.floor((fileBytes - cursor.offset) / leastBytes))
      if (count > BigInt(most)) {
        const message = `The ${what} is ${BigInt.asIntN(64, count)}, and at most ${most} can be there.`
        throw new Fault(id, start, message, undefined, true)
      }
      return Number(count)
    },
    string(what, maxBytes) {
      const length = cursor.count('G03', `length of the ${what}`, 1, maxBytes)
      const start = skip(length, 'G03', what)
      try {
        return UTF8.decode(bytes.subarray(start, start + length))
      } catch {
        throw new Fault('G26', start, `The ${what} is not UTF-8.`)
      }
    },
    scalar: (type) => readScalar(view, cursor, type, little),
  }
  return cursor
}

function readScalar(view: DataView, { skip }: Cursor, type: number, little: boolean): Scalar {
  const at = (length: number) => skip(length, 'G06', 'value')
  switch (type) {
    case TYPE.u8:
      return view.getUint8(at(1))
    case TYPE.i8:
      return view.getInt8(at(1))
    case TYPE.u16:
      return view.getUint16(at(2), little)
    case TYPE.i16:
      return view.getInt16(at(2), little)
    case TYPE.u32:
      return view.getUint32(at(4), little)
    case TYPE.i32:
      return view.getInt32(at(4), little)
    case TYPE.f32:
      return view.getFloat32(at(4), little)
    case TYPE.u64:
      return view.getBigUint64(at(8), little)
    case TYPE.i64:
      return view.getBigInt64(at(8), little)
    case TYPE.f64:
      return view.getFloat64(at(8), little)
    default: {
      const start = at(1)
      const value = view.getUint8(start)
      if (value > 1) throw new Fault('G26', start, `A truth value is ${value}, and only 0 and 1 are any.`)
      return value === 1
    }
  }
}
