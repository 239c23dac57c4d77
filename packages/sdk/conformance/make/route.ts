/**
 * Vectors of routing tables: which are taken, and which rule decides.
 *
 * @module
 */
import { encode, RoutingTable } from '@mystranet/schemas/messages'
import { type Bytes, concat, toHex } from '../../src/bytes.ts'
import { documentDigest } from '../../src/envelope/hash.ts'
import { fixed, keyOf, NETWORK, NOW_MS } from './fixed.ts'
import { documentOf } from './request.ts'

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => fixed(`candidate ${name}`)) as [Bytes, Bytes, Bytes, Bytes]
const [alice, bob, eve] = ['alice', 'bob', 'eve'].map((name) => fixed(`sender ${name}`)) as [Bytes, Bytes, Bytes]

const TABLE: RoutingTable = {
  network: NETWORK,
  version: 1n,
  notBeforeMs: NOW_MS,
  expiresMs: NOW_MS + 3_600_000,
  createdMs: NOW_MS,
  rules: [
    { id: 'eve may not', deny: true, senders: [eve], candidates: [] },
    { id: 'alice first', tag: 'misty', senders: [alice], candidates: [{ instance: A, weight: 2 }, { instance: B }] },
    { id: 'bulk', tag: 'misty', priority: 2, senders: [], candidates: [{ instance: C }] },
    { id: 'misty', tag: 'misty', senders: [], candidates: [{ instance: B }, { instance: C }] },
    { id: 'no one', tag: 'empty', senders: [], candidates: [] },
    { id: 'only bob', senders: [bob], candidates: [{ instance: D }] },
  ],
}

export async function routes() {
  const signer = await keyOf('table signer')
  const body = encode(RoutingTable, TABLE)
  const sign = (table: RoutingTable, by = signer) => documentOf('routing-table', encode(RoutingTable, table), by)
  const twice = { ...TABLE, rules: [{ id: 'x', senders: [], candidates: [{ instance: A }, { instance: A }] }] }
  const right = await sign(TABLE)
  const query = (
    what: string,
    sender: Bytes,
    target: { tag: string } | { instance: Bytes },
    result: string,
    candidates: readonly Bytes[] = [],
    priority?: number,
  ) => ({
    what,
    sender: toHex(sender),
    ...('tag' in target ? { targetTag: target.tag } : { targetInstance: toHex(target.instance) }),
    ...(priority !== undefined && { priority }),
    result,
    candidates: candidates.map(toHex),
  })
  return {
    about: 'Routing tables (protocol §11): documents, and the rule that decides.',
    network: toHex(NETWORK),
    tableSigner: toHex(signer.publicKey),
    digest: toHex(documentDigest('routing-table', body)),
    documents: [
      { name: 'right', document: toHex(right), result: 'ok' },
      { name: 'another signer', document: toHex(await sign(TABLE, await keyOf('stranger'))), result: 'TABLE_INVALID' },
      {
        name: 'another network',
        document: toHex(await sign({ ...TABLE, network: fixed('elsewhere') })),
        result: 'NETWORK_MISMATCH',
      },
      { name: 'a candidate twice', document: toHex(await sign(twice)), result: 'TABLE_INVALID' },
      {
        name: 'version 1 with one before',
        document: toHex(await sign({ ...TABLE, previous: fixed('before') })),
        result: 'TABLE_INVALID',
      },
      {
        name: 'version 2 without one before',
        document: toHex(await sign({ ...TABLE, version: 2n })),
        result: 'TABLE_INVALID',
      },
      {
        name: 'version 2',
        document: toHex(await sign({ ...TABLE, version: 2n, previous: fixed('before') })),
        result: 'ok',
      },
      {
        name: 'a changed signature',
        document: toHex(right.map((byte, i) => (i === right.length - 1 ? byte ^ 1 : byte))),
        result: 'SIGNATURE_INVALID',
      },
      {
        name: 'signed as another thing',
        document: toHex(await documentOf('finding', body, signer)),
        result: 'SIGNATURE_INVALID',
      },
      { name: 'no document', document: toHex(concat(right, Uint8Array.of(1))), result: 'DOCUMENT_MALFORMED' },
    ],
    queries: [
      query('the first rule of sender and tag', alice, { tag: 'misty' }, 'alice first', [A, B]),
      query('a rule for any sender', bob, { tag: 'misty' }, 'misty', [B, C]),
      query('a rule for a priority', bob, { tag: 'misty' }, 'bulk', [C], 2),
      query('another priority', bob, { tag: 'misty' }, 'misty', [B, C], 1),
      query('denied', eve, { tag: 'misty' }, 'NOT_PERMITTED'),
      query('denied, to an instance', eve, { instance: A }, 'NOT_PERMITTED'),
      query('no candidates', alice, { tag: 'empty' }, 'NO_ROUTE'),
      query('no rule', alice, { tag: 'other' }, 'NO_ROUTE'),
      query('a rule without a tag', bob, { tag: 'other' }, 'only bob', [D]),
      query('an instance that a rule names', alice, { instance: B }, 'alice first', [B]),
      query('an instance of a rule for another priority', bob, { instance: C }, 'misty', [C]),
      query('an instance that no rule names', alice, { instance: D }, 'NO_ROUTE'),
    ],
  }
}
