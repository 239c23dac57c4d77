/**
 * Who waits for which leaf of the log.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'
import { type LeafDraft, leafKey } from './leaves.ts'
import type { LeafName, LogReceipt } from './round.ts'

/** New drafts of one `append`: they stay together. */
export interface Unit {
  drafts: readonly LeafDraft[]
  state: 'looked-up' | 'queued' | 'running' | 'abandoned'
  /** It goes with the next round, and begins none. */
  isPatient: boolean
}

/** Who waits for one leaf. */
export interface Slot extends PromiseWithResolvers<LogReceipt> {
  readonly unit: Unit
}

/** Names a leaf in a map. */
export const keyOf = (name: LeafName): string => toHex(leafKey(name))

/** One slot for each leaf on its way: of two equal drafts at once only one is logged, and both get its receipt. */
export function createSlots() {
  const slots = new Map<string, Slot>()
  return {
    get: (key: string) => slots.get(key),
    open(key: string, unit: Unit) {
      const slot = { ...Promise.withResolvers<LogReceipt>(), unit }
      // Those who wait have deadlines of their own; when none is left, a rejection concerns nobody.
      slot.promise.catch(() => {})
      slots.set(key, slot)
    },
    resolve(key: string, receipt: LogReceipt) {
      slots.get(key)?.resolve(receipt)
      slots.delete(key)
    },
    reject(unit: Unit, error: unknown) {
      for (const key of unit.drafts.map(keyOf)) {
        const slot = slots.get(key)
        if (slot?.unit !== unit) continue
        slots.delete(key)
        slot.reject(error)
      }
    },
    rejectAll(reason: (unit: Unit) => unknown) {
      for (const { unit, reject } of slots.values()) reject(reason(unit))
      slots.clear()
    },
  }
}
