/**
 * The router's HTTP interface as functions (docs/protocol.md §17). Nothing that comes back is verified here.
 *
 * @module
 */
import { MAX_DOCUMENT_BYTES, MAX_NOTE_BYTES, MAX_RECEIPT_BYTES } from '@mystranet/schemas/limits'
import {
  AnswerFetch,
  encode,
  KeyChain,
  KeyEvents,
  Receipt,
  Receipts,
  Routes,
  type SignedKeyEvent,
} from '@mystranet/schemas/messages'
import { randomBytes } from '#primitives'
import { type Bytes, toBase64, toHex } from '../bytes.ts'
import { type DocumentSigner, signDocument } from '../envelope/origin.ts'
import { read } from '../envelope/parse.ts'
import { type AnswerRecord, createRecordParser } from '../envelope/record.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { encodeTilePath, TILE_WIDTH, type TileId } from '../proof/tile.ts'
import { bodyOf, createHttp, type HttpOptions } from './http.ts'

const MAX_TILE_BYTES = TILE_WIDTH * 32
const PACKET_TYPE = { 'content-type': 'application/x-protobuf' }

export interface Router {
  /** Stage 4, submit. The same packet may be sent again: it gets the same receipt. */
  submit(packet: Bytes, signal?: AbortSignal): Promise<Receipt>
  routes(): Promise<Routes>
  /** The signed note of `/log/checkpoint`. */
  checkpoint(): Promise<Uint8Array>
  /** A tile of the log's hashes; the full one where the partial one that was asked for is gone. */
  tile(id: TileId): Promise<Uint8Array>
  keys(instance: Uint8Array): Promise<KeyChain>
  enrol(events: readonly SignedKeyEvent[], invite?: string): Promise<readonly Receipt[]>
  /**
   * The records of an answer over one connection, from a frame on. Ends with the connection; the caller sees by the
   * `end` record whether it was whole.
   */
  answer(fetch: AnswerRequest, signal?: AbortSignal): AsyncGenerator<AnswerRecord>
}

export interface AnswerRequest {
  readonly network: Uint8Array
  readonly packetId: Uint8Array
  /** First frame wanted. */
  readonly from: number
  readonly audience: string
  readonly signer: DocumentSigner
  readonly now: () => number
}

/** @throws {PacketError} as {@link Http.request} from every function; `ROUTER_MISBEHAVED` for bytes of another shape. */
export function createRouter(options: HttpOptions): Router {
  const http = createHttp(options)
  const tooMuch = 'ROUTER_MISBEHAVED'

  const tileOf = async (id: TileId) => bodyOf(await http.request(`/log/${encodeTilePath(id)}`), MAX_TILE_BYTES)

  return {
    async submit(packet, signal) {
      const response = await http.request('/v1/packets', { method: 'POST', body: packet, headers: PACKET_TYPE, signal })
      return read(Receipt, await bodyOf(response, MAX_RECEIPT_BYTES), tooMuch)
    },
    async routes() {
      const response = await http.request('/v1/routes')
      return read(Routes, await bodyOf(response, 64 * MAX_DOCUMENT_BYTES), tooMuch)
    },
    async checkpoint() {
      return bodyOf(await http.request('/log/checkpoint'), MAX_NOTE_BYTES)
    },
    async tile(id) {
      try {
        return await tileOf(id)
      } catch (error) {
        if (id.width === TILE_WIDTH || !isPacketError(error) || error.code !== 'NOT_FOUND') throw error
        return tileOf({ ...id, width: TILE_WIDTH })
      }
    },
    async keys(instance) {
      const response = await http.request(`/v1/keys/${toHex(instance)}`)
      return read(KeyChain, await bodyOf(response, 4 * MAX_DOCUMENT_BYTES), tooMuch)
    },
    async enrol(events, invite) {
      const body = encode(KeyEvents, { events, invite })
      const response = await http.request('/v1/keys', { method: 'POST', body, headers: PACKET_TYPE })
      return read(Receipts, await bodyOf(response, 16 * MAX_RECEIPT_BYTES), tooMuch).receipts
    },
    async *answer(fetch, signal) {
      const response = await http.request(`/v1/packets/${toHex(fetch.packetId)}/answer`, {
        signal,
        // Its nonce is good for one request, so each try signs its own.
        freshHeaders: async () => ({ authorization: await authorization(fetch) }),
      })
      if (response.body === null) throw new PacketError(tooMuch, 'Cannot read the answer: it has no body')
      const parser = createRecordParser()
      const reader = response.body.getReader()
      try {
        for (;;) {
          const { done, value } = await reader.read().catch(lost)
          if (done) return
          yield* parser.push(value)
        }
      } finally {
        await reader.cancel().catch(() => {})
      }
    },
  }
}

function lost(cause: unknown): never {
  throw new PacketError('ROUTER_UNREACHABLE', 'Cannot read on: the connection was lost', { cause })
}

async function authorization({ network, packetId, from, audience, signer, now }: AnswerRequest): Promise<string> {
  const body = encode(AnswerFetch, {
    network,
    packetId,
    from,
    createdMs: now(),
    nonce: randomBytes(16),
    audience,
  })
  return `Weave ${toBase64(await signDocument('answer-fetch', body, signer))}`
}
