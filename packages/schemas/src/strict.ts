/**
 * The strict codec: reads and writes the one canonical Protobuf encoding of a message and refuses every other.
 *
 * Canonical means: fields in ascending order, each at most once (items of a repeated field together, numbers packed),
 * minimal varints, no value that equals an absent one, nothing unknown, valid UTF-8, and the lengths that the .proto
 * states. What `decode` accepts is therefore exactly what `encode` writes: `encode(decode(bytes))` equals `bytes`.
 * docs/protocol.md §3 is the specification. Tables are generated from the .proto files (`gen/strict.ts`).
 *
 * @module
 */

export type Bytes = Uint8Array<ArrayBuffer>

/** `enum` is a number below 2^31, `ms` a 64-bit time that a JavaScript number holds, `u64` a bigint. */
type FieldType = 'u32' | 'enum' | 'u64' | 'ms' | 'bool' | 'string' | 'bytes' | 'message'

/** The fields of one message; `T` is its TypeScript shape. */
export interface Table<T> {
  readonly name: string
  /** @internal In ascending order. */
  readonly columns: readonly Column[]
  /** @internal The same, by field number. */
  readonly byNumber: readonly (Column | undefined)[]
  /** @internal Those that are not left `undefined` when nothing was read. */
  readonly checked: readonly Column[]
  /** Only carries the type. */
  readonly shape?: T
}

/** A field prepared for reading and writing. All columns have one hidden class, which halves the cost of `decode`. */
interface Column {
  readonly name: string
  readonly path: string
  readonly type: FieldType
  readonly tag: number
  /** Length-delimited on the wire. */
  readonly chunked: boolean
  readonly packed: boolean
  readonly repeated: boolean
  readonly required: boolean
  /** A present value may equal the absent one. */
  readonly explicit: boolean
  readonly least: number
  readonly most: number
  readonly maxItems: number
  /** Other members of the oneof. */
  readonly rivals: readonly string[] | undefined
  readonly message: (() => Table<unknown>) | undefined
}

/** Bytes that are not the canonical encoding of a message, or a value that has none. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
}

const MAX_U32 = 2 ** 32 - 1
/** Greatest value of a number; chunks have no bound of their own. */
const MOST: Partial<Record<FieldType, number>> = {
  u32: MAX_U32,
  enum: 2 ** 31 - 1,
  u64: 2 ** 64 - 1,
  ms: Number.MAX_SAFE_INTEGER,
  bool: 1,
}

/** Name, mark, type, exact bytes, most bytes, most items and oneof of a field in the text of a table. */
const FIELD = /^(\w+)([!?]?):(\w+)(?:=(\d+))?(?:<(\d+))?(?:\[(\d*)\])?(?:\|(\w+))?$/

/**
 * Builds a table; called by generated code only.
 *
 * @param name The message's own, without its package; only for what is said of wrong bytes.
 * @param text The fields, in the order of their numbers, which run from 1 without a gap: `recipients!:bytes=32[8]`. That
 *   is a name, `!` when it is required or `?` when it is a proto3 `optional`, `:` and the type; then, each where the
 *   .proto says so: `=` and its exact bytes, `<` and its most bytes, `[` and its most items `]`, `|` and its oneof. It is
 *   text, and not objects, because every page that verifies carries most tables.
 * @param messages The tables of the fields of type `message`, in order.
 */
export function table<T>(name: string, text: string, ...messages: readonly (() => Table<unknown>)[]): Table<T> {
  const fields = text.split(' ').map((field) => FIELD.exec(field) as readonly (string | undefined)[])
  let nested = 0
  const columns = fields.map(([, own = '', mark, kind, exact, most, items, oneof], i): Column => {
    const type = kind as FieldType
    const chunked = type === 'string' || type === 'bytes' || type === 'message'
    const repeated = items !== undefined
    return {
      name: own,
      path: `${name}.${own}`,
      type,
      tag: (i + 1) * 8 + (chunked || repeated ? 2 : 0),
      chunked,
      packed: repeated && !chunked,
      repeated,
      required: mark === '!',
      explicit: repeated || oneof !== undefined || type === 'message' || mark === '?',
      least: Number(exact ?? 0),
      most: Number(exact ?? most ?? MOST[type] ?? Number.POSITIVE_INFINITY),
      maxItems: Number(items || Number.POSITIVE_INFINITY),
      rivals: oneof ? fields.filter((f) => f[7] === oneof && f[1] !== own).map((f) => f[1] as string) : undefined,
      message: type === 'message' ? messages[nested++] : undefined,
    }
  })
  return { name, columns, byNumber: [undefined, ...columns], checked: columns.filter((c) => c.required || c.repeated) }
}

const CUT = 'the bytes end inside a number'
const OVERLONG = 'a number is longer than it needs to be'
const SECOND = 'a second member of its oneof'

const utf8Encoder = /* @__PURE__ */ new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const sizes = ({ least, most }: Column, length: number): string =>
  `${length} bytes, wanted ${least === most ? '' : 'at most '}${most}`

