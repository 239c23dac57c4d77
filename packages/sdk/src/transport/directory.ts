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
import { keepFork, type Memory, newest } from './memory.ts'
import type { Router } from './router.ts'

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
 * @param memory Read, and given the evidence of a fork: see {@link rememberDirectory}. The checkpoint is held to its size here, and to its root at the same
 *   size; that a larger one continues it is proven by `LogView.hold`.
 * @throws {PacketError} `CHECKPOINT_ROLLED_BACK`, `TABLE_ROLLED_BACK`, `TABLE_STALE`, `TABLE_INVALID`, `KEY_EVENT_INVALID`,
 *   and the others of `verifyRoutingTable` and `verifyChain`.
 */
export async function fetchDirectory(
  router: Router,
  trust: TrustFile,
  memory: Memory,
  nowMs: number,
): Promise<Directory> {
  // Before the first byte goes out: others may see newer ones meanwhile.
  const { checkpoint: seen, tableVersion } = memory
  const [routes, note] = await Promise.all([router.routes(), router.checkpoint()])
  const { treeSize, rootHash } = await verifyCheckpoint(note, trust)
  if (seen && treeSize < seen.treeSize) {
    throw rolledBack(`the log shows size ${treeSize}, wanted ${seen.treeSize} or more`)
  }
  if (seen && treeSize === seen.treeSize && !equalBytes(rootHash, seen.rootHash)) {
    if (seen.note) keepFork(memory, { older: seen.note, newer: note })
    throw rolledBack(`the log shows another root for size ${treeSize}: a fork`)
  }
  const checkpoints = rememberCheckpoints(trust)
  const bounds = { minVersion: tableVersion, nowMs }
  const table = await verifyRoutingTable(routes.routingTable, routes.receipt, trust, bounds, checkpoints)
  const chains = new Map<string, VerifiedChain>()
  for (const candidate of routes.candidates) {
    const chain = await verifyChain(candidate, instanceOf(candidate), trust, checkpoints)
    checkHead(chain, memory)
    chains.set(toHex(chain.instance), chain)
  }
  const { routingTable: document, receipt } = routes
  return { table, document, receipt, chains, checkpoint: note, fetchedMs: nowMs }
}

/** Remembers a directory whose log was held to what was seen before. */
export function rememberDirectory({ table, chains }: Directory, memory: Memory): void {
  memory.tableVersion = newest(memory.tableVersion, table.table.version)
  memory.heads ??= new Map()
  for (const [id, chain] of chains) memory.heads.set(id, newest(memory.heads.get(id), headIndex(chain)))
}

/** Whom to seal to, and how long the packet may live. */
export interface Resolved {
  readonly candidates: readonly Candidate[]
  readonly suite: 1 | 2
}

/** What a packet asks of its recipients' keys. */
export interface KeyWish {
  readonly nowMs: number
  /** When the packet expires: its keys must live as long. */
  readonly expiresMs: number
  /** See `Question.postQuantum`. */
  readonly postQuantum?: boolean | 'prefer' | undefined
}

/**
 * The candidates for a target, each with its newest live prekey of one suite; those without one are left out.
 *
 * @throws {PacketError} `NO_ROUTE`, `NOT_PERMITTED`.
 */
export function resolve(
  { table, chains }: Directory,
  query: Parameters<typeof chooseRule>[1],
  { nowMs, expiresMs, postQuantum = false }: KeyWish,
): Resolved {
  const { candidates } = chooseRule(table.table, query)
  const live = candidates.slice(0, MAX_RECIPIENTS).flatMap((instance) => {
    const chain = chains.get(toHex(instance))
    const prekeys = chain ? livePrekeys(chain, expiresMs, nowMs) : []
    return prekeys.length > 0 ? [{ instance, prekeys }] : []
  })
  const withSuite = (suite: 1 | 2): Candidate[] =>
    live.flatMap(({ instance, prekeys }) => {
      const prekey = prekeys.find((each) => each.suite === suite)
      return prekey ? [{ instance, ...prekey }] : []
    })
  const [classic, hybrid] = [withSuite(1), withSuite(2)]
  const isHybrid =
    postQuantum === true || classic.length === 0 || (postQuantum === 'prefer' && hybrid.length === live.length)
  const found = isHybrid ? hybrid : classic
  if (found.length === 0) {
    const wanted = postQuantum === true ? 'a live prekey of suite 2' : 'a live prekey'
    throw new PacketError('NO_ROUTE', `Cannot seal the packet: none of ${candidates.length} candidates has ${wanted}`)
  }
  return { candidates: found, suite: isHybrid ? 2 : 1 }
}

const MAX_RECIPIENTS = 8

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
