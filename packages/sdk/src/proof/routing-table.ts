/**
 * The routing table: who may ask for which tag, and which agents may answer (docs/protocol.md §11). Clients verify it
 * before they seal, routers before they route, verifiers afterwards; all choose the rule by the same function.
 *
 * @module
 */
import { encode, RoutingTable, type Rule } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes, toHex } from '../bytes.ts'
import { documentDigest } from '../envelope/hash.ts'
import { type DocumentSigner, signDocument, verifyDocument } from '../envelope/origin.ts'
import { read } from '../envelope/parse.ts'
import { type Code, PacketError } from '../errors.ts'
import type { CheckpointTrust } from './checkpoint.ts'
import { controlPartition } from './leaf.ts'
import { type CheckpointVerifier, checkLeaf, type Receipt, type VerifiedReceipt, verifyReceipt } from './receipt.ts'

export type { RoutingTable, Rule } from '@mystranet/schemas/messages'

/** A table that a table signer signed, for this network. Only {@link readSignedTable} makes one. */
export interface SignedTable {
  readonly table: RoutingTable
  /** What packets name. */
  readonly digest: Uint8Array
  readonly signedBy: Uint8Array
  readonly __brand: 'SignedTable'
}

/** A signed table that is in the log. Only {@link verifyRoutingTable} makes one. */
export interface VerifiedTable extends Omit<SignedTable, '__brand'> {
  readonly logged: VerifiedReceipt
  readonly __brand: 'VerifiedTable'
}

export interface TableTrust extends CheckpointTrust {
  readonly network: Uint8Array
  readonly tableSigners: readonly Uint8Array[]
}

export interface TableBounds {
  /** The highest version that was seen: a lower one is a roll-back. */
  readonly minVersion?: bigint | undefined
  /** The table must be in force now; absent where that is judged by other times. */
  readonly nowMs?: number | undefined
}

/** Signs a table; the exact bytes of the document. @throws RangeError when it would not be taken. */
export async function signRoutingTable(table: RoutingTable, signer: DocumentSigner): Promise<Bytes> {
  try {
    checkTable(table)
  } catch (cause) {
    throw new RangeError('Cannot sign the routing table: nobody would take it', { cause })
  }
  return signDocument('routing-table', encode(RoutingTable, table), signer)
}

/**
 * Verifies the signature on a table, and that a table signer of the trust file made it. Its place in the log is not
 * asked. Costs one signature.
 *
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `TABLE_INVALID`, `SIGNATURE_INVALID` or `NETWORK_MISMATCH`.
 */
export async function readSignedTable(
  document: Uint8Array,
  { network, tableSigners }: Pick<TableTrust, 'network' | 'tableSigners'>,
): Promise<SignedTable> {
  const { body, key } = await verifyDocument('routing-table', document.slice())
  if (!tableSigners.some((signer) => equalBytes(signer, key))) {
    throw invalid(`${toHex(key)} signed it, which is no table signer of the trust file`)
  }
  const table = read(RoutingTable, body, 'TABLE_INVALID')
  if (!equalBytes(table.network, network)) {
    throw new PacketError('NETWORK_MISMATCH', 'Cannot take the routing table: it is of another network')
  }
  checkTable(table)
  return { table, digest: documentDigest('routing-table', body), signedBy: key } as SignedTable
}

/** @throws {PacketError} `TABLE_INVALID` */
function checkTable({ version, previous, rules }: RoutingTable): void {
  for (const { id, candidates } of rules) {
    if (new Set(candidates.map(({ instance }) => toHex(instance))).size !== candidates.length) {
      throw invalid(`rule ${JSON.stringify(id)} names a candidate twice`)
    }
  }
  if ((version === 1n) !== (previous === undefined)) {
    throw invalid(`version ${version} ${previous ? 'names' : 'does not name'} the one before`)
  }
}

/**
 * Verifies a table from its signer to its place in the log.
 *
 * @param document The exact bytes of a SignedDocument, as received.
 * @param receipt Of its leaf.
 * @param checkpoints Shares checkpoints with the rest of a piece of work.
 * @throws {PacketError} as {@link readSignedTable} and `verifyReceipt`; `TABLE_ROLLED_BACK` below `minVersion`,
 *   `TABLE_STALE` outside its time window.
 */
