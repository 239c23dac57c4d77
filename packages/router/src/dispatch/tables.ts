/**
 * The routing tables in force, and how a new one gets there (docs/protocol.md §11). The router signs none.
 *
 * @module
 */
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { parseReceipt, type Receipt } from '@mystranet/sdk/proof/receipt'
import { isInForce, readSignedTable } from '@mystranet/sdk/proof/routing-table'
import { RouterError } from '../errors.ts'
import type { StoredTable } from '../ports.ts'
import type { Desk } from './desk.ts'
import type { KnownTable } from './route.ts'

export interface Tables {
  /** Newest first. */
  known(): Promise<readonly KnownTable[]>
  /** Document and receipt of the table in force. @param under As of `PacketLog.prove`. */
  shown(under?: Uint8Array): Promise<ShownTable | undefined>
  /** The first receipt of a table that is or was in force; undefined for one before the last. */
  receiptOf(digest: Uint8Array): Promise<Receipt | undefined>
  /**
   * Puts a table into force: verifies who signed it, its number and its predecessor, logs it, swaps it. The table in force
   * sent again gets its receipt.
   *
   * @throws {PacketError | RouterError} `TABLE_INVALID`, `TABLE_ROLLED_BACK`, `TABLE_STALE`, `SIGNATURE_INVALID` …
   */
  publish(document: Uint8Array): Promise<Uint8Array>
}

export interface ShownTable {
  readonly document: Uint8Array
  readonly receipt: Receipt
  readonly known: KnownTable
}

export function createTables(desk: Desk): Tables {
  let cache: readonly { readonly stored: StoredTable; readonly known: KnownTable }[] | undefined
  const load = async () => {
    cache ??= await Promise.all(
      (await desk.tables.newest()).map(async (stored) => {
        const { table, digest } = await readSignedTable(stored.document, desk.trust)
        return { stored, known: { table, digest, sinceMs: stored.sinceMs } }
      }),
    )
    return cache
  }
  return {
    known: async () => (await load()).map(({ known }) => known),
    async shown(under) {
      const [current] = await load()
      if (current === undefined) return undefined
      const { document, receipt } = current.stored
      const [anew] = await desk.log.prove([parseReceipt(receipt)], under)
      return { document, receipt: anew as Receipt, known: current.known }
    },
    async receiptOf(digest) {
      const found = (await load()).find(({ known }) => equalBytes(known.digest, digest))
      return found && parseReceipt(found.stored.receipt)
    },
    publish: (document) =>
      desk.turns.inTurn('routing-table', async () => {
        const { table, digest, signedBy } = await readSignedTable(document, desk.trust)
        if (desk.ownKeys.some((key) => equalBytes(key, signedBy))) {
          throw new RouterError('TABLE_INVALID', 'Cannot take the routing table: a key that the router holds signed it')
        }
        const current = (await load())[0]
        if (current !== undefined && equalBytes(current.known.digest, digest)) return current.stored.receipt
        const version = (current?.known.table.version ?? 0n) + 1n
        if (table.version < version) {
          throw new RouterError(
            'TABLE_ROLLED_BACK',
            `Cannot take the routing table: version ${table.version}, wanted ${version}`,
          )
        }
        const follows =
          current === undefined ? table.previous === undefined : isSame(table.previous, current.known.digest)
        if (table.version > version || !follows) {
          throw new RouterError(
            'TABLE_INVALID',
            `Cannot take the routing table: it does not follow the one in force, wanted version ${version}`,
          )
        }
        const nowMs = desk.nowMs()
        if (!isInForce(table, nowMs)) {
          throw new RouterError('TABLE_STALE', 'Cannot take the routing table: now is outside its time window')
        }
        const partition = controlPartition('routing-table')
        const [receipt] = await desk.commit([{ kind: 'routing-table', partition, subject: digest, attempt: 0 }])
        const stored = { document: document.slice(), receipt: receipt as Uint8Array, version, sinceMs: nowMs }
        const pushed = await desk.tables.push(stored)
        cache = undefined
        if (pushed === 'conflict') {
          throw new RouterError('TABLE_INVALID', 'Cannot take the routing table: another one came into force meanwhile')
        }
        desk.trace.stage('routing-table', { packet: toHex(digest), count: Number(version) })
        return receipt as Uint8Array
      }),
  }
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && equalBytes(a, b)
