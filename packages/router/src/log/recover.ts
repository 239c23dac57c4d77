/**
 * What opening the log does: the write-ahead log is the truth about entries, the stored checkpoint about what was
 * signed, the index about what was confirmed. All three must agree, or nothing starts.
 *
 * @module
 */
import { equalBytes } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { createNoteKey, ED25519_TYPE, type NoteSigner, parseNote, verifyNote } from '@mystranet/sdk/proof/note'
import type { LeafBuilder, LogEntry } from './leaves.ts'
import type { CheckpointStore, EntryIndex, EntryWal, StoredCheckpoint, TileStore, WalEntry } from './ports.ts'
import type { TileWriter } from './tile-writer.ts'
import { type LogTree, openTree } from './tree.ts'

export interface Stores {
  readonly signer: NoteSigner
  readonly wal: EntryWal
  readonly checkpoints: CheckpointStore
  readonly tiles: TileStore
  readonly index: EntryIndex
}

export interface Recovered {
  /** Up to the stored checkpoint. */
  readonly tree: LogTree
  /** Entries that no confirmed round covers, also those behind the checkpoint. */
  readonly unconfirmed: LogEntry[]
  readonly stored: StoredCheckpoint | undefined
  readonly signedSize: number
}

/** @throws {PacketError} `STORE_FAILED` when the stores contradict each other. Nothing but tiles was written. */
export async function recover(stores: Stores, builder: LeafBuilder, writer: TileWriter): Promise<Recovered> {
  const { wal, index, tiles } = stores
  const { stored, treeSize, rootHash } = await readCheckpoint(stores)
  if (wal.nextIndex < treeSize)
    throw contradiction(`the checkpoint has ${treeSize} entries, the write-ahead log ${wal.nextIndex}`)
  if (index.size > treeSize) throw contradiction(`the index has ${index.size} entries, the checkpoint ${treeSize}`)
  if (wal.firstIndex > index.size)
    throw contradiction(`the write-ahead log begins at ${wal.firstIndex}, the index ends at ${index.size}`)

  const tree = await openTree(wal.firstIndex, tiles)
  writer.restore(wal.firstIndex)
  const signed: WalEntry[] = []
  const unconfirmed: LogEntry[] = []
  let at = wal.firstIndex
  for await (const entry of wal.read(wal.firstIndex)) {
    const replayed = builder.replay(entry, at)
    if (at < treeSize) {
      tree.append(replayed.leafHash)
      signed.push(entry)
    }
    if (at >= index.size) unconfirmed.push(replayed)
    at += 1
  }
  // Entries are intact or the root differs; a log that cannot reproduce what it signed must not sign again.
  if (rootHash !== undefined && !equalBytes(await tree.root(), rootHash)) {
    throw contradiction(`the entries do not give the root that was signed for size ${treeSize}`)
  }
  await writer.write(signed.slice(0, index.size - wal.firstIndex), wal.firstIndex, prefixOf(tree, index.size))
  return { tree, unconfirmed, stored, signedSize: treeSize }
}

/** The tree as its first `size` leaves saw it, for writing tiles. */
function prefixOf(tree: LogTree, size: number): LogTree {
  return { ...tree, size, append: tree.append }
}

async function readCheckpoint({ checkpoints, signer }: Stores) {
  const stored = await checkpoints.read(signer.keyName)
  if (stored === undefined) return { stored, treeSize: 0, rootHash: undefined }
  const note = parseNote(stored.note)
  await verifyNote(note, [createNoteKey(signer.keyName, ED25519_TYPE, signer.publicKey)])
  const { treeSize, rootHash } = parseCheckpoint(note.text)
  return { stored, treeSize: Number(treeSize), rootHash }
}

const contradiction = (reason: string) => new PacketError('STORE_FAILED', `Cannot open the log: ${reason}`)
