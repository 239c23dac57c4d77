/**
 * The protobuf wire format, as much of it as an ONNX file needs. Bytes come from outside; nothing is copied, no length is
 * believed that the input does not hold, and the caller decides on every field.
 *
 * @module
 */
import { DetectorError } from '../../errors.ts'

/** @throws {DetectorError} always: `MODEL_GRAPH_UNSUPPORTED` */
export function refuse(state: string, options?: ErrorOptions): never {
  throw new DetectorError('MODEL_GRAPH_UNSUPPORTED', `Cannot read the ONNX model: ${state}`, options)
}

/** A field's value: of `varint` (wire type 0), of `fixed32` (5) as a float, of `bytes` (2). */
export type WireValue = number | Uint8Array

const VARINT = 0
const BYTES = 2
const FIXED32 = 5

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** A varint that fits in a safe, non-negative number; ONNX integers of ours are counts and ids. */
function readVarint(cursor: Cursor): number {
  let value = 0
  let scale = 1
  for (let length = 0; length < 7; length++) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) refuse('a number ends after the input, wanted it inside')
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 128
  }
  return refuse('a number has more than 49 bits, wanted a count or an id')
}

function readBytes(cursor: Cursor): Uint8Array {
  const length = readVarint(cursor)
  const start = cursor.at
  if (length > cursor.bytes.length - start) refuse(`a field of ${length} bytes ends after the input, wanted it inside`)
  cursor.at = start + length
  return cursor.bytes.subarray(start, cursor.at)
}

function readFloat(cursor: Cursor): number {
  const { bytes, at } = cursor
  if (at + 4 > bytes.length) refuse('a float ends after the input, wanted it inside')
  cursor.at = at + 4
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getFloat32(0, true)
}

const READERS: Readonly<Record<number, (cursor: Cursor) => WireValue>> = {
  [VARINT]: readVarint,
  [BYTES]: readBytes,
  [FIXED32]: readFloat,
}

/** Calls `visit` with each field of a message, in order. */
export function eachField(bytes: Uint8Array, visit: (number: number, value: WireValue) => void): void {
  const cursor: Cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor)
    const read = READERS[tag % 8] ?? refuse(`a field has wire type ${tag % 8}, wanted 0, 2 or 5`)
    visit(Math.floor(tag / 8), read(cursor))
  }
}

/** The numbers of a packed field of varints. */
export function unpackVarints(bytes: Uint8Array, into: number[]): void {
  const cursor: Cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) into.push(readVarint(cursor))
}

/** The numbers of a packed field of floats. */
export function unpackFloats(bytes: Uint8Array, into: number[]): void {
  if (bytes.length % 4 !== 0) refuse(`packed floats take ${bytes.length} bytes, wanted a multiple of 4`)
  const cursor: Cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) into.push(readFloat(cursor))
}
