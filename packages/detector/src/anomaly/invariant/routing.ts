/**
 * Routing tables: logged before they are used, never back, each naming the one before.
 *
 * @module
 */

import { MAX_LIFETIME_MS, TABLE_GRACE_MS } from '@mystranet/schemas/limits'
import { equalBytes } from '@mystranet/sdk/bytes'
import type { LogEntry, TableFact } from '../entry.ts'
import { hexOf, keyOf, short } from '../key.ts'
import { recentMap } from '../recent.ts'
import type { Say } from './table.ts'

export interface RoutingCheck {
  entry(entry: LogEntry): void
  table(fact: TableFact): void
}

const TABLES = 1_024
/** A packet may name the table before for so long, and a later attempt of it decides under the packet's own. */
const BEHIND_MS = TABLE_GRACE_MS + MAX_LIFETIME_MS + 30_000

export function routingCheck(say: Say): RoutingCheck {
  /** Index of the leaf, by digest. */
  const logged = recentMap<number>(TABLES)
  let startsAt: number | undefined
  let newest: { readonly version: bigint; readonly sinceMs: number } | undefined
  let last: TableFact | undefined
  return {
    entry({ kind, subject, commitment, index, timeMs: atMs, addendum }) {
      startsAt ??= index
      if (kind === 'routing-table') logged.set(keyOf(subject), index)
      if (kind !== 'attempt') return
      const table = commitment && keyOf(commitment)
      // Who came late, or forgot tables, cannot say that one is missing.
      const isWhole = startsAt === 0 && logged.forgotten === 0
      if (table !== undefined && isWhole && logged.get(table) === undefined) {
        const message = `Leaf ${index} is an attempt under table ${short(table)}, which is not logged before it.`
        say('table-unlogged', { source: hexOf(table), atMs, message, leaves: [index] })
      }
      const version = addendum?.decision?.tableVersion
      if (version === undefined) return
      if (newest === undefined || version > newest.version) newest = { version, sinceMs: atMs }
      const isBefore = version === newest.version - 1n && atMs <= newest.sinceMs + BEHIND_MS
      if (version === newest.version || isBefore) return
      const message = `Leaf ${index} is an attempt under table version ${version} after version ${newest.version}.`
      say('table-back', { source: `version ${version}`, atMs, message, leaves: [index] })
    },
    table(fact) {
      const { version, previous, digest, timeMs: atMs } = fact
      const before = last
      last = fact
      if (before === undefined || equalBytes(before.digest, digest)) return
      const isNext = version === before.version + 1n && previous !== undefined && equalBytes(previous, before.digest)
      if (isNext) return
      const message = `Routing table version ${version} follows version ${before.version}, and does not continue it.`
      say('table-chain', { source: hexOf(keyOf(digest)), atMs, message })
    },
  }
}