export async function verifyRoutingTable(
  document: Uint8Array,
  receipt: Receipt | Uint8Array,
  trust: TableTrust,
  { minVersion = 1n, nowMs }: TableBounds = {},
  checkpoints?: CheckpointVerifier,
): Promise<VerifiedTable> {
  const signed = await readSignedTable(document, trust)
  const { table } = signed
  if (table.version < minVersion) {
    throw new PacketError(
      'TABLE_ROLLED_BACK',
      `Cannot take the routing table: version ${table.version}, wanted ${minVersion} or above`,
    )
  }
  if (nowMs !== undefined && !isInForce(table, nowMs)) {
    throw new PacketError(
      'TABLE_STALE',
      `Cannot take the routing table: in force from ${table.notBeforeMs} to ${table.expiresMs}, wanted ${nowMs}`,
    )
  }
  return proveTable(signed, receipt, trust, checkpoints)
}

/**
 * Proves that a signed table is in the log: what {@link verifyRoutingTable} does without any bounds.
 *
 * @throws {PacketError} as `verifyReceipt`.
 */
export async function proveTable(
  { table, digest, signedBy }: SignedTable,
  receipt: Receipt | Uint8Array,
  trust: CheckpointTrust,
  checkpoints?: CheckpointVerifier,
): Promise<VerifiedTable> {
  const logged = await verifyReceipt(receipt, trust, checkpoints)
  checkLeaf(logged.leaf, { kind: 'routing-table', subject: digest, partition: controlPartition('routing-table') })
  return { table, digest, signedBy, logged } as unknown as VerifiedTable
}

/** Whether a moment lies in the table's window; its last millisecond is the one before `expires_ms`. */
export const isInForce = ({ notBeforeMs, expiresMs }: RoutingTable, atMs: number): boolean =>
  notBeforeMs <= atMs && atMs < expiresMs

/** What of a packet decides its way. Exactly one of the targets is present, as in a HeaderCore. */
export interface RouteQuery {
  readonly targetTag?: string | undefined
  readonly targetInstance?: Uint8Array | undefined
  readonly sender: Uint8Array
  readonly priority?: number | undefined
}

export interface Route {
  readonly rule: Rule
  /** In the order of preference; the only one, when the packet names an instance. */
  readonly candidates: readonly Uint8Array[]
}

/**
 * The first rule that matches. Pure.
 *
 * @throws {PacketError} `NO_ROUTE` when no rule matches or the rule has no candidates, `NOT_PERMITTED` when it denies.
 */
export function chooseRule({ rules, version }: RoutingTable, query: RouteQuery): Route {
  const rule = rules.find((each) => matches(each, query))
  if (rule === undefined) throw noWay('NO_ROUTE', `no rule of table ${version} matches`)
  if (rule.deny) throw noWay('NOT_PERMITTED', `rule ${JSON.stringify(rule.id)} of table ${version} denies it`)
  const { targetInstance } = query
  const candidates = targetInstance ? [targetInstance] : rule.candidates.map(({ instance }) => instance)
  if (candidates.length === 0) throw noWay('NO_ROUTE', `rule ${JSON.stringify(rule.id)} names no candidate`)
  return { rule, candidates }
}

function matches({ tag, senders, priority, deny, candidates }: Rule, query: RouteQuery): boolean {
  const { targetInstance } = query
  const isTarget = targetInstance
    ? candidates.some(({ instance }) => equalBytes(instance, targetInstance)) || (deny && candidates.length === 0)
    : !tag || tag === query.targetTag
  const isSender = senders.length === 0 || senders.some((sender) => equalBytes(sender, query.sender))
  return Boolean(isTarget) && isSender && (!priority || priority === query.priority)
}

const noWay = (code: Code, why: string) => new PacketError(code, `Cannot route the packet: ${why}`)
const invalid = (why: string) => new PacketError('TABLE_INVALID', `Cannot take the routing table: ${why}`)
