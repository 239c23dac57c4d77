/**
 * Packets as JSON over HTTP (docs/protocol.md §15): in, and what is stored of them out.
 *
 * @module
 */
import { MAX_JSON_PACKET_BYTES } from '@mystranet/schemas/limits'
import { toHex, utf8 } from '@mystranet/sdk/bytes'
import { openPacketJson, type PacketJson } from '@mystranet/sdk/json'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { NexusDoor } from '../door.ts'
import { readFetch } from './answers.ts'
import { bodyCap } from './body-cap.ts'

/** A request and what came back for it so far. */
interface StoredPackets {
  readonly packet: Uint8Array
  readonly replies: readonly Uint8Array[]
  /** Refused replies without their content, which no projection can show. */
  readonly evidence: readonly Uint8Array[]
}

let opened: Promise<PacketJson> | undefined
/** The schema is checked once in a process. @throws {PacketError} `SCHEMA_UNTRUSTED`. */
export function packetJson(): Promise<PacketJson> {
  opened ??= openPacketJson()
  return opened
}

const jsonCap = bodyCap(MAX_JSON_PACKET_BYTES, 'take the packet')

/**
 * For `POST /v1/packets`: a body of `application/json`, at most 10 MiB, is held to the schema that it names and goes on as the
 * exact bytes of its packet, so that whatever follows sees no difference. Other bodies meet `otherwise`, the cap of packets.
 */
export function packetJsonDoor(otherwise: MiddlewareHandler): MiddlewareHandler {
  const turn = async (c: Context): Promise<void> => {
    const packet = (await packetJson()).read(new Uint8Array(await c.req.arrayBuffer()))
    const headers = new Headers(c.req.raw.headers)
    headers.set('content-type', 'application/x-protobuf')
    headers.set('content-length', String(packet.length))
    c.req.raw = new Request(c.req.raw.url, { method: 'POST', headers, signal: c.req.raw.signal, body: packet })
    // What hono has read of the body before.
    c.req.bodyCache = {}
  }
  return async (c, next) => {
    if (c.req.method !== 'POST' || !isJson(c)) return otherwise(c, next)
    return jsonCap(c, async () => {
      await turn(c)
      await next()
    })
  }
}

/**
 * `packet` and `replies` so far as projections, each held to its schema before it leaves; and, in hex, what was refused because
 * it excludes one of them.
 *
 * @returns The JSON document, UTF-8.
 */
export async function storedPacketJson({ packet, replies, evidence }: StoredPackets): Promise<Uint8Array> {
  const { write } = await packetJson()
  const shown = { packet: write(packet), replies: replies.map(write) }
  return utf8(JSON.stringify(evidence.length === 0 ? shown : { ...shown, evidence: evidence.map(toHex) }))
}

/** `GET /v1/packets/{hex id}` with the authorization of an answer: {@link storedPacketJson}, as the nexus gives it. */
export function storedPacketRoutes(door: Pick<NexusDoor, 'readPackets'>) {
  return new Hono().get('/v1/packets/:id', async (c) => {
    const { id, fetch } = readFetch(c.req.param('id'), c.req.header('authorization'))
    return c.body(await door.readPackets(id, fetch), 200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    })
  })
}

/** The media type without its parameters; JSON is UTF-8. */
const isJson = (c: Context): boolean =>
  c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json'
