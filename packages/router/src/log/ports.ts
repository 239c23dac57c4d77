/**
 * What the log and the witness need from the world. Adapters are in `adapters/`; each port has one contract suite
 * (`*.contract.ts`) that every adapter passes.
 *
 * A rejection always means: the write may have happened. The log then stops, and a restart reads what is there.
 *
 * @module
 */
import type { Hash } from '@mystranet/sdk/proof/merkle'

/** One entry as the write-ahead log keeps it: the leaf's bytes, and the addendum that its digest names. */
export interface WalEntry {
  readonly leaf: Uint8Array
  readonly addendum?: Uint8Array | undefined
}

/**
 * The write-ahead log: gives entries their order, and keeps them until the tiles are durable.
 *
 * - One writer: opening it takes a lease, and a second opening rejects.
 * - `append` is all or nothing, and durable when it resolves.
 * - After a rejected `append` every later one rejects too: a failed fsync says nothing about what is on the disk, so
 *   only opening anew, which reads the disk, may go on.
 */
export interface EntryWal {
  /** Index of the oldest entry still kept; a multiple of 256. */
  readonly firstIndex: number
  /** Index that the next entry gets. */
  readonly nextIndex: number
  /** @throws RangeError when `firstIndex` is not `nextIndex`: the caller lost count. Nothing was written. */
  append(firstIndex: number, entries: readonly WalEntry[]): Promise<void>
  /** Entries from `from` on, in order, to the end. */
  read(from: number): AsyncIterable<WalEntry>
  /** Forgets entries before `index`, or fewer. Allowed once tiles and index hold them durably. */
  trim(index: number): Promise<void>
  /** Gives the lease back. */
  close(): Promise<void>
}

export interface StoredCheckpoint {
  readonly note: Uint8Array
  /** Opaque; given back to `replace` unchanged. */
  readonly version: string
}

/**
 * The newest signed checkpoint of each log. This is where two sequencers could fork the log, so:
 *
 * - `replace` is atomic across processes, and durable when it resolves;
 * - a read sees every earlier completed `replace` of its origin; origins are independent.
 */
export interface CheckpointStore {
  /** @returns undefined for a log never started. */
  read(origin: string): Promise<StoredCheckpoint | undefined>
  /**
   * Writes `note` if the store still holds `expected` (undefined: still holds nothing).
   *
   * @returns `conflict` when another writer was first. Nothing was written.
   */
  replace(
    origin: string,
    expected: StoredCheckpoint | undefined,
    note: Uint8Array,
  ): Promise<StoredCheckpoint | 'conflict'>
}

/**
 * Tiles and entry bundles under the paths of C2SP tlog-tiles.
 *
 * - `write` is atomic (a reader sees all of the bytes or what was there before) and visible when it resolves, but
 *   durable only after `sync`. Writing the same bytes again has no effect.
 * - Everything here can be made again from the write-ahead log until that is trimmed.
 */
export interface TileStore {
  read(path: string): Promise<Uint8Array | undefined>
  write(path: string, bytes: Uint8Array): Promise<void>
  /** Makes every earlier `write` durable. */
  sync(): Promise<void>
}

/** Last leaf of a partition. */
export interface PartitionHead {
  readonly seq: bigint
  readonly leafHash: Hash
}

export interface IndexedLeaf {
  readonly index: number
  /** Of `leafKey()`. */
  readonly key: Uint8Array
  readonly partition: Uint8Array
  readonly head: PartitionHead
  readonly addendum?: { readonly digest: Uint8Array; readonly bytes: Uint8Array } | undefined
}

/** A checkpoint that reached its quorum, with the cosignatures it had then. */
export interface ConfirmedRound {
  readonly treeSize: number
  readonly note: Uint8Array
}

/**
 * Where each leaf is, the head of each partition, the addenda, and the cosigned checkpoint of every round: what makes
 * the same packet get the same receipt for ever.
 *
 * - `confirm` is atomic, and durable when it resolves. A key that is there already keeps its first index.
 * - Rounds arrive in the order of their sizes; leaves in the order of their indices, without gaps.
 */
export interface EntryIndex {
  /** Entries covered by confirmed rounds. */
  readonly size: number
  find(key: Uint8Array): Promise<number | undefined>
  head(partition: Uint8Array): Promise<PartitionHead | undefined>
  addendum(digest: Uint8Array): Promise<Uint8Array | undefined>
  /** The first round that covers an entry. */
  roundOf(index: number): Promise<ConfirmedRound | undefined>
  latestRound(): Promise<ConfirmedRound | undefined>
  /** @throws RangeError when leaves or round do not continue `size`. Nothing was written. */
  confirm(leaves: readonly IndexedLeaf[], round: ConfirmedRound): Promise<void>
}

/** What a witness remembers of one log. */
export interface WitnessRecord {
  readonly treeSize: bigint
  readonly rootHash: Hash
  /** Time of its newest cosignature, seconds since 1970. */
  readonly timeSeconds: bigint
  /** Set when the witness met proof that this record is older than what it cosigned: it cosigns no more. */
  readonly frozen: boolean
}

/** A witness's memory. `replace` is an atomic compare-and-swap, and durable when it resolves. */
export interface WitnessStore {
  read(origin: string): Promise<WitnessRecord | undefined>
  /** @returns `conflict` when the store does not hold `expected`. Nothing was written. */
  replace(origin: string, expected: WitnessRecord | undefined, next: WitnessRecord): Promise<'stored' | 'conflict'>
}

/** An answer of `add-checkpoint`. */
export interface WitnessAnswer {
  readonly status: number
  readonly contentType?: string
  readonly body: Uint8Array
}

/**
 * The way to one witness, in this process or over HTTP.
 *
 * A rejection means: no answer; the witness may have cosigned. The next request meets 409 and goes on from there.
 */
export interface WitnessLink {
  /** Its name in the policy. */
  readonly name: string
  addCheckpoint(body: Uint8Array, signal: AbortSignal): Promise<WitnessAnswer>
}
