/**
 * DSSE v1: what is signed is the type and the exact bytes, never a re-encoding (docs/protocol.md §6).
 *
 * @module
 */
import { type Bytes, concat, utf8 } from '../bytes.ts'

/** The things that are signed, each under its own payload type. */
export const THINGS = [
  'packet',
  'batch-root',
  'stream-checkpoint',
  'key-event',
  'routing-table',
  'model-statement',
  'registry-entry',
  'authorization',
  'finding',
  'answer-fetch',
  'notice',
] as const

export type Thing = (typeof THINGS)[number]

/** The DSSE payload type of a thing. */
export const PAYLOAD_TYPES = Object.fromEntries(
  THINGS.map((thing) => [thing, `application/vnd.mystranet.${thing}.v1+protobuf`]),
) as Record<Thing, string>

/** Pre-authentication encoding: the bytes that are signed. */
export function pae(payloadType: string, body: Uint8Array): Bytes {
  const type = utf8(payloadType)
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${body.length} `), body)
}
