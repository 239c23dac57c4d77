/**
 * The write-ahead log in files: segments of checksummed records, one record for each batch, fsynced before it counts.
 *
 * A record is `u32 length ‖ u32 crc32 ‖ payload`; the payload is `u64 first index ‖ u32 count ‖ entries`, an entry
 * `u32 length ‖ leaf ‖ u32 1 + length of addendum, or 0 ‖ addendum`. A segment is named by its first index.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import { type FileHandle, mkdir, open, readdir, readFile, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { PacketError } from '@mystranet/sdk/errors'
import type { EntryWal, WalEntry } from '../log/ports.ts'

export interface FilesWalOptions {
  /** A folder of its own. */
  readonly dir: string
  /** Bytes after which a segment is closed; by default 16 MiB. */
  readonly segmentBytes?: number
  /** Called around each fsync of a record; what it throws is what the disk would have said. For tests of crashes. */
  probe?(step: 'before-write' | 'before-fsync' | 'after-fsync'): void
}

interface Segment {
  readonly path: string
  readonly firstIndex: number
}

/**
 * Opens the log, takes its lease, and cuts off a record that a crash left half written: it was never acknowledged.
 *
 * @throws {PacketError} `STORE_FAILED` when another process holds the lease, or when a record that was acknowledged is
 *   damaged. Nothing was changed then.
 */
export async function filesWal({ dir, segmentBytes = 16 * 1024 * 1024, probe }: FilesWalOptions): Promise<EntryWal> {
  await mkdir(dir, { recursive: true })
  const release = takeLease(join(dir, 'lease.db'))
  try {
    return await openSegments({ dir, segmentBytes, probe: probe ?? (() => {}) }, release)
  } catch (error) {
    release()
    throw error
  }
}

async function openSegments(
  { dir, segmentBytes, probe }: Required<FilesWalOptions>,
  release: () => void,
): Promise<EntryWal> {
  const segments = await listSegments(dir)
  let nextIndex = segments[0]?.firstIndex ?? 0
  let size = 0
  for (const [i, segment] of segments.entries()) {
    if (segment.firstIndex !== nextIndex)
      throw damaged(segment.path, 0, `it begins at ${segment.firstIndex}, wanted ${nextIndex}`)
    const bytes = await readFile(segment.path)
    const { entries, end } = scan(bytes, segment, i === segments.length - 1)
    if (end < bytes.length) await truncate(segment.path, end)
    nextIndex += entries
    size = end
  }
  let file: FileHandle | undefined
  let broken: unknown

  const startSegment = async () => {
    await file?.close()
    const segment = { path: join(dir, `${String(nextIndex).padStart(16, '0')}.wal`), firstIndex: nextIndex }
    file = await open(segment.path, 'a')
    await syncFolder(dir)
    segments.push(segment)
    size = 0
  }
  const write = async (entries: readonly WalEntry[]) => {
    const last = segments.at(-1)
    if (last === undefined || size >= segmentBytes) await startSegment()
    else file ??= await open(last.path, 'a')
    const record = encodeRecord(nextIndex, entries)
    probe('before-write')
    await file?.appendFile(record)
    probe('before-fsync')
    await file?.datasync()
    probe('after-fsync')
    size += record.length
    nextIndex += entries.length
  }
  return {
    get firstIndex() {
      return segments[0] === undefined ? 0 : fullTile(segments[0])
    },
    get nextIndex() {
      return nextIndex
    },
    async append(firstIndex, entries) {
      if (broken !== undefined) {
        throw new PacketError('STORE_FAILED', 'Cannot append: an earlier append failed, wanted a fresh opening', {
          cause: broken,
        })
      }
      if (firstIndex !== nextIndex) throw new RangeError(`Cannot append at ${firstIndex}: next is ${nextIndex}`)
      // Broken until it is known to be durable: after a failed fsync the kernel may call the same pages clean.
      broken = new Error('an append is on its way')
      try {
        await write(entries)
        broken = undefined
      } catch (cause) {
        broken = cause
        throw new PacketError('STORE_FAILED', 'Cannot append to the write-ahead log: the disk refused', { cause })
      }
    },
    async *read(from) {
      for (const [i, segment] of segments.entries()) {
        const after = segments[i + 1]
        if (after !== undefined && after.firstIndex <= from) continue
        const bytes = await readFile(segment.path)
        for (const [at, entry] of decodeRecords(bytes)) if (at >= from) yield entry
      }
    },
    async trim(index) {
      // Whole segments only: those behind which another one covers all from a full tile on.
      let drop = 0
      for (const [i, segment] of segments.entries()) if (fullTile(segment) <= index) drop = i
      for (const { path } of segments.splice(0, drop)) await unlink(path)
      if (drop > 0) await syncFolder(dir)
    },
    async close() {
      broken ??= new Error('closed')
      await file?.close()
      file = undefined
      release()
    },
  }
}

