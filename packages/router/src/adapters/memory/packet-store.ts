/** @module The packet store in memory: for tests, and for what need not outlive the process. */
import type { PacketStore, StoredRequest } from '../../ports.ts'
import { isOpen } from '../record-open.ts'

export function memoryPacketStore(): PacketStore {
  const stored = new Map<string, StoredRequest>()
  return {
    find: async (id) => stored.get(id),
    async insert(record) {
      const before = stored.get(record.id)
      if (before !== undefined) return before
      const added = { record, revision: 1 }
      stored.set(record.id, added)
      return added
    },
    async replace(revision, next) {
      const before = stored.get(next.id)
      if (before?.revision !== revision) return 'conflict'
      const after = { record: { ...next, packet: before.record.packet }, revision: revision + 1 }
      stored.set(next.id, after)
      return after
    },
    unfinished: async () => [...stored.values()].filter(({ record }) => isOpen(record)).map(({ record }) => record.id),
    async forget(beforeMs) {
      const old = [...stored.values()].filter(
        ({ record }) =>
          !isOpen(record) && record.endedMs > 0 && record.endedMs < beforeMs && record.expiresMs < beforeMs,
      )
      for (const { record } of old) stored.delete(record.id)
      return old.map(({ record }) => record.id)
    },
  }
}
