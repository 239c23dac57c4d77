/**
 * From a draft to a leaf: the sequencer gives each its time, its place in the partition and its predecessor.
 *
 * @module
 */
import { concat, equalBytes, toHex, u32be } from '@mystranet/sdk/bytes'
import { encodeLeaf, LEAF_KINDS, type LeafKind, parseLeaf } from '@mystranet/sdk/proof/leaf'
import { type Hash, hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import type { EntryIndex, IndexedLeaf, PartitionHead, WalEntry } from './ports.ts'

/** What a caller knows of a leaf. */
export interface LeafDraft {
  readonly kind: LeafKind
  /** 32 bytes. */
  readonly partition: Uint8Array
  /** 32 bytes: packet id or document digest. */
  readonly subject: Uint8Array
  /** Number of the attempt, or 0. */
  readonly attempt: number
  /** 32 bytes. */
  readonly commitment?: Uint8Array | undefined
  /** Kept with the entry and never served to the public; the leaf carries its SHA-256. */
  readonly addendum?: Uint8Array | undefined
}

/** An entry with all that the pipeline asks of it. */
export interface LogEntry extends WalEntry {
  readonly leafHash: Hash
  readonly indexed: IndexedLeaf
}

/** What makes a leaf the same leaf: kind, attempt and subject. A second draft with this key gets the first's receipt. */
export function leafKey({ kind, attempt, subject }: Pick<LeafDraft, 'kind' | 'attempt' | 'subject'>): Uint8Array {
  return concat(Uint8Array.of(LEAF_KINDS[kind]), u32be(attempt), subject)
}

/** @throws RangeError when a draft would not encode. Called before anything is queued. */
export function assertDraft({ kind, partition, subject, attempt, commitment }: LeafDraft): void {
  const sizes = [partition.length, subject.length, commitment?.length ?? 32]
  if (sizes.some((size) => size !== 32) || LEAF_KINDS[kind] === undefined) {
    throw new RangeError(`Cannot log a ${kind} leaf: fields of ${sizes.join(', ')} bytes, wanted 32 each`)
  }
  if (!Number.isInteger(attempt) || attempt < 0 || attempt > 0xffffffff) {
    throw new RangeError(`Cannot log a ${kind} leaf: attempt ${attempt} is no u32`)
  }
}

const NO_PREVIOUS = new Uint8Array(32)

export interface LeafBuilder {
  /** Encodes the next leaf. Times never go back, whatever the clock does. */
  build(draft: LeafDraft, index: number): Promise<LogEntry>
  /** Takes in an entry read back from the write-ahead log. */
  replay(entry: WalEntry, index: number): LogEntry
  /** The index holds these partitions now. */
  settle(): void
}

/** Builds leaves on top of an index. Heads of leaves that the index does not hold yet are kept here. */
export function leafBuilder(index: Pick<EntryIndex, 'head'>, now: () => number): LeafBuilder {
  const pending = new Map<string, PartitionHead>()
  let lastMs = 0
  const entryOf = (leaf: Uint8Array, draft: Omit<LeafDraft, 'commitment'>, seq: bigint, at: number): LogEntry => {
    const leafHash = hashLeaf(leaf)
    const head = { seq, leafHash }
    const { partition, addendum } = draft
    pending.set(toHex(partition), head)
    const digest = addendum === undefined ? undefined : { digest: sha256(addendum), bytes: addendum }
    return { leaf, addendum, leafHash, indexed: { index: at, key: leafKey(draft), partition, head, addendum: digest } }
  }
  return {
    async build(draft, at) {
      const { partition, addendum } = draft
      const before = pending.get(toHex(partition)) ?? (await index.head(partition))
      lastMs = Math.max(lastMs, Math.floor(now()))
      const seq = (before?.seq ?? 0n) + 1n
      const leaf = encodeLeaf({
        ...draft,
        timeMs: lastMs,
        seq,
        previous: before?.leafHash ?? NO_PREVIOUS,
        addendumDigest: addendum === undefined ? undefined : sha256(addendum),
      })
      return entryOf(leaf, draft, seq, at)
    },
    replay({ leaf, addendum }, at) {
      const parsed = parseLeaf(leaf)
      const kept = addendum === undefined ? undefined : sha256(addendum)
      if (!equalBytes(kept ?? NO_PREVIOUS, parsed.addendumDigest ?? NO_PREVIOUS)) {
        throw new RangeError(`Cannot replay entry ${at}: its addendum is not the one its leaf names`)
      }
      lastMs = Math.max(lastMs, parsed.timeMs)
      return entryOf(leaf, { ...parsed, addendum }, parsed.seq, at)
    },
    settle: () => pending.clear(),
  }
}
