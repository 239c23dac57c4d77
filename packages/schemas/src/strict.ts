/**
 * The strict codec: reads and writes the one canonical Protobuf encoding of a message and refuses every other.
 *
 * Canonical means: fields in ascending order, each at most once (items of a repeated field together), minimal varints,
 * no value that equals an absent one, nothing unknown, valid UTF-8, and the lengths that the .proto states. What
 * `decode` accepts is therefore exactly what `encode` writes: `encode(decode(bytes))` equals `bytes`.
 * docs/protocol.md §3 is the specification. Tables are generated from the .proto files (`gen/strict.ts`).
 *
 * @module
 */

export type Bytes = Uint8Array<ArrayBuffer>

type FieldType = 'u32' | 'u64' | 'ms' | 'bool' | 'string' | 'bytes' | 'message'

/** One field of a strict message, as generated. */
export interface Field {
  readonly no: number
  readonly name: string
  readonly type: FieldType
  readonly required?: boolean
  /** A proto3 `optional` scalar: zero is a value of its own. */
  readonly explicit?: boolean
  readonly repeated?: boolean
  /** Exact bytes of a present `bytes` value. */
  readonly length?: number
  /** Most bytes of a `bytes` or `string` value. */
  readonly maxBytes?: number
  readonly maxItems?: number
  readonly oneof?: string
  readonly message?: () => Table<unknown>
}

/** The fields of one message; `T` is its TypeScript shape. */
export interface Table<T> {
  readonly name: string
  readonly fields: readonly Field[]
  readonly byNumber: readonly (Field | undefined)[]
  /** Only carries the type. */
  readonly shape?: T
}

/** Bytes that are not the canonical encoding of a message, or a value that has none. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
}

/** Builds a table; called by generated code only. */
export function table<T>(name: string, fields: readonly Field[]): Table<T> {
  const byNumber: (Field | undefined)[] = []
  for (const field of fields) byNumber[field.no] = field
  return { name, fields, byNumber }
}

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAX_MS = Number.MAX_SAFE_INTEGER
const MAX_U64 = (1n << 64n) - 1n

const wireTypeOf = (field: Field): number =>
  field.type === 'string' || field.type === 'bytes' || field.type === 'message' || field.repeated ? 2 : 0

/**
 * Reads one message. Cost: about 3 µs for a packet's core; `bytes` values are views of the input, not copies.
 *
 * @throws {SchemaError} for everything that is not canonical, naming message and field.
 */