/** Where reading stands; nested messages share it. */
interface Input {
  readonly bytes: Uint8Array
  at: number
}

function refuse(input: Input, path: string, why: string): never {
  throw new SchemaError(`Cannot read ${path} at byte ${input.at}: ${why}`)
}

/**
 * Reads one message. Cost: about 3 µs for a packet's core; `bytes` values are views of the input, not copies.
 *
 * @throws {SchemaError} for everything that is not canonical, naming message and field.
 */
export function decode<T>(table: Table<T>, bytes: Uint8Array): T {
  return readMessage(table, { bytes, at: 0 }, bytes.length) as T
}

function readMessage(table: Table<unknown>, input: Input, end: number): unknown {
  const out: Record<string, unknown> = {}
  let last = 0
  while (input.at < end) {
    const tag = readNumber(input, end, table.name, MAX_U32)
    const column = table.byNumber[tag >>> 3]
    if (column === undefined) refuse(input, table.name, `unknown field ${tag >>> 3}`)
    if (tag !== column.tag) refuse(input, column.path, `wire type ${tag & 7}, wanted ${column.tag & 7}`)
    if (tag < last || (tag === last && (!column.repeated || column.packed))) {
      refuse(input, column.path, 'fields are not in ascending order')
    }
    if (column.rivals?.some((rival) => out[rival] !== undefined)) refuse(input, column.path, SECOND)
    if (!column.repeated) {
      out[column.name] = readValue(column, input, end)
    } else if (column.packed) {
      out[column.name] = readPacked(column, input, end)
    } else {
      if (tag !== last) out[column.name] = []
      const items = out[column.name] as unknown[]
      if (items.push(readValue(column, input, end)) > column.maxItems) refuseItems(column, input)
    }
    last = tag
  }
  for (const column of table.checked) {
    if (out[column.name] !== undefined) continue
    if (column.required) refuse(input, column.path, 'a required value is absent')
    out[column.name] = []
  }
  return out
}

function refuseItems(column: Column, input: Input): never {
  return refuse(input, column.path, `more than ${column.maxItems} items`)
}

function readPacked(column: Column, input: Input, end: number): unknown[] {
  const items: unknown[] = []
  const stop = readNumber(input, end, column.path, MAX_U32) + input.at
  if (stop > end || stop === input.at) refuse(input, column.path, 'the packed numbers are cut or empty')
  while (input.at < stop) if (items.push(readScalar(column, input, stop)) > column.maxItems) refuseItems(column, input)
  return items
}

function readValue(column: Column, input: Input, end: number): unknown {
  const { path, type, explicit } = column
  if (!column.chunked) {
    const value = readScalar(column, input, end)
    if (!value && !explicit) refuse(input, path, 'a zero is present')
    return value
  }
  const { bytes } = input
  const length = readNumber(input, end, path, MAX_U32)
  const start = input.at
  const stop = start + length
  if (stop > end) refuse(input, path, 'the bytes end inside a value')
  if (column.message !== undefined) return readMessage(column.message(), input, stop)
  if (length === 0 && !explicit) refuse(input, path, 'an empty value is present')
  if (length < column.least || length > column.most) {
    refuse(input, path, sizes(column, length))
  }
  input.at = stop
  // Cheaper than `subarray`, and never a Buffer.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
  if (type === 'bytes') return view
  try {
    return utf8Decoder.decode(view)
  } catch {
    return refuse(input, path, 'the text is not UTF-8')
  }
}

function readScalar(column: Column, input: Input, end: number): number | bigint | boolean {
  if (column.type === 'u64') return readBigint(input, end, column.path)
  const value = readNumber(input, end, column.path, column.most)
  return column.type === 'bool' ? value === 1 : value
}

/** A minimal varint of at most `most`. */
function readNumber(input: Input, end: number, path: string, most: number): number {
  let value = 0
  for (let scale = 1; scale <= most; scale *= 128) {
    if (input.at >= end) refuse(input, path, CUT)
    const byte = input.bytes[input.at++] as number
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (byte === 0 && scale > 1) refuse(input, path, OVERLONG)
      if (value > most) break
      return value
    }
  }
  return refuse(input, path, `a number exceeds ${most}`)
}

/** A minimal varint of at most 64 bits: 49 bits in `low`, the rest in `high`, each exact as a number. */
function readBigint(input: Input, end: number, path: string): bigint {
  let low = 0
  let high = 0
  for (let n = 0; n < 10; n++) {
    if (input.at >= end) refuse(input, path, CUT)
    const byte = input.bytes[input.at++] as number
    if (n < 7) low += (byte & 0x7f) * 128 ** n
    else high += (byte & 0x7f) * 128 ** (n - 7)
    if (byte < 0x80) {
      if (byte === 0 && n > 0) refuse(input, path, OVERLONG)
      if (high >= 2 ** 15) break
      return high === 0 ? BigInt(low) : (BigInt(high) << 49n) + BigInt(low)
    }
  }
  return refuse(input, path, 'a number exceeds 64 bits')
}

function isDefault(value: unknown): boolean {
  return !value || (value instanceof Uint8Array && value.length === 0)
}

