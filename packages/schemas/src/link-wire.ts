/**
 * The messages of `link.ts` as bytes, for carriers that know only bytes: `u8 type ‖ fields`, in the order of the tables
 * below. Integers are big-endian; text, blobs and lists carry a u32 length or count before them. Each message has one
 * encoding, and whatever is no such encoding is no message.
 *
 * @module
 */
import { CODES, type Code } from './codes.ts'
import { MAX_DELIVERY_BYTES, MAX_PACKET_BYTES } from './limits.ts'
import type { AgentMessage, RouterMessage } from './link.ts'

/** Bytes of one encoded message: the largest packet with its delivery, and what stands around it. */
export const MAX_LINK_MESSAGE_BYTES = MAX_PACKET_BYTES + MAX_DELIVERY_BYTES + 64 * 1024
/** Bytes of one text. */
const MAX_TEXT_BYTES = 64 * 1024
/** Entries of one list: a page of key events, or the models of an agent. */
const MAX_LIST = 1_024

type Field = 'count' | 'time' | 'flag' | 'number' | 'text' | 'code' | 'id' | 'blob' | 'texts' | 'blobs'
type Layout = readonly (readonly [name: string, field: Field])[]
type LayoutOf<M extends { readonly type: string }> = Readonly<Record<M['type'], readonly [number, ...Layout]>>

const AGENT: LayoutOf<AgentMessage> = {
  hello: [1, ['instance', 'id'], ['slots', 'count'], ['models', 'texts']],
  keys: [2, ['id', 'count'], ['events', 'blobs']],
  statement: [3, ['id', 'count'], ['document', 'blob']],
  reply: [4, ['id', 'count'], ['packet', 'blob']],
  frame: [5, ['request', 'id'], ['frame', 'blob']],
  checkpoint: [6, ['request', 'id'], ['document', 'blob']],
  heartbeat: [7, ['request', 'id'], ['text', 'text']],
  progress: [8, ['lease', 'text']],
  finished: [9, ['lease', 'text']],
  returned: [10, ['lease', 'text']],
  presence: [
    11,
    ['running', 'count'],
    ['queued', 'count'],
    ['canaryMs', 'time'],
    ['draining', 'flag'],
    ['tokensPerSecond', 'number'],
  ],
  log: [12, ['line', 'text']],
}
const ROUTER: LayoutOf<RouterMessage> = {
  deliver: [33, ['lease', 'text'], ['leaseMs', 'count'], ['packet', 'blob']],
  cancel: [34, ['packet', 'blob'], ['senderKeys', 'blob']],
  abandon: [35, ['request', 'id']],
  done: [36, ['id', 'count'], ['receipts', 'blobs']],
  refused: [37, ['id', 'count'], ['code', 'code'], ['message', 'text']],
  drain: [38],
}

const ID_BYTES = 32
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws RangeError for a message beyond its limits: nothing that this project makes. */
export const encodeAgentMessage = (message: AgentMessage): Uint8Array => write(AGENT, message)
/** @throws RangeError for a message beyond its limits. */
export const encodeRouterMessage = (message: RouterMessage): Uint8Array => write(ROUTER, message)
/** Undefined for bytes that are no message of an agent. Never throws; the result shares nothing with `bytes`. */
export const decodeAgentMessage = (bytes: Uint8Array) => read(AGENT, bytes) as AgentMessage | undefined
/** Undefined for bytes that are no message of a router. Never throws; the result shares nothing with `bytes`. */
export const decodeRouterMessage = (bytes: Uint8Array) => read(ROUTER, bytes) as RouterMessage | undefined