export function decode<T>(table: Table<T>, bytes: Uint8Array): T {
  const out: Record<string, unknown> = {}
  for (const field of table.fields) if (field.repeated) out[field.name] = []
  const oneofs: Record<string, true> = {}
  let at = 0
  let last = 0

  function refuse(field: Field | undefined, why: string): never {
    throw new SchemaError(`Cannot read ${table.name}${field ? `.${field.name}` : ''} at byte ${at}: ${why}`)
  }

  /** A varint of at most 32 bits; the field is only for the message. */
  function varint32(field: Field | undefined): number {
    let value = 0
    let scale = 1
    for (let n = 0; n < 5; n++) {
      const byte = bytes[at]
      if (byte === undefined) refuse(field, 'the bytes end inside a number')
      at++
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && n > 0) refuse(field, 'a number is longer than it needs to be')
        if (value > 0xffffffff) refuse(field, 'a number exceeds 32 bits')
        return value
      }
      scale *= 128
    }
    return refuse(field, 'a number exceeds 32 bits')
  }

  function varint64(field: Field): bigint {
    let value = 0n
    for (let n = 0n; n < 10n; n++) {
      const byte = bytes[at]
      if (byte === undefined) refuse(field, 'the bytes end inside a number')
      at++
      value |= BigInt(byte & 0x7f) << (7n * n)
      if (byte < 0x80) {
        if (byte === 0 && n > 0n) refuse(field, 'a number is longer than it needs to be')
        if (value > MAX_U64) refuse(field, 'a number exceeds 64 bits')
        return value
      }
    }
    return refuse(field, 'a number exceeds 64 bits')
  }

  function scalar(field: Field): number | bigint | boolean {
    if (field.type === 'u32') return varint32(field)
    if (field.type === 'bool') {
      const value = varint32(field)
      if (value > 1) refuse(field, 'a truth value is neither 0 nor 1')
      return value === 1
    }
    const value = varint64(field)
    if (field.type === 'u64') return value
    if (value > BigInt(MAX_MS)) refuse(field, 'a time exceeds 2^53 − 1 ms')
    return Number(value)
  }

  function chunk(field: Field): Uint8Array {
    const length = varint32(field)
    if (length > bytes.length - at) refuse(field, 'the bytes end inside a value')
    const value = bytes.subarray(at, at + length)
    at += length
    return value
  }

  function checkedChunk(field: Field): unknown {
    const value = chunk(field)
    if (field.type === 'message') return decode((field.message as () => Table<unknown>)(), value)
    if (field.length !== undefined && value.length !== field.length) {
      refuse(field, `${value.length} bytes, wanted ${field.length}`)
    }
    if (field.maxBytes !== undefined && value.length > field.maxBytes) {
      refuse(field, `${value.length} bytes, wanted at most ${field.maxBytes}`)
    }
    if (field.type === 'bytes') return value
    try {
      return utf8Decoder.decode(value)
    } catch {
      return refuse(field, 'the text is not UTF-8')
    }
  }

  while (at < bytes.length) {
    const tag = varint32(undefined)
    const no = tag >>> 3
    const field = table.byNumber[no]
    if (field === undefined) refuse(undefined, `unknown field ${no}`)
    if ((tag & 7) !== wireTypeOf(field)) refuse(field, `wire type ${tag & 7}, wanted ${wireTypeOf(field)}`)
    const packed = field.repeated && (field.type === 'u32' || field.type === 'u64')
    if (no < last || (no === last && (!field.repeated || packed))) refuse(field, 'fields are not in ascending order')
    last = no
    if (field.oneof !== undefined) {
      if (oneofs[field.oneof]) refuse(field, `a second member of ${field.oneof}`)
      oneofs[field.oneof] = true
    }
    if (packed) {
      const end = varint32(field) + at
      if (end > bytes.length || end === at) refuse(field, 'the packed numbers are cut or empty')
      const items = out[field.name] as unknown[]
      while (at < end) items.push(scalar(field))
      if (at !== end) refuse(field, 'a number crosses the end of the packed field')
      if (items.length > (field.maxItems ?? Number.POSITIVE_INFINITY)) refuse(field, `more than ${field.maxItems} items`)
    } else if (field.repeated) {
      const items = out[field.name] as unknown[]
      items.push(checkedChunk(field))
      if (items.length > (field.maxItems ?? Number.POSITIVE_INFINITY)) refuse(field, `more than ${field.maxItems} items`)
    } else if (wireTypeOf(field) === 2) {
      const value = checkedChunk(field)
      const empty = field.type !== 'message' && (value as string | Uint8Array).length === 0
      if (empty && field.oneof === undefined && !field.explicit) refuse(field, 'an empty value is present')
      out[field.name] = value
    } else {
      const value = scalar(field)
      if (!value && !field.explicit && field.oneof === undefined) refuse(field, 'a zero is present')
      out[field.name] = value
    }
  }
  for (const field of table.fields) {
    if (field.required && isAbsent(out[field.name])) refuse(field, 'a required value is absent')
  }
  return out as T
}

function isAbsent(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0)
}

/**
 * Writes one message. `undefined`, zero, `false`, an empty string and empty bytes are absent, except in `optional`
 * fields and in a oneof, where only `undefined` is.
 *
 * @throws {SchemaError} when the value breaks a rule of the .proto; what is written can always be read again.
 */
