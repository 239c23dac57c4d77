/**
 * The hard invariants, all of them, over records as they come or as they lie there.
 *
 * @module
 */

import type { CheckpointFact, KeyFact, LogEntry, PacketFact, TableFact, VolumeFact } from './entry.ts'
import type { OnFinding } from './finding.ts'
import { chainCheck } from './invariant/chain.ts'
import { requestCheck } from './invariant/request.ts'
import { routingCheck } from './invariant/routing.ts'
import { senderCheck } from './invariant/sender.ts'
import { sayer } from './invariant/table.ts'
import { type VolumeLimits, volumeCheck } from './invariant/volume.ts'
import { keyOf } from './key.ts'

export { INVARIANTS, type InvariantId } from './invariant/table.ts'

export interface AuditLimits extends VolumeLimits {
  /** Requests that are followed at a time; who has more at once than this is followed in part. */
  readonly maxRequests?: number
  /** Partitions whose last leaf is kept. */
  readonly maxPartitions?: number
  readonly maxSenders?: number
  readonly maxAgents?: number
  /** How far leaf times may run back, in ms. */
  readonly skewMs?: number
}

/** Takes records in the order of the log; facts in any order, near the leaves that they belong to. */
export interface LogAudit {
  leaf(entry: LogEntry): void
  packet(fact: PacketFact): void
  key(fact: KeyFact): void
  table(fact: TableFact): void
  checkpoint(fact: CheckpointFact): void
  flow(fact: VolumeFact): void
  /** Time went on, in ms since 1970: what is overdue is said. Without it the clock is that of the records. */
  tick(nowMs: number): void
}

/**
 * Checks each record against what went before. What is not given is not judged: without addenda nothing is said about
 * senders, without the router's facts nothing about omissions, without flows nothing about volumes.
 *
 * Memory is bounded by the limits. Cost: some 9 µs a leaf (`bench/anomaly.ts`).
 *
 * @throws RangeError when a limit is not at least 1.
 */
export function logAudit(onFinding: OnFinding, limits: AuditLimits = {}): LogAudit {
  const { maxRequests = 65_536, maxPartitions = 131_072, maxSenders = 16_384, maxAgents = 1_024, skewMs = 0 } = limits
  const say = sayer(onFinding)
  const chain = chainCheck(say, maxPartitions, skewMs)
  const requests = requestCheck(say, maxRequests)
  const senders = senderCheck(say, maxSenders)
  const routing = routingCheck(say)
  const volumes = volumeCheck(say, maxAgents, limits)
  let lastMs = 0
  return {
    leaf(entry) {
      lastMs = Math.max(lastMs, entry.timeMs)
      const partition = keyOf(entry.partition)
      const isWhole = chain.entry(entry, partition)
      requests.entry(entry, partition, isWhole)
      senders.entry(entry)
      routing.entry(entry)
      volumes.entry(entry)
    },
    packet(fact) {
      lastMs = Math.max(lastMs, fact.timeMs)
      senders.packet(fact)
      volumes.packet(fact)
    },
    key: senders.key,
    table: routing.table,
    checkpoint: (fact) => chain.checkpoint(fact, lastMs),
    flow: volumes.flow,
    tick(nowMs) {
      requests.tick(nowMs)
      senders.tick(nowMs)
      volumes.tick(nowMs)
    },
  }
}
