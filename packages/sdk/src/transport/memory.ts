/**
 * What a client has seen, so that nobody can show it an older world, or another one, later.
 *
 * @module
 */
import type { TreeHead } from '../proof/merkle.ts'

/** Kept by the caller for as long as it can: what is forgotten can be rolled back. */
export interface Memory {
  tableVersion?: bigint | undefined
  /** The newest checkpoint that continues all those before it. `note`: the signed note, evidence should the log fork. */
  checkpoint?: (TreeHead & { readonly note?: Uint8Array | undefined }) | undefined
  /** Hex of an instance id → index of its chain head. */
  heads?: Map<string, bigint> | undefined
  /** Proof that the log forked, the newest eight: whoever has both notes of one can show it to others. */
  forks?: readonly Fork[] | undefined
}

/** Two signed notes of checkpoints of one log of which neither continues the other. */
export interface Fork {
  readonly older: Uint8Array
  readonly newer: Uint8Array
}

const MAX_FORKS = 8

/** Keeps evidence once; of more than eight the newest. */
export function keepFork(memory: Memory, fork: Fork): void {
  const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i])
  const others = (memory.forks ?? []).filter((each) => !same(each.older, fork.older) || !same(each.newer, fork.newer))
  memory.forks = [...others, fork].slice(-MAX_FORKS)
}

/** The larger of two positions, where the first may not be there yet. */
export const newest = (a: bigint | undefined, b: bigint): bigint => (a === undefined || b > a ? b : a)
