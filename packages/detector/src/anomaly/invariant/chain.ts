/**
 * The log as a whole: places, times, links, and its checkpoints.
 *
 * @module
 */

import { equalBytes } from '@mystranet/sdk/bytes'
import type { CheckpointFact, LogEntry } from '../entry.ts'
import { hexOf, keyOf, short } from '../key.ts'
import { recentMap } from '../recent.ts'
import type { Say } from './table.ts'

interface Head {
  readonly seq: bigint
  readonly index: number
  readonly hash: Uint8Array | undefined
}

/** Kinds of leaves that belong to a request; the others have one partition a kind. */
export const PACKET_KINDS: ReadonlySet<string> = new Set([
  'request',
  'attempt',
  'stream-open',
  'stream-close',
  'ack',
  'nack',
  'dead-letter',
  'replay',
  'cancel',
  'void',
])

/** Partitions of the kinds that belong to no packet; there are far fewer. */
const CONTROL_PARTITIONS = 256
const CHECKPOINTS = 1_024

const ZEROS = new Uint8Array(32)

export interface ChainCheck {
  /** @returns Whether the partition is known from its first leaf on, so that what is missing in it is missing. */
  entry(entry: LogEntry, partition: string): boolean
  checkpoint(fact: CheckpointFact, atMs: number): void
}

/** @param skewMs How far a leaf's time may lie before the one before. The protocol says 0. */
export function chainCheck(say: Say, maxPartitions: number, skewMs: number): ChainCheck {
  const packets = recentMap<Head>(maxPartitions)
  const controls = recentMap<Head>(CONTROL_PARTITIONS)
  let last: LogEntry | undefined
  /** The watch began behind the log's first leaf: partitions may be older than it. */
  let isLate = false

  const place = (entry: LogEntry) => {
    if (last === undefined) {
      isLate = entry.index > 0
    } else if (entry.index !== last.index + 1) {
      const message = `Leaf ${entry.index} follows leaf ${last.index}, wanted ${last.index + 1}.`
      say('index-gap', { source: 'log', atMs: entry.timeMs, message, leaves: [last.index, entry.index] })
    }
    if (last !== undefined && entry.timeMs < last.timeMs - skewMs) {
      const byMs = last.timeMs - entry.timeMs
      const message = `Leaf ${entry.index} is ${byMs} ms older than the leaf before it.`
      say('time-backwards', {
        source: 'log',
        atMs: entry.timeMs,
        message,
        leaves: [last.index, entry.index],
        evidence: { byMs },
      })
    }
    last = entry
  }

  return {
    entry(entry, partition) {
      place(entry)
      const heads = PACKET_KINDS.has(entry.kind) ? packets : controls
      const head = heads.get(partition)
      const isForgotten = head === undefined && (isLate || heads.forgotten > 0)
      heads.set(partition, { seq: entry.seq, index: entry.index, hash: entry.leafHash })
      if (isForgotten && entry.seq !== 1n) return false
      link(say, entry, head, partition)
      return true
    },
    checkpoint: checkpointCheck(say),
  }
}

function link(say: Say, entry: LogEntry, head: Head | undefined, partition: string): void {
  const { index, timeMs: atMs, seq } = entry
  const wanted = (head?.seq ?? 0n) + 1n
  const leaves = head === undefined ? [index] : [head.index, index]
  if (seq !== wanted) {
    const message = `Leaf ${index} has place ${seq} in partition ${short(partition)}, wanted ${wanted}.`
    say('partition-sequence', { source: hexOf(partition), atMs, message, leaves })
  }
  const previous = head === undefined ? ZEROS : head.hash
  if (previous !== undefined && !equalBytes(entry.previous, previous)) {
    const message = `Leaf ${index} does not name the leaf before it in partition ${short(partition)}.`
    say('partition-link', { source: hexOf(partition), atMs, message, leaves })
  }
}

function checkpointCheck(say: Say): ChainCheck['checkpoint'] {
  const roots = recentMap<string>(CHECKPOINTS)
  const largest = recentMap<bigint>(CHECKPOINTS)
  return ({ origin, treeSize, rootHash }, atMs) => {
    const root = keyOf(rootHash)
    const name = `${origin}\n${treeSize}`
    const before = roots.get(name)
    if (before !== undefined && before !== root) {
      const message = `Two checkpoints of ${origin} with ${treeSize} leaves have different roots.`
      say('checkpoint-fork', {
        source: origin,
        atMs,
        message,
        evidence: { treeSize: `${treeSize}`, root: hexOf(root), before: hexOf(before) },
      })
    }
    roots.set(name, root)
    const most = largest.get(origin) ?? 0n
    if (treeSize < most) {
      const message = `A checkpoint of ${origin} has ${treeSize} leaves after one with ${most}.`
      say('checkpoint-shrunk', {
        source: origin,
        atMs,
        message,
        evidence: { treeSize: `${treeSize}`, before: `${most}` },
      })
    }
    largest.set(origin, treeSize > most ? treeSize : most)
  }
}