export function encode<T>(table: Table<T>, value: T): Bytes {
  const out = { bytes: new Uint8Array(256), at: 0 }
  const oneofs: Record<string, true> = {}
  for (const field of table.fields) {
    const item = (value as Record<string, unknown>)[field.name]
    if (item === undefined || (Array.isArray(item) && item.length === 0)) {
      if (field.required) throw unwritable(table, field, 'a required value is absent')
      continue
    }
    if (field.repeated) {
      const items = item as readonly unknown[]
      if (items.length > (field.maxItems ?? Number.POSITIVE_INFINITY)) {
        throw unwritable(table, field, `${items.length} items, wanted at most ${field.maxItems}`)
      }
      if (field.type === 'u32' || field.type === 'u64') {
        const packed = { bytes: new Uint8Array(64), at: 0 }
        for (const each of items) writeScalar(packed, table, field, each)
        writeVarint(out, (field.no << 3) | 2)
        writeChunk(out, packed.bytes.subarray(0, packed.at))
      } else {
        for (const each of items) writeValue(out, table, field, each)
      }
      continue
    }
    const present = field.explicit || field.oneof !== undefined || field.type === 'message' || !isDefault(item)
    if (!present) {
      if (field.required) throw unwritable(table, field, 'a required value is empty or zero')
      continue
    }
    if (field.oneof !== undefined) {
      if (oneofs[field.oneof]) throw unwritable(table, field, `a second member of ${field.oneof}`)
      oneofs[field.oneof] = true
    }
    writeValue(out, table, field, item)
  }
  return out.bytes.slice(0, out.at)
}

interface Output {
  bytes: Uint8Array
  at: number
}

function isDefault(value: unknown): boolean {
  return !value || (value instanceof Uint8Array && value.length === 0)
}

function unwritable(table: Table<unknown>, field: Field, why: string): SchemaError {
  return new SchemaError(`Cannot write ${table.name}.${field.name}: ${why}`)
}

function writeValue(out: Output, table: Table<unknown>, field: Field, value: unknown): void {
  if (wireTypeOf(field) === 0) {
    writeVarint(out, field.no << 3)
    writeScalar(out, table, field, value)
    return
  }
  const bytes = chunkOf(table, field, value)
  if (field.length !== undefined && bytes.length !== field.length) {
    throw unwritable(table, field, `${bytes.length} bytes, wanted ${field.length}`)
  }
  if (field.maxBytes !== undefined && bytes.length > field.maxBytes) {
    throw unwritable(table, field, `${bytes.length} bytes, wanted at most ${field.maxBytes}`)
  }
  writeVarint(out, (field.no << 3) | 2)
  writeChunk(out, bytes)
}

function chunkOf(table: Table<unknown>, field: Field, value: unknown): Uint8Array {
  if (field.type === 'message') return encode((field.message as () => Table<unknown>)(), value)
  if (field.type === 'bytes') {
    if (value instanceof Uint8Array) return value
    throw unwritable(table, field, `${typeof value}, wanted bytes`)
  }
  if (typeof value !== 'string') throw unwritable(table, field, `${typeof value}, wanted text`)
  if (!value.isWellFormed()) throw unwritable(table, field, 'the text holds half a surrogate pair')
  return utf8Encoder.encode(value)
}

function writeScalar(out: Output, table: Table<unknown>, field: Field, value: unknown): void {
  const fits =
    field.type === 'u64'
      ? typeof value === 'bigint' && value >= 0n && value <= MAX_U64
      : field.type === 'bool'
        ? typeof value === 'boolean'
        : Number.isInteger(value) &&
          (value as number) >= 0 &&
          (value as number) <= (field.type === 'u32' ? 0xffffffff : MAX_MS)
  if (!fits) throw unwritable(table, field, `${String(value)} is no ${field.type}`)
  if (field.type === 'u64') writeBigVarint(out, value as bigint)
  else writeVarint(out, Number(value))
}

function reserve(out: Output, more: number): void {
  if (out.at + more <= out.bytes.length) return
  const grown = new Uint8Array(Math.max(out.bytes.length * 2, out.at + more))
  grown.set(out.bytes.subarray(0, out.at))
  out.bytes = grown
}

function writeVarint(out: Output, value: number): void {
  reserve(out, 8)
  let rest = value
  while (rest >= 0x80) {
    out.bytes[out.at++] = (rest % 128) + 0x80
    rest = Math.floor(rest / 128)
  }
  out.bytes[out.at++] = rest
}

function writeBigVarint(out: Output, value: bigint): void {
  if (value <= BigInt(MAX_MS)) return writeVarint(out, Number(value))
  reserve(out, 10)
  let rest = value
  while (rest >= 0x80n) {
    out.bytes[out.at++] = Number(rest & 0x7fn) + 0x80
    rest >>= 7n
  }
  out.bytes[out.at++] = Number(rest)
}

function writeChunk(out: Output, chunk: Uint8Array): void {
  writeVarint(out, chunk.length)
  reserve(out, chunk.length)
  out.bytes.set(chunk, out.at)
  out.at += chunk.length
}
