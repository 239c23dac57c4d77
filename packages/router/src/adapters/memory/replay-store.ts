/** @module Sequence windows in memory. */
import { EPOCHS_KEPT } from '@mystranet/schemas/limits'
import { judgeSequence, windowFloor } from '@mystranet/sdk/envelope'
import type { ReplayStore } from '../../ports.ts'

interface Window {
  highest: bigint
  readonly holders: Map<bigint, string>
}

export function memoryReplayStore(): ReplayStore {
  const keys = new Map<string, Map<bigint, Window>>()
  const nonces = new Map<string, number>()
  return {
    async insert(key, epoch, seq, id) {
      const epochs = keys.get(key) ?? new Map<bigint, Window>()
      keys.set(key, epochs)
      const kept = [...new Set([...epochs.keys(), epoch])].sort((a, b) => (a < b ? 1 : -1)).slice(0, EPOCHS_KEPT)
      if (!kept.includes(epoch)) return 'stale'
      for (const old of epochs.keys()) if (!kept.includes(old)) epochs.delete(old)
      const window = epochs.get(epoch) ?? { highest: 0n, holders: new Map<bigint, string>() }
      epochs.set(epoch, window)
      const verdict = judgeSequence(seq, id, window.highest, window.holders.get(seq))
      if (verdict !== 'fresh') return verdict
      window.holders.set(seq, id)
      if (seq > window.highest) window.highest = seq
      const floor = windowFloor(window.highest)
      for (const old of window.holders.keys()) if (old < floor) window.holders.delete(old)
      return 'fresh'
    },
    async useNonce(nonce, untilMs, nowMs) {
      for (const [old, until] of nonces) if (until < nowMs) nonces.delete(old)
      if (nonces.has(nonce)) return false
      nonces.set(nonce, untilMs)
      return true
    },
  }
}
