/**
 * What edges and nexus say to each other over a broker.
 *
 * An edge asks under `weave.nexus.{what}`, and names a subject of its own to answer to:
 *
 *     ask = u8 1 ‖ u32 deadline ms ‖ u32 length of the body ‖ u16 len(name) ‖ name ‖ the body, or its beginning
 *
 * What follows are datagrams `u8 kind ‖ u32 number ‖ payload` between the edge's subject and the one that the nexus names
 * as reply subject of each of its own. Parts of a body are numbered from 1 in each direction; `end` has the number of the
 * last. Core NATS may lose any of them: a gap, a wrong end or silence makes the exchange fail, and never end early.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { concat, fromUtf8, u16be, u32be, utf8 } from '@mystranet/sdk/bytes'
import { RouterError } from '../errors.ts'

/** What can be asked, with the greatest body of each. */
export const ASKS = {
  submit: MAX_PACKET_BYTES,
  answer: 4_096,
  stored: 4_096,
  routes: 0,
  keys: 0,
  enrol: 256 * 1024,
  log: 0,
  status: 0,
} as const

export type Asked = keyof typeof ASKS

export const askSubject = (what: Asked | '*'): string => `weave.nexus.${what}`

/** What a subject asks for. */
export function askedOf(subject: string): Asked | undefined {
  const what = subject.slice(askSubject('*').length - 1)
  return Object.hasOwn(ASKS, what) ? (what as Asked) : undefined
}

/**
 * Whether a subject is one to answer to. Others could make whoever answers publish where the asker itself may not: to the
 * queue, or to agents.
 */
export const isInbox = (subject: string | undefined): subject is string =>
  subject !== undefined && /^_INBOX[\w.-]+$/.test(subject)

export interface Ask {
  /** Milliseconds within which the edge wants the beginning of an answer. */
  readonly deadlineMs: number
  /** Bytes of the whole body; what is not in `body` follows as parts. */
  readonly length: number
  /** Packet id, instance id or path. */
  readonly name: string
  readonly body: Uint8Array
}

/** Parts that may be under way and not taken by whoever reads the answer. */
export const WINDOW_PARTS = 8
export const PART_BYTES = 128 * 1024
/** Bytes of a datagram before its payload. */
export const DATAGRAM_BYTES = 5
/** The other end is asked whether it is there so often, and given up when it is silent for so long. */
export const PING_MS = 2_000
export const SILENCE_MS = 15_000

const VERSION = 1
const ASK_BYTES = 11
const MAX_NAME_BYTES = 256
const MAX_MESSAGE_CHARS = 500

/** Bytes of an ask before its body. */
export const askBytes = (name: string): number => ASK_BYTES + utf8(name).length

export function encodeAsk({ deadlineMs, length, name, body }: Ask): Uint8Array {
  const text = utf8(name)
  return concat(Uint8Array.of(VERSION), u32be(deadlineMs), u32be(length), u16be(text.length), text, body)
}

/** @param bytes From an edge, which is not trusted. @returns undefined for what is no ask; else a copy. */
export function readAsk(bytes: Uint8Array): Ask | undefined {
  if (bytes.length < ASK_BYTES || bytes[0] !== VERSION) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const nameBytes = view.getUint16(9)
  const length = view.getUint32(5)
  const body = new Uint8Array(bytes.subarray(ASK_BYTES + nameBytes))
  if (nameBytes > MAX_NAME_BYTES || bytes.length < ASK_BYTES + nameBytes || body.length > length) return undefined
  const name = textOf(bytes.subarray(ASK_BYTES, ASK_BYTES + nameBytes))
  return name === undefined ? undefined : { deadlineMs: view.getUint32(1), length, name, body }
}

/**
 * - Both ways: `part`.
 * - Nexus to edge: `ready` for the parts of the body; `end`, with a mark of one byte; `refused`, with a refusal; `here`,
 *   in answer to a ping; `gone`: it knows nothing of the exchange (any more).
 * - Edge to nexus: `taken`, up to which part; `ping`; `left`: nobody reads any more.
 */
export const KINDS = { part: 1, end: 2, refused: 3, ready: 4, here: 5, gone: 6, taken: 7, ping: 8, left: 9 } as const

export type Kind = keyof typeof KINDS

export interface Datagram {
  readonly kind: Kind
  readonly number: number
  readonly payload: Uint8Array
}

const NAMES = Object.keys(KINDS) as Kind[]
const NOTHING = new Uint8Array(0)

export const encodeDatagram = (kind: Kind, number: number, payload: Uint8Array = NOTHING): Uint8Array =>
  concat(Uint8Array.of(KINDS[kind]), u32be(number), payload)

/** @param bytes Untrusted. @returns undefined for what is no datagram; else a copy, for the library's own may be a view. */
export function readDatagram(bytes: Uint8Array): Datagram | undefined {
  const kind = NAMES[(bytes[0] ?? 0) - 1]
  if (kind === undefined || bytes.length < DATAGRAM_BYTES) return undefined
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1)
  return { kind, number, payload: new Uint8Array(bytes.subarray(DATAGRAM_BYTES)) }
}

export function encodeRefusal({ code, message, retryAfterMs, packet }: RouterError): Uint8Array {
  return utf8(JSON.stringify({ code, message: message.slice(0, MAX_MESSAGE_CHARS), retryAfterMs, packet }))
}

/** @param bytes Untrusted. @returns The refusal, or that the nexus said something that is none. */
export function readRefusal(bytes: Uint8Array): RouterError {
  const { code, message, retryAfterMs, packet } = fieldsOf(bytes)
  if (typeof code !== 'string' || !Object.hasOwn(CODES, code) || typeof message !== 'string') {
    return new RouterError('ROUTER_MISBEHAVED', 'Cannot understand the nexus: its refusal is none')
  }
  return new RouterError(code as Code, message.slice(0, MAX_MESSAGE_CHARS), {
    retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? Math.min(retryAfterMs, 60_000) : undefined,
    packet: typeof packet === 'string' && /^[0-9a-f]{64}$/.test(packet) ? packet : undefined,
  })
}

function fieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(textOf(bytes) ?? '')
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes)
  } catch {
    return undefined
  }
}
