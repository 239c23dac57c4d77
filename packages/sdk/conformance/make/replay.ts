/**
 * Vectors of the sequence window: what each number is, in the order in which they come.
 *
 * @module
 */
import { EPOCHS_KEPT, REPLAY_WINDOW_SLOTS } from '@mystranet/schemas/limits'

/** `same`: go on with this packet; nothing new is stored. */
export type Admission = 'fresh' | 'same' | 'REPLAYED' | 'EPOCH_STALE'

type Step = readonly [epoch: number, seq: number, id: string, result: Admission]

const W = REPLAY_WINDOW_SLOTS

/** One sender key each; every step is a packet whose signature holds. The ids stand for packet ids. */
const SEQUENCES: Readonly<Record<string, readonly Step[]>> = {
  'in order': [
    [1, 1, 'a', 'fresh'],
    [1, 2, 'b', 'fresh'],
    [1, 3, 'c', 'fresh'],
  ],
  'the same packet again': [
    [1, 1, 'a', 'fresh'],
    [1, 1, 'a', 'same'],
    [1, 1, 'b', 'REPLAYED'],
    [1, 1, 'a', 'same'],
  ],
  'out of order within the window': [
    [1, 100, 'a', 'fresh'],
    [1, 2, 'b', 'fresh'],
    [1, 50, 'c', 'fresh'],
    [1, 2, 'b', 'same'],
    [1, 50, 'd', 'REPLAYED'],
  ],
  'the left edge of the window': [
    [1, W + 1, 'a', 'fresh'],
    [1, 1, 'b', 'REPLAYED'],
    [1, 2, 'c', 'fresh'],
    [1, W + 2, 'd', 'fresh'],
    [1, 3, 'e', 'fresh'],
    [1, 2, 'f', 'REPLAYED'],
  ],
  'a leap over more than the window': [
    [1, 7, 'a', 'fresh'],
    [1, 7 + 10 * W, 'b', 'fresh'],
    [1, 7, 'c', 'REPLAYED'],
    [1, 7 + 9 * W, 'd', 'REPLAYED'],
    [1, 8 + 9 * W, 'e', 'fresh'],
  ],
  'slots that come round again': [
    [1, 1, 'a', 'fresh'],
    [1, 1 + W, 'b', 'fresh'],
    [1, 1 + W, 'b', 'same'],
    [1, 1 + W, 'a', 'REPLAYED'],
  ],
  'two epochs are kept': [
    [10, 1, 'a', 'fresh'],
    [20, 1, 'b', 'fresh'],
    [10, 2, 'c', 'fresh'],
    [10, 1, 'd', 'REPLAYED'],
    [30, 1, 'e', 'fresh'],
    [10, 3, 'f', 'EPOCH_STALE'],
    [20, 2, 'g', 'fresh'],
    [5, 1, 'h', 'EPOCH_STALE'],
  ],
  'an older epoch that was not seen before': [
    [20, 1, 'a', 'fresh'],
    [10, 1, 'b', 'fresh'],
    [15, 1, 'c', 'fresh'],
    [10, 2, 'd', 'EPOCH_STALE'],
  ],
}

export function replays() {
  return {
    about: 'Sequence windows of one sender key (protocol §12). Results: fresh, same, or a refusal.',
    windowSlots: REPLAY_WINDOW_SLOTS,
    epochsKept: EPOCHS_KEPT,
    sequences: Object.entries(SEQUENCES).map(([name, steps]) => ({
      name,
      steps: steps.map(([epoch, seq, id, result]) => ({ epoch: `${epoch}`, seq: `${seq}`, id, result })),
    })),
  }
}
