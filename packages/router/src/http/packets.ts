/**
 * Stage 4 over HTTP: takes a sealed packet in, gives its receipt back.
 *
 * @module
 */
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { RouterError } from '../errors.ts'

export interface PacketRoutesDeps {
  /** `Nexus.submit`. */
  submit(received: Uint8Array): Promise<{ readonly receipt: Uint8Array; readonly known: boolean }>
}

/**
 * `POST /v1/packets`: a REQUEST or a CANCEL, at most 8 MiB. `202` with the exact bytes of the Receipt of its leaf
 * (`application/x-protobuf`), once it is confirmed and, for a request, queued. `200` with the same receipt for the same packet.
 */
export function packetRoutes({ submit }: PacketRoutesDeps) {
  return new Hono().post('/v1/packets', bodyLimit({ maxSize: MAX_PACKET_BYTES, onError: tooLarge }), async (c) => {
    const { receipt, known } = await submit(new Uint8Array(await c.req.arrayBuffer()))
    return c.body(receipt.slice(), known ? 200 : 202, {
      'content-type': 'application/x-protobuf',
      'cache-control': 'no-store',
    })
  })
}

function tooLarge(): never {
  throw new RouterError('PACKET_TOO_LARGE', `Cannot take the packet: wanted at most ${MAX_PACKET_BYTES} bytes`)
}
