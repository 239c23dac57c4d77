/**
 * A packet in JSON, under the names of the packet definition: docs/protocol.md §15. It holds all that a packet holds but
 * `delivery`, so that the exact signed bytes follow from it; nothing is verified here. `json/packet.v1.schema.json` says
 * what is well formed; the tests of `@mystranet/sdk/json` hold schema, this reader and the gates of a packet together.
 *
 * @module
 */
import { type PacketProjection, PROJECTION } from './gen/projection.ts'
import type { BatchProof, HeaderCore, Recipient } from './gen/strict.ts'
import { MAX_PADDED_BYTES } from './limits.ts'
import { type Bytes, SchemaError } from './strict.ts'

export type { PacketProjection } from './gen/projection.ts'
export { SCHEMA_DIGEST_V1, SCHEMA_DIGEST_V1_HEX } from './gen/schema-digest.ts'

/** One field of the projection, as generated. */
export interface ProjectionRow {
  readonly field: string
  readonly name: string
  readonly as: 'hex' | 'bytes' | 'tag' | 'time' | 'u32' | 'u64' | 'flag' | 'enum' | 'message'
  readonly list?: boolean
  readonly required?: boolean
  readonly oneof?: string
  readonly size?: number
  readonly maxItems?: number
  readonly values?: readonly number[]
  readonly most?: number
  readonly holds?: number
  readonly distinct?: boolean
  readonly names?: Readonly<Record<string, number>>
  readonly rows?: readonly ProjectionRow[]
}

/** What a projection holds beside packet id and payload, under the names of its rows. */
interface ProjectedFields {
  readonly recipientsHash?: Uint8Array | undefined
  readonly ciphertextHash?: Uint8Array | undefined
  /** The items of `Recipients`; empty in packets without recipients. */
  readonly recipientKeys: readonly Recipient[]
  readonly signature?: Uint8Array | undefined
  readonly batch?: BatchProof | undefined
}

/** What a projection holds. */
export interface ProjectedPacket extends ProjectedFields {
  readonly core: HeaderCore
  /** 32 bytes. */
  readonly packetId: Uint8Array
  /** The ciphertext; empty in packets without one. */
  readonly payload: Uint8Array
}

const MAX_PAYLOAD_BYTES = MAX_PADDED_BYTES + 16
const MAX_U64 = (1n << 64n) - 1n
const MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

type Values = Readonly<Record<string, unknown>>

/**
 * The JSON object of a packet: ids, keys, nonces, digests and signatures in lowercase hex, 64-bit numbers as decimal
 * strings, times in RFC 3339 with milliseconds, the ciphertext in base64; what is absent in the packet is absent here.
 * Cost: about 50 µs, and the base64 of the ciphertext.
 *
 * @throws {SchemaError} when the packet has no valid projection: a kind, suite or version that is unknown, a tag
 * outside its alphabet, a time after the year 9999.
 */
export function project({ core, packetId, payload, ...fields }: ProjectedPacket): PacketProjection {
  const json = writeRows(PROJECTION, { ...core, ...fields })
  // What is written is read again, so that no projection leaves this function that `parseProjection` would refuse.
  readRows(PROJECTION, json, '')
  if (packetId.length !== 32) refuse('Transaction_Hash_ID', `${packetId.length} bytes, wanted 32`)
  if (payload.length > MAX_PAYLOAD_BYTES) refuse('Payload', `wanted at most ${MAX_PAYLOAD_BYTES} bytes`)
  json['Transaction_Hash_ID'] = toHex(packetId)
  json['Payload'] = toBase64(payload)
  return json as unknown as PacketProjection
}

/**
 * Reads what {@link project} writes, strictly: `json` is a parsed JSON value of any origin. It judges each value by
 * itself; which fields a kind carries is for the JSON Schema and for the gates of the packet. Cost: about 40 µs, and the
 * base64 of the payload.
 *
 * @throws {SchemaError} for an unknown name, an absent mandatory one, or a value outside its range.
 */
export function parseProjection(json: unknown): ProjectedPacket {
  if (!isObject(json)) return refuse('', 'no JSON object')
  const { Transaction_Hash_ID: id, Payload: payload, ...rest } = json
  const { recipientsHash, ciphertextHash, recipientKeys, signature, batch, ...core } = readRows(PROJECTION, rest, '')
  const fields = { recipientsHash, ciphertextHash, recipientKeys, signature, batch } as unknown as ProjectedFields
  const packetId = fromHex(id, 32, 'Transaction_Hash_ID')
  return { core: core as unknown as HeaderCore, ...fields, packetId, payload: fromBase64(payload) }
}

function refuse(name: string, why: string): never {
  throw new SchemaError(`Cannot project packet${name === '' ? '' : `.${name}`}: ${why}`)
}

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isAbsent = (value: unknown): boolean =>
  !value || ((Array.isArray(value) || value instanceof Uint8Array) && value.length === 0)

function writeRows(rows: readonly ProjectionRow[], values: Values): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const row of rows) {
    const value = values[row.field]
    if (isAbsent(value)) continue
    json[row.name] = row.list ? (value as unknown[]).map((item) => writeItem(row, item)) : writeItem(row, value)
  }
  return json
}

