/**
 * What clients read before they seal, and how instances enrol (docs/protocol.md §17).
 *
 * @module
 */
import { fromHex } from '@mystranet/sdk/bytes'
import { parseInstanceId } from '@mystranet/sdk/keys/name'
import { Hono } from 'hono'
import type { NexusDoor } from '../door.ts'
import { bodyCap } from './body-cap.ts'

const PROTOBUF = 'application/x-protobuf'

/** For key events that one request brings. */
export const enrolCap = bodyCap(256 * 1024, 'enrol')

/**
 * - `GET /v1/routes`: `Routes`, the table in force, its receipt, and of each candidate the chain with its live keys.
 * - `GET /v1/keys/{weave1… or hex}`: `KeyChain`, all events of the instance.
 * - `POST /v1/keys`: `KeyEvents` of one instance → `Receipts`. An unknown instance needs `invite`.
 */
export function keyRoutes(door: Pick<NexusDoor, 'routes' | 'keys' | 'enrol'>) {
  const shown = { 'content-type': PROTOBUF, 'cache-control': 'no-cache' }
  return new Hono()
    .get('/v1/routes', async (c) => c.body((await door.routes()).slice(), 200, shown))
    .get('/v1/keys/:instance', async (c) => {
      const text = c.req.param('instance')
      const id = (text.length === 64 ? fromHex(text) : undefined) ?? parseInstanceId(text)
      return c.body((await door.keys(id)).slice(), 200, shown)
    })
    .post('/v1/keys', async (c) => {
      const receipts = await door.enrol(new Uint8Array(await c.req.arrayBuffer()))
      return c.body(receipts.slice(), 200, { 'content-type': PROTOBUF, 'cache-control': 'no-store' })
    })
}
