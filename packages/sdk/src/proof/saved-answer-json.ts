/**
 * Saved answers as JSON, for people and for tools that do not read Protobuf. Field names are the .proto's in camel case;
 * `bytes` of a fixed length are lowercase hex, others base64; 64-bit numbers are decimal text, but times.
 *
 * @module
 */
import { SavedAnswer, type Table } from '@mystranet/schemas/messages'
import { fromBase64, fromHex, toBase64, toHex } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { encodeSavedAnswer, parseSavedAnswer } from './saved-answer.ts'

type Column = Table<unknown>['columns'][number]
type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json }

/** JSON text, two spaces deep, fields in the order of their numbers, absent ones left out. */
export const savedAnswerToJson = (saved: SavedAnswer): string =>
  `${JSON.stringify(messageToJson(SavedAnswer, saved), undefined, 2)}\n`

/**
 * Inverse of {@link savedAnswerToJson}; takes any white space and order. Nothing is verified.
 *
 * @throws {PacketError} `ANSWER_INVALID`
 */
export function savedAnswerFromJson(text: string): SavedAnswer {
  try {
    return parseSavedAnswer(encodeSavedAnswer(messageFromJson(SavedAnswer, JSON.parse(text)) as SavedAnswer))
  } catch (cause) {
    throw new PacketError('ANSWER_INVALID', `Cannot read the saved answer: ${(cause as Error).message}`, { cause })
  }
}

const isHex = (column: Column) => column.least === column.most

function messageToJson(table: Table<unknown>, message: unknown): Json {
  const out: Record<string, Json> = {}
  for (const column of table.columns) {
    const value = (message as Record<string, unknown>)[column.name]
    if (value === undefined || (column.repeated && (value as unknown[]).length === 0)) continue
    const one = (item: unknown) => valueToJson(column, item)
    out[column.name] = column.repeated ? (value as unknown[]).map(one) : one(value)
  }
  return out
}

function valueToJson(column: Column, value: unknown): Json {
  if (column.message !== undefined) return messageToJson(column.message(), value)
  if (value instanceof Uint8Array) return isHex(column) ? toHex(value) : toBase64(value)
  return typeof value === 'bigint' ? `${value}` : (value as Json)
}

function messageFromJson(table: Table<unknown>, json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error(`${table.name} is no object`)
  const fields = new Map(Object.entries(json))
  const out: Record<string, unknown> = {}
  for (const column of table.columns) {
    const value = fields.get(column.name)
    fields.delete(column.name)
    if (column.repeated) {
      if (value !== undefined && !Array.isArray(value)) throw new Error(`${column.path} is no list`)
      out[column.name] = (value ?? []).map((item: unknown) => valueFromJson(column, item))
    } else if (value !== undefined) {
      out[column.name] = valueFromJson(column, value)
    }
  }
  for (const name of fields.keys()) throw new Error(`${table.name} has no field ${JSON.stringify(name)}`)
  return out
}

function valueFromJson(column: Column, value: unknown): unknown {
  if (column.message !== undefined) return messageFromJson(column.message(), value)
  if (column.type === 'u64') {
    if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,19})$/.test(value))
      throw new Error(`${column.path} is no decimal`)
    return BigInt(value)
  }
  if (column.type !== 'bytes') return value
  const bytes = typeof value === 'string' ? (isHex(column) ? fromHex(value) : fromBase64(value)) : undefined
  if (bytes === undefined) throw new Error(`${column.path} is not ${isHex(column) ? 'hex' : 'base64'}`)
  return bytes
}
