/**
 * The sequence window of one (sender key, epoch): docs/protocol.md §12, sliding as RFC 6479's, with the packet id in each slot.
 * Pure; what keeps it durable and atomic is the router's.
 *
 * @module
 */
import { REPLAY_WINDOW_SLOTS } from '@mystranet/schemas/limits'

/** `fresh`: never seen. `same`: this very packet. `replayed`: another packet has the number, or it fell out at the left. */
export type SequenceVerdict = 'fresh' | 'same' | 'replayed'

/**
 * Judges one number.
 *
 * @param highest Highest number inserted so far, 0n for none.
 * @param holder Hex id of the packet in this number's slot, if the slot holds this very number.
 */
export function judgeSequence(seq: bigint, id: string, highest: bigint, holder: string | undefined): SequenceVerdict {
  if (holder !== undefined) return holder === id ? 'same' : 'replayed'
  return seq + BigInt(REPLAY_WINDOW_SLOTS) <= highest ? 'replayed' : 'fresh'
}

/** The lowest number that still has a slot. Lower ones may be forgotten. */
export const windowFloor = (highest: bigint): bigint =>
  highest < BigInt(REPLAY_WINDOW_SLOTS) ? 1n : highest - BigInt(REPLAY_WINDOW_SLOTS) + 1n
