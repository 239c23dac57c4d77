/**
 * What a client must know before it may seal: the routing table, and the candidates' keys, verified and not rolled back
 * (docs/protocol.md §11).
 *
 * @module
 */
import { type KeyChain, KeyEvent, type Receipt } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '../bytes.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import { livePrekeys, type VerifiedChain, verifyChain } from '../keys/chain.ts'
import type { Candidate } from '../packet/build.ts'
import { verifyCheckpoint } from '../proof/checkpoint.ts'
import { rememberCheckpoints } from '../proof/receipt.ts'
import { chooseRule, type VerifiedTable, verifyRoutingTable } from '../proof/routing-table.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import type { Router } from './router.ts'

/**
 * What a client has seen, so that nobody can show it an older world. Kept by the caller for as long as it can: what is
 * forgotten can be rolled back.
 */
export interface Memory {
  tableVersion?: bigint | undefined
  /** Size and root of the newest checkpoint. */
  checkpoint?: { readonly treeSize: bigint; readonly rootHash: Uint8Array } | undefined
  /** Hex of an instance id → index of its chain head. */
  heads?: Map<string, bigint> | undefined
}

/** The table in force with its candidates, all verified. */
export interface Directory {
  readonly table: VerifiedTable
  /** The exact bytes of the signed table, and its receipt: what a saved answer carries. */
  readonly document: Uint8Array
  readonly receipt: Receipt
  /** By the hex of the instance id. */
  readonly chains: ReadonlyMap<string, VerifiedChain>
  /** The newest checkpoint, as a signed note: it travels inside the next request. */
  readonly checkpoint: Uint8Array
  readonly fetchedMs: number
}

/**
 * Fetches and verifies. Costs some five signatures for the table and three for each candidate's event.
 *
 * @param memory Read, and moved forward when everything held.
 * @throws {PacketError} `CHECKPOINT_ROLLED_BACK`, `TABLE_ROLLED_BACK`, `TABLE_STALE`, `TABLE_INVALID`, `KEY_EVENT_INVALID`,
 *   and the others of `verifyRoutingTable` and `verifyChain`.
 */
export async function fetchDirectory(
  router: Router,
  trust: TrustFile,
  memory: Memory,
  nowMs: number,
): Promise<Directory> {
  const [routes, note] = await Promise.all([router.routes(), router.checkpoint()])
  const checkpoint = await verifyCheckpoint(note, trust)
  const { treeSize, rootHash } = checkpoint
  const seen = memory.checkpoint
  if (seen && treeSize < seen.treeSize) {
    throw rolledBack(`the log shows size ${treeSize}, wanted ${seen.treeSize} or more`)
  }
  if (seen && treeSize === seen.treeSize && !equalBytes(rootHash, seen.rootHash)) {
    throw rolledBack(`the log shows another root for size ${treeSize}: a fork`)
  }
  const checkpoints = rememberCheckpoints(trust)
  const bounds = { minVersion: memory.tableVersion, nowMs }
  const table = await verifyRoutingTable(routes.routingTable, routes.receipt, trust, bounds, checkpoints)
  const chains = new Map<string, VerifiedChain>()
  for (const candidate of routes.candidates) {
    const chain = await verifyChain(candidate, instanceOf(candidate), trust, checkpoints)
    checkHead(chain, memory)
    chains.set(toHex(chain.instance), chain)
  }
  memory.checkpoint = { treeSize, rootHash }
  memory.tableVersion = table.table.version
  memory.heads ??= new Map()
  for (const [id, chain] of chains) memory.heads.set(id, headIndex(chain))
  const { routingTable: document, receipt } = routes
  return { table, document, receipt, chains, checkpoint: note, fetchedMs: nowMs }
}

/** Whom to seal to, and how long the packet may live. */
export interface Resolved {
  readonly candidates: readonly Candidate[]
  readonly suite: 1 | 2
}

/**
 * The candidates for a target, each with its newest live prekey; those without one are left out.
 *
 * @throws {PacketError} `NO_ROUTE`, `NOT_PERMITTED`.
 */
export function resolve(
  { table, chains }: Directory,
  query: Parameters<typeof chooseRule>[1],
  nowMs: number,
  lifetimeMs: number,
): Resolved {
  const { candidates } = chooseRule(table.table, query)
  const found: Candidate[] = []
  for (const instance of candidates.slice(0, 8)) {
    const chain = chains.get(toHex(instance))
    const prekey = chain && livePrekeys(chain, nowMs + lifetimeMs, nowMs).find((each) => each.suite === 1)
    if (prekey) found.push({ instance, ...prekey })
  }
  if (found.length === 0) {
    throw new PacketError(
      'NO_ROUTE',
      `Cannot seal the packet: none of ${candidates.length} candidates has a live prekey`,
    )
  }
  return { candidates: found, suite: 1 }
}

function instanceOf({ events }: KeyChain): Uint8Array {
  const first = events[0]
  if (first === undefined) throw new PacketError('KEY_EVENT_INVALID', 'Cannot take the key chain: it has no events')
  return read(KeyEvent, first.event.body, 'KEY_EVENT_INVALID').instance
}

function checkHead(chain: VerifiedChain, memory: Memory): void {
  const seen = memory.heads?.get(toHex(chain.instance))
  if (seen !== undefined && headIndex(chain) < seen) {
    throw new PacketError('KEY_EVENT_INVALID', 'Cannot take the key chain: an older one than was seen before')
  }
}

/** Index of the event that is the chain's head. */
const headIndex = (chain: VerifiedChain): bigint =>
  chain.events.find((each) => equalBytes(each.digest, chain.head))?.index ?? 0n

const rolledBack = (why: string) => new PacketError('CHECKPOINT_ROLLED_BACK', `Cannot believe the log: ${why}`)
