/**
 * Stage 4 over HTTP: takes a sealed packet in, gives its receipt back.
 *
 * @module
 */
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { Hono } from 'hono'
import type { NexusDoor } from '../door.ts'
import { bodyCap } from './body-cap.ts'

/** For bodies of packets, wherever they are read. */
export const packetCap = bodyCap(MAX_PACKET_BYTES, 'take the packet')

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
