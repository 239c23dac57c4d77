/**
 * Stage 4 over HTTP: takes a sealed packet in, gives its receipt back.
 *
 * @module
 */
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { NexusDoor } from '../door.ts'
import { RouterError } from '../errors.ts'

/** Stops a body over the cap, 8 MiB, wherever it is read. */
export const packetLimit = bodyLimit({
  maxSize: MAX_PACKET_BYTES,
  onError(): never {
    throw new RouterError('PACKET_TOO_LARGE', `Cannot take the packet: wanted at most ${MAX_PACKET_BYTES} bytes`)
  },
})

/**
 * `POST /v1/packets`: a REQUEST or a CANCEL. `202` with the exact bytes of the Receipt of its leaf (`application/x-protobuf`),
 * once it is confirmed and, for a request, queued. `200` with the same receipt for the same packet.
 */
export function packetRoutes(door: Pick<NexusDoor, 'submit'>) {
  return new Hono().post('/v1/packets', async (c) => {
    const { receipt, known } = await door.submit(new Uint8Array(await c.req.arrayBuffer()))
    return c.body(receipt.slice(), known ? 200 : 202, {
      'content-type': 'application/x-protobuf',
      'cache-control': 'no-store',
    })
  })
}