/** A segment begins anywhere; what lies before the next multiple of 256 is in tiles already. */
const fullTile = ({ firstIndex }: Segment) => Math.ceil(firstIndex / 256) * 256

/** A lock that the kernel gives back when the process dies, however it dies. */
function takeLease(path: string): () => void {
  const db = new DatabaseSync(path)
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    throw new PacketError('STORE_FAILED', 'Cannot open the write-ahead log: another writer holds its lease', { cause })
  }
  return () => {
    if (db.isOpen) db.close()
  }
}

async function listSegments(dir: string): Promise<Segment[]> {
  const names = (await readdir(dir)).filter((name) => /^[0-9]{16}\.wal$/.test(name)).sort()
  return names.map((name) => ({ path: join(dir, name), firstIndex: Number(name.slice(0, 16)) }))
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Where the intact records end. Only the last record of the last segment may be torn, and only at its end. */
function scan(bytes: Buffer, { path, firstIndex }: Segment, last: boolean): { entries: number; end: number } {
  let at = 0
  let entries = 0
  while (at < bytes.length) {
    const record = recordAt(bytes, at)
    if (record === undefined) {
      if (!last || !isTorn(bytes, at)) throw damaged(path, at, 'its checksum does not match')
      return { entries, end: at }
    }
    if (record.firstIndex !== firstIndex + entries) throw damaged(path, at, `its index is ${record.firstIndex}`)
    entries += record.count
    at = record.end
  }
  return { entries, end: at }
}

const HEADER = 8
const PREFIX = 12

function recordAt(bytes: Buffer, at: number) {
  if (at + HEADER + PREFIX > bytes.length) return undefined
  const end = at + HEADER + bytes.readUInt32BE(at)
  if (end > bytes.length || end < at + HEADER + PREFIX) return undefined
  const payload = bytes.subarray(at + HEADER, end)
  if (crc32(payload) !== bytes.readUInt32BE(at + 4)) return undefined
  return { firstIndex: Number(payload.readBigUInt64BE(0)), count: payload.readUInt32BE(8), payload, end }
}

/** A torn record reaches to the end of the file, or the file was grown and its data never came. */
function isTorn(bytes: Buffer, at: number): boolean {
  if (at + HEADER > bytes.length) return true
  return at + HEADER + bytes.readUInt32BE(at) >= bytes.length || bytes.subarray(at).every((byte) => byte === 0)
}

function* decodeRecords(bytes: Buffer): Generator<[number, WalEntry]> {
  for (let record = recordAt(bytes, 0); record !== undefined; record = recordAt(bytes, record.end)) {
    let at = PREFIX
    const { payload } = record
    const take = (length: number) => {
      at += length
      return new Uint8Array(payload.subarray(at - length, at))
    }
    for (let i = 0; i < record.count; i++) {
      at += 4
      const leaf = take(payload.readUInt32BE(at - 4))
      at += 4
      const mark = payload.readUInt32BE(at - 4)
      yield [record.firstIndex + i, mark === 0 ? { leaf } : { leaf, addendum: take(mark - 1) }]
    }
  }
}

function encodeRecord(firstIndex: number, entries: readonly WalEntry[]): Buffer {
  const parts: Uint8Array[] = []
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    parts.push(bytes)
  }
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64BE(BigInt(firstIndex))
  parts.push(prefix)
  u32(entries.length)
  for (const { leaf, addendum } of entries) {
    u32(leaf.length)
    parts.push(leaf)
    u32(addendum === undefined ? 0 : 1 + addendum.length)
    if (addendum !== undefined) parts.push(addendum)
  }
  const payload = Buffer.concat(parts)
  const header = Buffer.alloc(HEADER)
  header.writeUInt32BE(payload.length, 0)
  header.writeUInt32BE(crc32(payload), 4)
  return Buffer.concat([header, payload])
}

const damaged = (path: string, at: number, reason: string) =>
  new PacketError('STORE_FAILED', `Cannot open the write-ahead log: the record at ${at} of ${path}: ${reason}`)