function write<M extends { readonly type: string }>(layouts: LayoutOf<M>, message: M): Uint8Array {
  const [type, ...layout] = layouts[message.type as M['type']]
  const parts: Uint8Array[] = [Uint8Array.of(type)]
  for (const [name, field] of layout) {
    const value = (message as Readonly<Record<string, unknown>>)[name]
    if (!WRITERS[field](value, parts)) {
      throw new RangeError(`Cannot encode a message ${message.type}: its ${name} is beyond its limits`)
    }
  }
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  if (size > MAX_LINK_MESSAGE_BYTES) {
    throw new RangeError(
      `Cannot encode a message ${message.type}: it has ${size} bytes, wanted at most ${MAX_LINK_MESSAGE_BYTES}`,
    )
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const u32 = (value: number) => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
const f64 = (value: number) => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const blob = (bytes: unknown, parts: Uint8Array[], most = MAX_LINK_MESSAGE_BYTES): boolean => {
  if (!(bytes instanceof Uint8Array) || bytes.length > most) return false
  parts.push(u32(bytes.length), bytes)
  return true
}
const text = (value: unknown, parts: Uint8Array[]): boolean =>
  // A lone surrogate would come back as another text.
  typeof value === 'string' && value.isWellFormed() && blob(encoder.encode(value), parts, MAX_TEXT_BYTES)
const list = (values: unknown, parts: Uint8Array[], each: (value: unknown, parts: Uint8Array[]) => boolean) => {
  if (!Array.isArray(values) || values.length > MAX_LIST) return false
  parts.push(u32(values.length))
  return values.every((value) => each(value, parts))
}

/** How each field is written. False: its value is beyond its limits. */
const WRITERS: Readonly<Record<Field, (value: unknown, parts: Uint8Array[]) => boolean>> = {
  count: (value, parts) => isCount(value) && value < 2 ** 32 && parts.push(u32(value)) > 0,
  time(value, parts) {
    if (value === undefined) return parts.push(Uint8Array.of(0)) > 0
    return isTime(value) && parts.push(Uint8Array.of(1), u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)) > 0
  },
  flag: (value, parts) => typeof value === 'boolean' && parts.push(Uint8Array.of(value ? 1 : 0)) > 0,
  // -0 would be a second encoding of 0.
  number: (value, parts) =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0 && parts.push(f64(value + 0)) > 0,
  text,
  code: text,
  id: (value, parts) => value instanceof Uint8Array && value.length === ID_BYTES && parts.push(value) > 0,
  blob: (value, parts) => blob(value, parts),
  texts: (value, parts) => list(value, parts, text),
  blobs: (value, parts) => list(value, parts, (each, to) => blob(each, to)),
}

class NotAMessage extends Error {}

interface Cursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
}

function read(layouts: Readonly<Record<string, readonly [number, ...Layout]>>, bytes: Uint8Array): unknown {
  if (bytes.length === 0 || bytes.length > MAX_LINK_MESSAGE_BYTES) return undefined
  const found = Object.entries(layouts).find(([, [type]]) => type === bytes[0])
  if (found === undefined) return undefined
  const [type, [, ...layout]] = found
  const cursor: Cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 1 }
  try {
    const fields = layout.map(([name, field]) => [name, READERS[field](cursor)])
    return cursor.at === bytes.length ? { type, ...Object.fromEntries(fields) } : undefined
  } catch (error) {
    // TypeError is the decoder's, for text that is no UTF-8.
    if (error instanceof NotAMessage || error instanceof TypeError) return undefined
    throw error
  }
}

const take = (cursor: Cursor, length: number): number => {
  const { at } = cursor
  if (length > cursor.bytes.length - at) throw new NotAMessage()
  cursor.at += length
  return at
}
const readCount = (cursor: Cursor) => cursor.view.getUint32(take(cursor, 4))
const readBlob = (cursor: Cursor, most = MAX_LINK_MESSAGE_BYTES): Uint8Array => {
  const length = readCount(cursor)
  if (length > most) throw new NotAMessage()
  const at = take(cursor, length)
  return cursor.bytes.slice(at, at + length)
}
const readText = (cursor: Cursor) => decoder.decode(readBlob(cursor, MAX_TEXT_BYTES))
const readFlag = (cursor: Cursor) => {
  const value = cursor.bytes[take(cursor, 1)] as number
  if (value > 1) throw new NotAMessage()
  return value === 1
}
const readList = <T>(cursor: Cursor, each: (cursor: Cursor) => T): T[] => {
  const length = readCount(cursor)
  if (length > MAX_LIST) throw new NotAMessage()
  return Array.from({ length }, () => each(cursor))
}

const READERS: Readonly<Record<Field, (cursor: Cursor) => unknown>> = {
  count: readCount,
  time(cursor) {
    if (!readFlag(cursor)) return undefined
    const value = readCount(cursor) * 2 ** 32 + readCount(cursor)
    if (!isTime(value)) throw new NotAMessage()
    return value
  },
  flag: readFlag,
  number(cursor) {
    const value = cursor.view.getFloat64(take(cursor, 8))
    if (!Number.isFinite(value) || value < 0 || Object.is(value, -0)) throw new NotAMessage()
    return value
  },
  text: readText,
  code(cursor): Code {
    const code = readText(cursor)
    if (!Object.hasOwn(CODES, code)) throw new NotAMessage()
    return code as Code
  },
  id(cursor) {
    const at = take(cursor, ID_BYTES)
    return cursor.bytes.slice(at, at + ID_BYTES)
  },
  blob: (cursor) => readBlob(cursor),
  texts: (cursor) => readList(cursor, readText),
  blobs: (cursor) => readList(cursor, (each) => readBlob(each)),
}
