/**
 * The log's stores in memory, for tests and for a router that keeps nothing. Each survives a "crash" of the code above
 * it, because it is given to the next instance; faults are set on it.
 *
 * @module
 */
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import type {
  CheckpointStore,
  ConfirmedRound,
  EntryIndex,
  EntryWal,
  IndexedLeaf,
  PartitionHead,
  StoredCheckpoint,
  TileStore,
  WalEntry,
  WitnessRecord,
  WitnessStore,
} from '../log/ports.ts'

/** What the next write does. `write-then-fail` is an answer lost on its way back. */
export type Fault = 'none' | 'fail' | 'write-then-fail'

export interface Faulty {
  fault: Fault
}

/** Runs one write under the fault set; each fault strikes once. */
async function strike<T>(store: Faulty, write: () => T): Promise<T> {
  const { fault } = store
  store.fault = 'none'
  if (fault === 'fail') throw new PacketError('STORE_FAILED', 'Cannot write: the fault set is "fail"')
  const result = write()
  if (fault === 'write-then-fail')
    throw new PacketError('STORE_FAILED', 'Cannot write: the fault set is "write-then-fail"')
  return result
}

/** The disk under {@link memoryWal}: outlives the writer. */
export interface WalDisk {
  firstIndex: number
  entries: WalEntry[]
  leased: boolean
}

export const walDisk = (): WalDisk => ({ firstIndex: 0, entries: [], leased: false })

/** @throws {PacketError} `STORE_FAILED` when another writer holds the lease. */
export function memoryWal(disk: WalDisk = walDisk()): EntryWal & Faulty {
  if (disk.leased)
    throw new PacketError('STORE_FAILED', 'Cannot open the write-ahead log: another writer holds its lease')
  disk.leased = true
  let broken = false
  return {
    fault: 'none',
    get firstIndex() {
      return disk.firstIndex
    },
    get nextIndex() {
      return disk.firstIndex + disk.entries.length
    },
    async append(firstIndex, entries) {
      if (broken)
        throw new PacketError('STORE_FAILED', 'Cannot append: an earlier append failed, wanted a fresh opening')
      if (firstIndex !== this.nextIndex)
        throw new RangeError(`Cannot append at ${firstIndex}: next is ${this.nextIndex}`)
      broken = true
      await strike(this, () => {
        for (const { leaf, addendum } of entries) disk.entries.push({ leaf: leaf.slice(), addendum: addendum?.slice() })
      })
      broken = false
    },
    async *read(from) {
      yield* disk.entries.slice(from - disk.firstIndex)
    },
    async trim(index) {
      const keep = Math.floor(Math.min(index, this.nextIndex) / 256) * 256
      if (keep <= disk.firstIndex) return
      disk.entries.splice(0, keep - disk.firstIndex)
      disk.firstIndex = keep
    },
    async close() {
      disk.leased = false
    },
  }
}

export function memoryCheckpoints(): CheckpointStore & Faulty {
  const stored = new Map<string, StoredCheckpoint>()
  let writes = 0
  return {
    fault: 'none',
    async read(origin) {
      return stored.get(origin)
    },
    replace(origin, expected, note) {
      return strike(this, () => {
        if (stored.get(origin)?.version !== expected?.version) return 'conflict' as const
        writes += 1
        const next = { note: note.slice(), version: `${writes}` }
        stored.set(origin, next)
        return next
      })
    },
  }
}

/** `files` is what the paths hold: a test may damage it. */
export function memoryTiles(
  files = new Map<string, Uint8Array>(),
): TileStore & Faulty & { files: Map<string, Uint8Array> } {
  return {
    fault: 'none',
    files,
    async read(path) {
      return files.get(path)?.slice()
    },
    async write(path, bytes) {
      await strike(this, () => files.set(path, bytes.slice()))
    },
    async sync() {},
  }
}

export function memoryIndex(): EntryIndex & Faulty {
  const keys = new Map<string, number>()
  const heads = new Map<string, PartitionHead>()
  const addenda = new Map<string, Uint8Array>()
  const rounds: ConfirmedRound[] = []
  let size = 0
  const write = (leaves: readonly IndexedLeaf[], round: ConfirmedRound) => {
    for (const { index, key, partition, head, addendum } of leaves) {
      if (!keys.has(toHex(key))) keys.set(toHex(key), index)
      heads.set(toHex(partition), head)
      if (addendum) addenda.set(toHex(addendum.digest), addendum.bytes.slice())
    }
    rounds.push({ treeSize: round.treeSize, note: round.note.slice() })
    size = round.treeSize
  }
  return {
    fault: 'none',
    get size() {
      return size
    },
    async find(key) {
      return keys.get(toHex(key))
    },
    async head(partition) {
      return heads.get(toHex(partition))
    },
    async addendum(digest) {
      return addenda.get(toHex(digest))
    },
    async roundOf(index) {
      return rounds.find(({ treeSize }) => treeSize > index)
    },
    async latestRound() {
      return rounds.at(-1)
    },
    async confirm(leaves, round) {
      assertContinues(size, leaves, round)
      await strike(this, () => write(leaves, round))
    },
  }
}

/** Shared by the adapters of {@link EntryIndex}. @throws RangeError when the round does not continue `size`. */
export function assertContinues(size: number, leaves: readonly IndexedLeaf[], { treeSize }: ConfirmedRound): void {
  const inOrder = leaves.every(({ index }, i) => index === size + i)
  if (!inOrder || treeSize !== size + leaves.length) {
    throw new RangeError(`Cannot confirm a round of size ${treeSize}: ${leaves.length} leaves do not continue ${size}`)
  }
}

export function memoryWitnessStore(): WitnessStore & Faulty {
  const records = new Map<string, WitnessRecord>()
  return {
    fault: 'none',
    async read(origin) {
      return records.get(origin)
    },
    replace(origin, expected, next) {
      return strike(this, () => {
        if (!sameRecord(records.get(origin), expected)) return 'conflict' as const
        records.set(origin, next)
        return 'stored' as const
      })
    },
  }
}

export function sameRecord(a: WitnessRecord | undefined, b: WitnessRecord | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.treeSize === b.treeSize &&
    a.timeSeconds === b.timeSeconds &&
    a.frozen === b.frozen &&
    equalBytes(a.rootHash, b.rootHash)
  )
}
