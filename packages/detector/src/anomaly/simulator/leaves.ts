/**
 * Leaves as an honest log writes them: places, links and times in order. Hashes are random: nothing here proves anything.
 *
 * @module
 */
import type { LogEntry } from '../entry.ts'
import { keyOf } from '../key.ts'
import { recentMap } from '../recent.ts'
import type { Random } from './random.ts'

export type LeafDraft = Pick<LogEntry, 'kind' | 'timeMs' | 'partition' | 'subject'> &
  Partial<Pick<LogEntry, 'attempt' | 'commitment' | 'addendum' | 'code'>>

export interface LeafWriter {
  write(draft: LeafDraft): LogEntry
}

const PARTITIONS = 65_536

export function leafWriter(random: Random): LeafWriter {
  const heads = recentMap<{ seq: bigint; hash: Uint8Array }>(PARTITIONS)
  let index = 0
  let lastMs = 0
  return {
    write(draft) {
      const name = keyOf(draft.partition)
      const before = heads.get(name)
      const seq = (before?.seq ?? 0n) + 1n
      const leafHash = random.bytes(32)
      heads.set(name, { seq, hash: leafHash })
      lastMs = Math.max(lastMs, Math.floor(draft.timeMs))
      const previous = before?.hash ?? new Uint8Array(32)
      return { attempt: 0, ...draft, index: index++, timeMs: lastMs, seq, previous, leafHash }
    },
  }
}
