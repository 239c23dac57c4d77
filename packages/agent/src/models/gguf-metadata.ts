/**
 * The key-value part of a GGUF file, read within bounds. It tells what a model statement says of a file; whether the file
 * is safe to load is the detector's question.
 *
 * Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
 *
 * @module
 */
import { ModelError } from './model-error.ts'

/** Bytes of header and key-value pairs together. Vocabularies of 256,000 tokens with merges stay below 20 MiB. */
export const MAX_METADATA_BYTES = 64 * 1024 * 1024
export const MAX_METADATA_KEYS = 65_536
export const MAX_KEY_BYTES = 65_535
/** Bytes of one string value: a chat template, at the largest. */
export const MAX_STRING_BYTES = 16 * 1024 * 1024

export interface GgufMetadata {
  readonly version: number
  readonly tensorCount: bigint
  readonly entries: ReadonlyMap<string, GgufEntry>
  /** Where the tensor list begins. */
  readonly endOffset: number
}

export interface GgufEntry {
  readonly value: GgufScalar | GgufArray
  /** The pair as the file has it: key length, key, type, value. A view of the input. */
  readonly encoded: Uint8Array
}

export type GgufScalar = number | bigint | boolean | string

/** Its elements were walked and fit, but are not decoded: vocabularies are large. */
export interface GgufArray {
  readonly elementType: number
  readonly count: number
}

/** Bytes of a value of each fixed-size type, by its number. 8 is a string, 9 an array. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
}
const BOOL = 7
const STRING = 8
const ARRAY = 9

/**
 * @param bytes The beginning of the file. Attacker-controlled.
 * @param fileBytes The whole file's length; every count is held against it before anything is walked.
 * @returns `'more'` if `bytes` ends before the metadata does and the file goes on.
 * @throws {ModelError} `DOCUMENT_MALFORMED`
 */
export function parseGgufMetadata(bytes: Uint8Array, fileBytes: number): GgufMetadata | 'more' {
  const cursor = cursorOver(bytes, Math.min(fileBytes, MAX_METADATA_BYTES), fileBytes)
  try {
    return parse(cursor)
  } catch (error) {
    if (error === SHORT) return 'more'
    throw error
  }
}

function parse(cursor: Cursor): GgufMetadata {
  if (cursor.u32('magic') !== 0x46554747) throw malformed('its first bytes are not GGUF')
  const version = cursor.u32('version')
  if (version !== 2 && version !== 3) throw malformed(`version ${version}, wanted 2 or 3, little-endian`)
  const tensorCount = cursor.u64('tensor count')
  const keyCount = cursor.count('key count', MAX_METADATA_KEYS, 13)
  const entries = new Map<string, GgufEntry>()
  for (let index = 0; index < keyCount; index++) {
    const start = cursor.offset
    const key = cursor.string('key', MAX_KEY_BYTES)
    if (key === '') throw malformed(`key ${index} is empty`)
    if (entries.has(key)) throw malformed(`key ${key.slice(0, 80)} comes twice`)
    const value = readValue(cursor, cursor.u32('value type'), key)
    entries.set(key, { value, encoded: cursor.since(start) })
  }
  return { version, tensorCount, entries, endOffset: cursor.offset }
}

function readValue(cursor: Cursor, type: number, key: string): GgufScalar | GgufArray {
  if (type === STRING) return cursor.string('value', MAX_STRING_BYTES)
  if (type !== ARRAY) return cursor.scalar(type)
  const elementType = cursor.u32('element type')
  const fixed = FIXED_BYTES[elementType]
  if (fixed === undefined && elementType !== STRING) {
    throw malformed(`array ${key.slice(0, 80)} has elements of type ${elementType}, wanted a scalar or a string`)
  }
  const count = cursor.count('array length', Number.MAX_SAFE_INTEGER, fixed ?? 8)
  if (fixed !== undefined) cursor.skip(count * fixed, 'array')
  else
    for (let index = 0; index < count; index++)
      cursor.skip(cursor.count('string length', MAX_STRING_BYTES, 1), 'string')
  return { elementType, count }
}

/** Thrown when the given bytes end, and the file does not. */
const SHORT = Symbol('short')

interface Cursor {
  readonly offset: number
  u32(what: string): number
  u64(what: string): bigint
  /** A 64-bit count, held against what is left of the file before anything is walked. */
  count(what: string, max: number, leastBytesEach: number): number
  string(what: string, maxBytes: number): string
  scalar(type: number): GgufScalar
  skip(length: number, what: string): void
  since(start: number): Uint8Array
}

function cursorOver(bytes: Uint8Array, limit: number, fileBytes: number): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Strict, and with a byte order mark kept, so that encoding the string again gives the same bytes.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let offset = 0
  const take = (length: number, what: string): number => {
    const start = offset
    if (length > limit - start) {
      const bound = limit === fileBytes ? `the file ends at ${fileBytes}` : `the budget is ${limit}`
      throw malformed(`${what} at byte ${start} needs ${length} bytes and ${bound}`)
    }
    if (length > bytes.length - start) throw SHORT
    offset = start + length
    return start
  }
  const u64 = (what: string) => view.getBigUint64(take(8, what), true)
  const cursor: Cursor = {
    get offset() {
      return offset
    },
    u32: (what) => view.getUint32(take(4, what), true),
    u64,
    count(what, max, leastBytesEach) {
      const count = u64(what)
      const most = Math.min(max, Math.floor((limit - offset) / leastBytesEach))
      if (count > BigInt(most)) throw malformed(`${what} ${count}, wanted at most ${most}`)
      return Number(count)
    },
    string(what, maxBytes) {
      const length = cursor.count(`${what} length`, maxBytes, 1)
      const start = take(length, what)
      try {
        return utf8.decode(bytes.subarray(start, start + length))
      } catch (error) {
        throw malformed(`${what} at byte ${start} is not UTF-8`, error)
      }
    },
    scalar(type) {
      const size = FIXED_BYTES[type]
      if (size === undefined) throw malformed(`a value has type ${type}, wanted 0 to 12`)
      const value = readScalar(view, take(size, 'value'), type)
      if (type === BOOL && typeof value !== 'boolean') throw malformed(`a boolean is ${value}, wanted 0 or 1`)
      return value
    },
    skip: (length, what) => void take(length, what),
    since: (start) => bytes.subarray(start, offset),
  }
  return cursor
}

function readScalar(view: DataView, at: number, type: number): GgufScalar {
  const readers: Readonly<Record<number, () => GgufScalar>> = {
    0: () => view.getUint8(at),
    1: () => view.getInt8(at),
    2: () => view.getUint16(at, true),
    3: () => view.getInt16(at, true),
    4: () => view.getUint32(at, true),
    5: () => view.getInt32(at, true),
    6: () => view.getFloat32(at, true),
    7: () => (view.getUint8(at) <= 1 ? view.getUint8(at) === 1 : view.getUint8(at)),
    10: () => view.getBigUint64(at, true),
    11: () => view.getBigInt64(at, true),
    12: () => view.getFloat64(at, true),
  }
  const read = readers[type]
  if (read === undefined) throw malformed(`a value has type ${type}, wanted 0 to 12`)
  return read()
}

function malformed(state: string, cause?: unknown): ModelError {
  const options = cause === undefined ? undefined : { cause }
  return new ModelError('DOCUMENT_MALFORMED', `Cannot read the GGUF metadata: ${state}`, options)
}
