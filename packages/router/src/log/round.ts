/**
 * One round of the log:
 *
 *     write-ahead log → tree → signed checkpoint → tiles and witnesses → our own verifier → index
 *
 * A rejection anywhere stops the log. What is durable by then is healed when it opens again; no root is ever signed twice
 * for one size.
 *
 * @module
 */
import { equalBytes } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { type CheckpointTrust, encodeCheckpoint, verifyCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { verifyInclusion } from '@mystranet/sdk/proof/inclusion'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { type Hash, hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { type NoteSigner, signNote } from '@mystranet/sdk/proof/note'
import type { Cosigning } from './cosigning.ts'
import { type LeafBuilder, type LeafDraft, type LogEntry, leafKey } from './leaves.ts'
import type { CheckpointStore, ConfirmedRound, EntryIndex, EntryWal, StoredCheckpoint, TileStore } from './ports.ts'
import type { TileWriter } from './tile-writer.ts'
import type { LogTree } from './tree.ts'

/** What a round works with. */
export interface RoundConfig {
  /** The log's key; its name is the origin. */
  readonly signer: NoteSigner
  /** What our own verifier demands of a receipt before it is given out. */
  readonly trust: CheckpointTrust
  readonly wal: EntryWal
  readonly checkpoints: CheckpointStore
  readonly tiles: TileStore
  readonly index: EntryIndex
  /** Entries after which the write-ahead log is trimmed, by default 65,536. */
  readonly trimEvery?: number
}

/** Everything that proves one entry. `extra` of its `.tlog-proof` file is `leaf`. */
export interface LogReceipt {
  readonly leaf: Uint8Array
  readonly leafIndex: bigint
  readonly path: readonly Hash[]
  /** The checkpoint, cosigned. */
  readonly note: Uint8Array
  /** What the leaf's addendum digest names: for the parties and auditors only. */
  readonly addendum?: Uint8Array | undefined
}

/** Names a leaf without knowing its place. */
export type LeafName = Pick<LeafDraft, 'kind' | 'attempt' | 'subject'>

export interface RoundState {
  readonly config: RoundConfig
  readonly tree: LogTree
  readonly builder: LeafBuilder
  readonly writer: TileWriter
  readonly cosigning: Cosigning
  /** Entries in the write-ahead log that no confirmed round covers; the first `signedSize − index.size` are signed. */
  readonly unconfirmed: LogEntry[]
  stored: StoredCheckpoint | undefined
  /** Tree size of `stored`. */
  signedSize: number
  published: ConfirmedRound | undefined
  /** Size at which the write-ahead log was trimmed last. */
  trimmedAt: number
}

/** Appends drafts, if any, and whatever a crash left behind, and signs the tree. Sends nothing. */
export async function advance(state: RoundState, drafts: readonly LeafDraft[]): Promise<void> {
  const { config, tree, builder, unconfirmed } = state
  const { wal, index } = config
  const fresh: LogEntry[] = []
  for (const draft of drafts) fresh.push(await builder.build(draft, wal.nextIndex + fresh.length))
  // Rule 1: durable before an index is promised to anyone.
  if (fresh.length > 0) await wal.append(wal.nextIndex, fresh)
  unconfirmed.push(...fresh)
  for (const { leafHash } of unconfirmed.slice(tree.size - index.size)) tree.append(leafHash)
  await signCheckpoint(state)
}

/** Rule 2: the exact note is durable before any witness sees it, by compare-and-swap; the second writer stops here. */
async function signCheckpoint(state: RoundState): Promise<void> {
  const { config, tree } = state
  const origin = config.signer.keyName
  const text = encodeCheckpoint({ origin, treeSize: BigInt(tree.size), rootHash: await tree.root() })
  const stored = await config.checkpoints.replace(origin, state.stored, await signNote(text, config.signer))
  if (stored === 'conflict') {
    throw new PacketError(
      'STORE_FAILED',
      'Cannot store the checkpoint: another sequencer was first, wanted to be alone',
    )
  }
  state.stored = stored
  state.signedSize = tree.size
}

/**
 * Brings the stored checkpoint, exactly as it is, to its quorum, and makes its entries findable.
 *
 * @param signal Aborts the waiting for witnesses.
 * @returns The entries, each with its receipt, already verified.
 */
export async function confirm(
  state: RoundState,
  signal: AbortSignal,
): Promise<{ entry: LogEntry; receipt: LogReceipt }[]> {
  const { config, tree, unconfirmed, stored, signedSize } = state
  if (stored === undefined) throw new PacketError('STORE_FAILED', 'Cannot confirm a round: no checkpoint is stored')
  const entries = unconfirmed.slice(0, signedSize - config.index.size)
  const [note] = await Promise.all([
    state.cosigning.cosign(stored.note, signedSize, signal),
    state.writer.write(entries, config.index.size, tree),
  ])
  const round = { treeSize: signedSize, note }
  const receipts = await prove(state, entries, round)
  await config.index.confirm(
    entries.map(({ indexed }) => indexed),
    round,
  )
  unconfirmed.splice(0, entries.length)
  if (unconfirmed.length === 0) state.builder.settle()
  state.published = round
  await trim(state, round)
  return receipts
}

/** Every receipt passes the verifier that its reader will use, under our own trust, before it leaves. */
async function prove({ config, tree }: RoundState, entries: readonly LogEntry[], { note, treeSize }: ConfirmedRound) {
  const checkpoint = await verifyCheckpoint(note, config.trust)
  const proven: { entry: LogEntry; receipt: LogReceipt }[] = []
  for (const entry of entries) {
    const { leaf, leafHash, addendum, indexed } = entry
    const leafIndex = BigInt(indexed.index)
    const path = await tree.inclusion(indexed.index, treeSize)
    verifyInclusion(leafHash, { leafIndex, path }, checkpoint)
    proven.push({ entry, receipt: { leaf, leafIndex, path, note, addendum } })
  }
  return proven
}

/** Tiles are durable before what they can be made from is forgotten. */
async function trim(state: RoundState, { treeSize }: ConfirmedRound): Promise<void> {
  const { wal, tiles, trimEvery = 65_536 } = state.config
  if (treeSize - state.trimmedAt < trimEvery) return
  await tiles.sync()
  await wal.trim(treeSize - (treeSize % 256))
  state.trimmedAt = treeSize
}

/**
 * The receipt that a confirmed leaf got, made again from the round that covered it first.
 *
 * @throws {PacketError} `STORE_FAILED` when a store has lost a part of it.
 */
export async function findReceipt(
  { config, tree, writer }: Pick<RoundState, 'config' | 'tree' | 'writer'>,
  name: LeafName,
): Promise<LogReceipt | undefined> {
  const at = await config.index.find(leafKey(name))
  if (at === undefined) return undefined
  const round = await config.index.roundOf(at)
  if (round === undefined) throw new PacketError('STORE_FAILED', `Cannot prove entry ${at}: no round covers it`)
  const leaf = await writer.entry(at, round.treeSize)
  const path = await tree.inclusion(at, round.treeSize)
  const leafIndex = BigInt(at)
  verifyInclusion(hashLeaf(leaf), { leafIndex, path }, await verifyCheckpoint(round.note, config.trust))
  const digest = parseLeaf(leaf).addendumDigest
  if (digest === undefined) return { leaf, leafIndex, path, note: round.note, addendum: undefined }
  const addendum = await config.index.addendum(digest)
  if (addendum === undefined || !equalBytes(sha256(addendum), digest)) {
    throw new PacketError('STORE_FAILED', `Cannot open the addendum of entry ${at}: the index has lost it`)
  }
  return { leaf, leafIndex, path, note: round.note, addendum }
}