function writeItem(row: ProjectionRow, value: unknown): unknown {
  switch (row.as) {
    case 'hex':
    case 'bytes':
      return toHex(value as Uint8Array)
    case 'u64':
      return String(value)
    case 'time':
      if ((value as number) > MAX_MS) refuse(row.name, 'a time after the year 9999')
      return new Date(value as number).toISOString()
    case 'enum':
      return Object.entries(row.names ?? {}).find(([, number]) => number === value)?.[0]
    case 'message':
      return writeRows(row.rows ?? [], value as Values)
    default:
      return value
  }
}

function readRows(rows: readonly ProjectionRow[], json: Values, path: string): Record<string, unknown> {
  for (const name of Object.keys(json)) {
    if (!rows.some((row) => row.name === name)) refuse(path + name, 'an unknown name')
  }
  const values: Record<string, unknown> = {}
  const oneofs = new Set<string>()
  for (const row of rows) {
    const value = json[row.name]
    const name = path + row.name
    if (value === undefined) {
      if (row.required) refuse(name, 'a mandatory value is absent')
      if (row.list) values[row.field] = []
      continue
    }
    if (row.oneof !== undefined && oneofs.size === oneofs.add(row.oneof).size) refuse(name, `a second ${row.oneof}`)
    values[row.field] = row.list ? readList(row, value, name) : readItem(row, value, name)
  }
  for (const { oneof } of rows) if (oneof !== undefined && !oneofs.has(oneof)) refuse(path, `no ${oneof}`)
  return values
}

function readList(row: ProjectionRow, value: unknown, name: string): unknown[] {
  const { maxItems = 0, holds } = row
  if (!Array.isArray(value) || value.length === 0 || value.length > maxItems) {
    return refuse(name, `wanted a list of 1 to ${maxItems} items`)
  }
  if (row.distinct && new Set(value).size < value.length) refuse(name, 'an item stands twice')
  const items = value.map((item: unknown) => readItem(row, item, name))
  if (holds !== undefined && !items.includes(holds)) refuse(name, `wanted ${holds} among the items`)
  return items
}

function readItem(row: ProjectionRow, value: unknown, name: string): unknown {
  switch (row.as) {
    case 'hex':
      return fromHex(value, row.size ?? 0, name)
    case 'bytes':
      return fromHexUpTo(value, row.size ?? 0, name)
    case 'u32':
      return readNumber(row, value, name)
    case 'u64':
      if (typeof value !== 'string' || !/^[1-9][0-9]{0,19}$/.test(value) || BigInt(value) > MAX_U64) {
        return refuse(name, 'wanted a decimal string of 1 to 2^64 − 1')
      }
      return BigInt(value)
    case 'time':
      return readTime(value, name)
    case 'flag':
      return value === true ? value : refuse(name, 'wanted true, or nothing')
    case 'enum': {
      const { names = {} } = row
      if (typeof value !== 'string' || !Object.hasOwn(names, value)) {
        return refuse(name, `wanted one of ${Object.keys(names).join(', ')}`)
      }
      return names[value]
    }
    case 'message':
      return isObject(value) ? readRows(row.rows ?? [], value, `${name}.`) : refuse(name, 'no JSON object')
    case 'tag':
      if (typeof value !== 'string' || !/^[a-z0-9][a-z0-9._-]*$/.test(value) || value.length > (row.size ?? 0)) {
        return refuse(name, `wanted 1 to ${row.size} of a–z 0–9 . - _, a letter or digit first`)
      }
      return value
  }
}

function readNumber({ values, most = 0 }: ProjectionRow, value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    return refuse(name, `wanted a whole number of 1 to ${most}`)
  }
  if (values !== undefined && !values.includes(value)) refuse(name, `wanted one of ${values.join(', ')}`)
  return value
}

function readTime(value: unknown, name: string): number {
  const ms = typeof value === 'string' && /^[1-9][0-9]{3}-/.test(value) ? Date.parse(value) : Number.NaN
  // `Date.parse` takes many forms, and days that do not exist; one of them comes back as it was.
  if (!(ms > 0) || new Date(ms).toISOString() !== value) refuse(name, 'wanted a time as in 2030-01-31T23:59:59.999Z')
  return ms
}

function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += (byte + 256).toString(16).slice(1)
  return text
}

function fromHex(text: unknown, length: number, name: string): Bytes {
  if (typeof text !== 'string' || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) {
    return refuse(name, `wanted ${2 * length} lowercase hex digits`)
  }
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

/** 1 to so many bytes. */
function fromHexUpTo(text: unknown, most: number, name: string): Bytes {
  const length = typeof text === 'string' ? Math.ceil(text.length / 2) : 0
  if (length === 0 || length > most) return refuse(name, `wanted 1 to ${most} bytes in lowercase hex`)
  return fromHex(text, length, name)
}

function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  return btoa(binary)
}

function fromBase64(text: unknown): Bytes {
  if (typeof text !== 'string' || text.length > 4 * Math.ceil(MAX_PAYLOAD_BYTES / 3)) {
    return refuse('Payload', `wanted base64 of at most ${MAX_PAYLOAD_BYTES} bytes`)
  }
  let bytes: Bytes | undefined
  try {
    const binary = atob(text)
    bytes = new Uint8Array(binary.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  } catch {
    // Refused below, as every text that is not the one base64 of its bytes.
  }
  return bytes !== undefined && toBase64(bytes) === text ? bytes : refuse('Payload', 'wanted canonical base64')
}
