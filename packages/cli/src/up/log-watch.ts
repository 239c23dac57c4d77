/**
 * Follows the log of a `weave up` as it grows, holds it to its invariants, and tells what is unusual.
 *
 * @module
 */
import { type LogEntry, logWatch } from '@mystranet/detector/anomaly'
import { logObservation, type Observation } from '@mystranet/detector/loop'
import type { StartedRouter } from '@mystranet/router'
import { Addendum, decode } from '@mystranet/schemas/messages'
import { isPacketError } from '@mystranet/sdk/errors'
import { type Leaf, parseLeaf } from '@mystranet/sdk/proof/leaf'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { encodeTilePath, parseBundle, TILE_WIDTH } from '@mystranet/sdk/proof/tile'

/** Bundles of 256 leaves that are read at a time: a long log is gone through at some 4,000 leaves a second. */
const MAX_BUNDLES = 16

export interface LogFollower {
  /** Reads what is new. Rejects when it cannot be read: the next call goes on from there. */
  poll(): Promise<void>
}

/** From the log's first leaf on: what was told of it before is the same finding. */
export function followLog(
  { log, stored }: { readonly log: Pick<StartedRouter['log'], 'published'> } & Pick<StartedRouter, 'stored'>,
  observe: (observation: Observation) => void,
): LogFollower {
  const watch = logWatch({}, (finding) => observe(logObservation(finding)))
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
  return {
    async poll() {
      const size = log.published()?.treeSize ?? 0
      for (let bundle = 0; next < size && bundle < MAX_BUNDLES; bundle++) {
        const index = Math.floor(next / TILE_WIDTH)
        const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
        const bytes = await stored.read(encodeTilePath({ level: 'entries', index: BigInt(index), width }))
        // The tile is of a round before or after this one.
        if (bytes === undefined) return
        for (const entry of parseBundle(bytes, width).slice(next - index * TILE_WIDTH)) {
          const leaf = parseLeaf(entry)
          const addendum = await addendumOf(leaf)
          watch.leaf({ ...leaf, index: next, leafHash: hashLeaf(entry), addendum })
          next += 1
        }
      }
      // Only what was read can be overdue.
      if (next === size) watch.tick(Date.now())
    },
  }
}
