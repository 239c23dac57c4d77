/**
 * What clients read before they seal, and how instances enrol. Lists are records as in docs/protocol.md §8.1, with its types:
 * 3 SignedDocument, 4 Receipt, 7 KeyChain; a SignedKeyEvent is type 1.
 *
 * @module
 */
import { encode, KeyChain } from '@mystranet/schemas/messages'
import { fromHex, toHex, utf8 } from '@mystranet/sdk/bytes'
import { parseInstanceId } from '@mystranet/sdk/keys/name'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { RouterError } from '../errors.ts'
import type { Nexus } from '../nexus.ts'
import type { Invites } from '../ports.ts'
import { encodeWireRecords, parseWireRecords, RECORDS_TYPE, type WireRecord } from './records.ts'

export interface KeyRoutesDeps {
  readonly nexus: Pick<Nexus, 'tables' | 'keyring' | 'enrol'>
  readonly invites: Invites
  nowMs(): number
}

const MAX_ENROL_BYTES = 256 * 1024
const SIGNED_KEY_EVENT = 1
const DOCUMENT = 3
const RECEIPT = 4
const KEY_CHAIN = 7

/** Hash of an invitation as it is kept. */
export const inviteHash = (token: string): string => toHex(sha256(utf8(token)))

/**
 * - `GET /v1/routes`: the routing table in force (3), its receipt (4), and of each candidate the chain with its live keys (7).
 * - `GET /v1/keys/{weave1… or hex}`: the exact bytes of the instance's KeyChain.
 * - `POST /v1/keys`: SignedKeyEvents of one instance (1 …) → their Receipts (4 …). An unknown instance needs
 *   `Authorization: Invite {token}`.
 */
export function keyRoutes({ nexus, invites, nowMs }: KeyRoutesDeps) {
  return new Hono()
    .get('/v1/routes', async (c) => {
      const shown = await nexus.tables.shown()
      if (shown === undefined) throw new RouterError('NO_ROUTE', 'Cannot show the routes: no routing table is in force')
      const { stored, known } = shown
      const names = new Set(known.table.rules.flatMap(({ candidates }) => candidates.map(({ instance }) => toHex(instance))))
      const chains = await Promise.all([...names].map((name) => nexus.keyring.offer(fromHex(name) as Uint8Array)))
      const records: WireRecord[] = [
        { type: DOCUMENT, value: stored.document },
        { type: RECEIPT, value: stored.receipt },
        ...chains.flatMap((value) => (value === undefined ? [] : [{ type: KEY_CHAIN, value }])),
      ]
      return c.body(encodeWireRecords(records), 200, { 'content-type': RECORDS_TYPE, 'cache-control': 'no-cache' })
    })
    .get('/v1/keys/:instance', async (c) => {
      const text = c.req.param('instance')
      const id = text.length === 64 ? (fromHex(text) ?? parseInstanceId(text)) : parseInstanceId(text)
      const found = await nexus.keyring.find(id)
      if (found === undefined) throw new RouterError('NOT_FOUND', 'Cannot show the keys: the instance is not enrolled')
      const chain = encode(KeyChain, { events: found.logged })
      return c.body(chain, 200, { 'content-type': 'application/x-protobuf', 'cache-control': 'no-cache' })
    })
    .post('/v1/keys', bodyLimit({ maxSize: MAX_ENROL_BYTES, onError: tooLarge }), async (c) => {
      const records = parseWireRecords(new Uint8Array(await c.req.arrayBuffer()))
      if (records.some(({ type }) => type !== SIGNED_KEY_EVENT)) {
        throw new RouterError('DOCUMENT_MALFORMED', 'Cannot enrol: a record that is no key event')
      }
      const token = c.req.header('authorization')?.match(/^Invite (\S{16,256})$/)?.[1]
      const permit = async (instance: string) => token !== undefined && invites.use(inviteHash(token), instance, nowMs())
      const receipts = await nexus.enrol(records.map(({ value }) => value), permit)
      const body = encodeWireRecords(receipts.map((value) => ({ type: RECEIPT, value })))
      return c.body(body, 200, { 'content-type': RECORDS_TYPE, 'cache-control': 'no-store' })
    })
}

function tooLarge(): never {
  throw new RouterError('PACKET_TOO_LARGE', `Cannot enrol: wanted at most ${MAX_ENROL_BYTES} bytes`)
}
