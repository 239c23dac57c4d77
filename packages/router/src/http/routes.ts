/**
 * What clients read before they seal, and how instances enrol (docs/protocol.md §17).
 *
 * @module
 */
import { decode, encode, KeyChain, KeyEvents, Receipts, Routes, SignedKeyEvent } from '@mystranet/schemas/messages'
import { fromHex, toHex, utf8 } from '@mystranet/sdk/bytes'
import { read } from '@mystranet/sdk/envelope'
import { parseInstanceId } from '@mystranet/sdk/keys/name'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { parseReceipt } from '@mystranet/sdk/proof/receipt'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { RouterError } from '../errors.ts'
import type { Nexus } from '../nexus.ts'
import type { Invites } from '../ports.ts'

export interface KeyRoutesDeps {
  readonly nexus: Pick<Nexus, 'tables' | 'keyring' | 'enrol'>
  readonly invites: Invites
  nowMs(): number
}

const MAX_ENROL_BYTES = 256 * 1024
const PROTOBUF = 'application/x-protobuf'

/** Hash of an invitation as it is kept. */
export const inviteHash = (token: string): string => toHex(sha256(utf8(token)))

/**
 * - `GET /v1/routes`: `Routes`, the table in force, its receipt, and of each candidate the chain with its live keys.
 * - `GET /v1/keys/{weave1… or hex}`: `KeyChain`, all events of the instance.
 * - `POST /v1/keys`: `KeyEvents` of one instance → `Receipts`. An unknown instance needs `invite`.
 */
export function keyRoutes({ nexus, invites, nowMs }: KeyRoutesDeps) {
  return new Hono()
    .get('/v1/routes', async (c) => {
      const shown = await nexus.tables.shown()
      if (shown === undefined) throw new RouterError('NO_ROUTE', 'Cannot show the routes: no routing table is in force')
      const { stored, known } = shown
      const names = new Set(
        known.table.rules.flatMap(({ candidates }) => candidates.map(({ instance }) => toHex(instance))),
      )
      const chains = await Promise.all([...names].map((name) => nexus.keyring.offer(fromHex(name) as Uint8Array)))
      const body = encode(Routes, {
        routingTable: stored.document,
        receipt: parseReceipt(stored.receipt),
        candidates: chains.flatMap((chain) => (chain === undefined ? [] : [decode(KeyChain, chain)])),
      })
      return c.body(body, 200, { 'content-type': PROTOBUF, 'cache-control': 'no-cache' })
    })
    .get('/v1/keys/:instance', async (c) => {
      const text = c.req.param('instance')
      const id = (text.length === 64 ? fromHex(text) : undefined) ?? parseInstanceId(text)
      const found = await nexus.keyring.find(id)
      if (found === undefined) throw new RouterError('NOT_FOUND', 'Cannot show the keys: the instance is not enrolled')
      const chain = encode(KeyChain, { events: found.logged })
      return c.body(chain, 200, { 'content-type': PROTOBUF, 'cache-control': 'no-cache' })
    })
    .post('/v1/keys', bodyLimit({ maxSize: MAX_ENROL_BYTES, onError: tooLarge }), async (c) => {
      const { events, invite } = read(KeyEvents, new Uint8Array(await c.req.arrayBuffer()))
      const permit = async (instance: string) =>
        invite !== undefined && invites.use(inviteHash(invite), instance, nowMs())
      const receipts = await nexus.enrol(
        events.map((event) => encode(SignedKeyEvent, event)),
        permit,
      )
      const body = encode(Receipts, { receipts: receipts.map(parseReceipt) })
      return c.body(body, 200, { 'content-type': PROTOBUF, 'cache-control': 'no-store' })
    })
}

function tooLarge(): never {
  throw new RouterError('PACKET_TOO_LARGE', `Cannot enrol: wanted at most ${MAX_ENROL_BYTES} bytes`)
}
