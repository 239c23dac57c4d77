/**
 * Follows the log of a `weave up` as it grows, holds it to its invariants, and tells what is unusual.
 *
 * @module
 */
import { type LogEntry, logWatch, type PacketFact, type VolumeFact } from '@mystranet/detector/anomaly'
import { logObservation, type Observation } from '@mystranet/detector/loop'
import type { StartedRouter } from '@mystranet/router'
import { Addendum, decode } from '@mystranet/schemas/messages'
import { isPacketError } from '@mystranet/sdk/errors'
import { type Leaf, parseLeaf } from '@mystranet/sdk/proof/leaf'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { encodeTilePath, parseBundle, TILE_WIDTH } from '@mystranet/sdk/proof/tile'
import { packetFacts, SETTLED_MS } from './packet-facts.ts'

/** Bundles of 256 leaves that are read at a time: a long log is gone through at some 4,000 leaves a second. */
const MAX_BUNDLES = 16

export interface LogFollower {
  /** Reads what is new. Rejects when it cannot be read: the next call goes on from there. */
  poll(): Promise<void>
  /** What the router saw of a packet. Returns at once, never throws. */
  packet(fact: PacketFact): void
  /** Bytes from or to an agent. @returns false when their hour is judged already, lies ahead, or began before this did. */
  flow(fact: VolumeFact): boolean
}

/** Volumes are judged by the hour, this long after its end. */
const [HOUR_MS, LATE_MS] = [3_600_000, 600_000]
const SKEW_MS = 60_000
/** What is said of packets that were told of beside their leaves. */
const OF_FACTS: ReadonlySet<string> = new Set(['taken-unlogged', 'logged-unseen', 'sequence-gap', 'flow-unlogged'])

/** From the log's first leaf on: what was told of it before is the same finding. */
export function followLog(
  { log, stored }: { readonly log: Pick<StartedRouter['log'], 'published'> } & Pick<StartedRouter, 'stored'>,
  observe: (observation: Observation) => void,
  nowMs: () => number = Date.now,
): LogFollower {
  const sinceMs = nowMs()
  const watch = logWatch({}, (finding) => {
    if (!facts.isBlind || !OF_FACTS.has(finding.id)) observe(logObservation(finding))
  })
  const facts = packetFacts(watch, sinceMs)
  // Of the hour in which this began nobody knows what was carried.
  const firstHour = Math.ceil(sinceMs / HOUR_MS)
  let next = 0
  const addendumOf = async ({ addendumDigest }: Leaf): Promise<LogEntry['addendum']> => {
    const bytes = addendumDigest && (await stored.addendum(addendumDigest))
    try {
      return bytes && decode(Addendum, bytes)
    } catch (error) {
      // What nobody can read says nothing; the leaf stands without it.
      if (isPacketError(error)) return undefined
      throw error
    }
  }
  /** All that is settled was read. */
  const current = (timeMs: number) => {
    facts.drain()
    watch.tick(timeMs)
  }
  return {
    packet: facts.take,
    flow(fact) {
      const now = nowMs()
      const hour = Math.floor(fact.timeMs / HOUR_MS)
      const isOpen = hour >= firstHour && hour >= Math.floor((now - LATE_MS) / HOUR_MS) && fact.timeMs <= now + SKEW_MS
      // A time ahead would end hours early.
      if (isOpen) watch.flow({ ...fact, timeMs: Math.min(fact.timeMs, now) })
      return isOpen
    },
    async poll() {
      // What a leaf is about is told a moment after it is there: a leaf is not read before.
      const [now, settledMs] = [nowMs(), nowMs() - SETTLED_MS]
      const size = log.published()?.treeSize ?? 0
      for (let bundle = 0; next < size && bundle < MAX_BUNDLES; bundle++) {
        const index = Math.floor(next / TILE_WIDTH)
        const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
        const bytes = await stored.read(encodeTilePath({ level: 'entries', index: BigInt(index), width }))
        // The tile is of a round before or after this one.
        if (bytes === undefined) return
        for (const entry of parseBundle(bytes, width).slice(next - index * TILE_WIDTH)) {
          const leaf = parseLeaf(entry)
          if (leaf.timeMs > settledMs && leaf.timeMs <= now) return current(settledMs)
          facts.before(leaf)
          const addendum = await addendumOf(leaf)
          watch.leaf({ ...leaf, index: next, leafHash: hashLeaf(entry), addendum })
          next += 1
        }
      }
      // Only what was read can be overdue.
      if (next === size) current(settledMs)
    },
  }
}