interface Output {
  bytes: Bytes
  at: number
}

/**
 * Writes one message. `undefined`, zero, `false`, an empty string and empty bytes are absent, except in `optional`
 * fields and in a oneof, where only `undefined` is.
 *
 * @throws {SchemaError} when the value breaks a rule of the .proto; what is written can always be read again.
 */
export function encode<T>(table: Table<T>, value: T): Bytes {
  const out = { bytes: scratch ?? new Uint8Array(SCRATCH_BYTES), at: 0 }
  // A value whose getter encodes something else finds none and makes its own.
  scratch = undefined
  try {
    writeMessage(table, out, value)
    return out.bytes.slice(0, out.at)
  } finally {
    // Texts of packets pass through here.
    out.bytes.fill(0, 0, out.at)
    scratch = out.bytes.length === SCRATCH_BYTES ? out.bytes : undefined
  }
}

/** Kept between calls: allocating it costs more than writing a core. What outgrows it is not kept. */
let scratch: Bytes | undefined
const SCRATCH_BYTES = 4_096

function unwritable(column: Column, why: string): never {
  throw new SchemaError(`Cannot write ${column.path}: ${why}`)
}

function writeMessage(table: Table<unknown>, out: Output, message: unknown): void {
  const values = message as Readonly<Record<string, unknown>>
  for (const column of table.columns) {
    const value = values[column.name]
    if (
      value === undefined ||
      (column.explicit ? column.repeated && (value as unknown[]).length === 0 : isDefault(value))
    ) {
      if (column.required) unwritable(column, 'a required value is absent')
      continue
    }
    if (column.rivals?.some((rival) => values[rival] !== undefined)) unwritable(column, SECOND)
    if (!column.repeated) {
      writeValue(column, out, value)
      continue
    }
    const items = value as readonly unknown[]
    if (items.length > column.maxItems) unwritable(column, `${items.length} items, wanted at most ${column.maxItems}`)
    if (column.packed) {
      writeNumber(out, column.tag)
      writeChunk(out, (chunk) => {
        for (const item of items) writeScalar(column, chunk, item)
      })
    } else {
      for (const item of items) writeValue(column, out, item)
    }
  }
}

function writeValue(column: Column, out: Output, value: unknown): void {
  const { type, least, most } = column
  writeNumber(out, column.tag)
  if (!column.chunked) {
    writeScalar(column, out, value)
    return
  }
  if (column.message !== undefined) {
    const inner = column.message()
    writeChunk(out, (chunk) => writeMessage(inner, chunk, value))
    return
  }
  if (type === 'bytes' ? !(value instanceof Uint8Array) : typeof value !== 'string' || !value.isWellFormed()) {
    unwritable(column, `wanted ${type === 'bytes' ? 'bytes' : 'text without half surrogate pairs'}`)
  }
  const bytes = type === 'bytes' ? (value as Uint8Array) : utf8Encoder.encode(value as string)
  if (bytes.length < least || bytes.length > most) unwritable(column, sizes(column, bytes.length))
  writeNumber(out, bytes.length)
  reserve(out, bytes.length)
  out.bytes.set(bytes, out.at)
  out.at += bytes.length
}

function writeScalar(column: Column, out: Output, value: unknown): void {
  const { type, most } = column
  const wanted = type === 'u64' ? 'bigint' : type === 'bool' ? 'boolean' : 'number'
  const number = Number(value)
  // `most + 1` is exact for every type, 2^64 among them; `number` only estimates a bigint, so `value` is compared.
  const fits = typeof value === wanted && (value as number) >= 0 && (value as number) < most + 1
  if (!fits || !Number.isInteger(number)) unwritable(column, `${String(value)} is no ${type}`)
  if (number <= Number.MAX_SAFE_INTEGER) {
    writeNumber(out, number)
    return
  }
  reserve(out, 10)
  let rest = value as bigint
  for (; rest >= 0x80n; rest >>= 7n) out.bytes[out.at++] = Number(rest & 0x7fn) + 0x80
  out.bytes[out.at++] = Number(rest)
}

function reserve(out: Output, more: number): void {
  if (out.at + more <= out.bytes.length) return
  const grown = new Uint8Array(Math.max(out.bytes.length * 2, out.at + more))
  grown.set(out.bytes.subarray(0, out.at))
  out.bytes = grown
}

function writeNumber(out: Output, value: number): void {
  reserve(out, 8)
  let rest = value
  while (rest >= 0x80) {
    out.bytes[out.at++] = (rest % 128) + 0x80
    rest = Math.floor(rest / 128)
  }
  out.bytes[out.at++] = rest
}

/** Writes what `fill` writes, with its length before it. */
function writeChunk(out: Output, fill: (chunk: Output) => void): void {
  const start = out.at
  fill(out)
  const length = out.at - start
  // Only now is it known how many bytes the length itself takes.
  writeNumber(out, length)
  const prefix = out.bytes.slice(start + length, out.at)
  out.bytes.copyWithin(start + prefix.length, start, start + length)
  out.bytes.set(prefix, start)
}
