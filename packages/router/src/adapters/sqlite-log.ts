/**
 * Checkpoints, index and witness state in `node:sqlite`, with `synchronous=FULL`: what is committed survives a power cut.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PacketError } from '@mystranet/sdk/errors'
import type { CheckpointStore, EntryIndex, WitnessRecord, WitnessStore } from '../log/ports.ts'
import { assertContinues } from './memory-log.ts'

export interface SqliteOptions {
  /** A file of its own; `:memory:` keeps nothing. */
  readonly path: string
  /** Called around each commit; what it throws is what the disk would have said. */
  probe?(step: 'before-commit' | 'after-commit'): void
}

type Probe = NonNullable<SqliteOptions['probe']>

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 5000;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA cache_size = -65536;
CREATE TABLE IF NOT EXISTS checkpoint (origin TEXT PRIMARY KEY, version INTEGER NOT NULL, note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS leaf (key BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partition (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, head BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addendum (digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS round (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS witnessed (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, time INTEGER NOT NULL, frozen INTEGER NOT NULL
) STRICT;
`

/** Checkpoint store and index of one log, in one file. */
export interface SqliteLog {
  readonly checkpoints: CheckpointStore
  readonly index: EntryIndex
  close(): void
}

/** @throws {PacketError} `STORE_FAILED` when the file cannot be opened. */
export function sqliteLog({ path, probe = () => {} }: SqliteOptions): SqliteLog {
  const db = openDatabase(path)
  return { checkpoints: checkpointStore(db, probe), index: entryIndex(db, probe), close: () => db.close() }
}

/** @throws {PacketError} `STORE_FAILED` when the file cannot be opened. */
export function sqliteWitnessStore({ path, probe = () => {} }: SqliteOptions): WitnessStore & { close(): void } {
  const db = openDatabase(path)
  return { ...witnessStore(db, probe), close: () => db.close() }
}

function openDatabase(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    const db = new DatabaseSync(path)
    db.exec(SCHEMA)
    return db
  } catch (cause) {
    throw new PacketError('STORE_FAILED', `Cannot open the log’s database at ${path}: SQLite refused`, { cause })
  }
}

/** Runs one write transaction. IMMEDIATE takes the write lock first, so what it reads cannot change before it writes. */
function commit<T>(db: DatabaseSync, probe: Probe, write: () => T): T {
  let result: T
  try {
    db.exec('BEGIN IMMEDIATE')
    result = write()
    probe('before-commit')
    db.exec('COMMIT')
  } catch (cause) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw new PacketError('STORE_FAILED', 'Cannot write to the log’s database: SQLite refused', { cause })
  }
  probe('after-commit')
  return result
}

const blob = (value: unknown): Uint8Array => new Uint8Array(value as Uint8Array)

function checkpointStore(db: DatabaseSync, probe: Probe): CheckpointStore {
  const select = db.prepare('SELECT version, note FROM checkpoint WHERE origin = ?')
  const upsert = db.prepare(
    `INSERT INTO checkpoint (origin, version, note) VALUES (?, ?, ?)
     ON CONFLICT (origin) DO UPDATE SET version = excluded.version, note = excluded.note`,
  )
  const get = (origin: string) => {
    const row = select.get(origin)
    return row && { version: `${row['version']}`, note: blob(row['note']) }
  }
  return {
    async read(origin) {
      return get(origin)
    },
    async replace(origin, expected, note) {
      return commit(db, probe, () => {
        const held = get(origin)?.version
        if (held !== expected?.version) return 'conflict'
        const version = Number(held ?? 0) + 1
        upsert.run(origin, version, note)
        return { note: note.slice(), version: `${version}` }
      })
    },
  }
}

function entryIndex(db: DatabaseSync, probe: Probe): EntryIndex {
  const insertLeaf = db.prepare('INSERT INTO leaf (key, at) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const setHead = db.prepare('INSERT OR REPLACE INTO partition (id, seq, head) VALUES (?, ?, ?)')
  const insertAddendum = db.prepare('INSERT INTO addendum (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const insertRound = db.prepare('INSERT INTO round (size, note) VALUES (?, ?)')
  const leaf = db.prepare('SELECT at FROM leaf WHERE key = ?')
  const head = db.prepare('SELECT seq, head FROM partition WHERE id = ?')
  head.setReadBigInts(true)
  const addendum = db.prepare('SELECT bytes FROM addendum WHERE digest = ?')
  const roundAfter = db.prepare('SELECT size, note FROM round WHERE size > ? ORDER BY size LIMIT 1')
  const newest = db.prepare('SELECT size, note FROM round ORDER BY size DESC LIMIT 1')
  const round = (row: Record<string, unknown> | undefined) =>
    row && { treeSize: Number(row['size']), note: blob(row['note']) }
  let size = round(newest.get())?.treeSize ?? 0
  return {
    get size() {
      return size
    },
    async find(key) {
      const row = leaf.get(key)
      return row && Number(row['at'])
    },
    async head(partition) {
      const row = head.get(partition)
      return row && { seq: row['seq'] as bigint, leafHash: blob(row['head']) }
    },
    async addendum(digest) {
      const row = addendum.get(digest)
      return row && blob(row['bytes'])
    },
    async roundOf(index) {
      return round(roundAfter.get(index))
    },
    async latestRound() {
      return round(newest.get())
    },
    async confirm(leaves, confirmed) {
      assertContinues(size, leaves, confirmed)
      commit(db, probe, () => {
        for (const entry of leaves) {
          insertLeaf.run(entry.key, entry.index)
          setHead.run(entry.partition, entry.head.seq, entry.head.leafHash)
          if (entry.addendum) insertAddendum.run(entry.addendum.digest, entry.addendum.bytes)
        }
        insertRound.run(confirmed.treeSize, confirmed.note)
      })
      size = confirmed.treeSize
    },
  }
}

function witnessStore(db: DatabaseSync, probe: Probe): WitnessStore {
  const select = db.prepare('SELECT size, root, time, frozen FROM witnessed WHERE origin = ?')
  select.setReadBigInts(true)
  const insert = db.prepare(
    'INSERT INTO witnessed (size, root, time, frozen, origin) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const update = db.prepare(
    `UPDATE witnessed SET size = ?, root = ?, time = ?, frozen = ?
     WHERE origin = ? AND size = ? AND root = ? AND time = ? AND frozen = ?`,
  )
  const values = ({ treeSize, rootHash, timeSeconds, frozen }: WitnessRecord) =>
    [treeSize, rootHash, timeSeconds, frozen ? 1 : 0] as const
  return {
    async read(origin) {
      const row = select.get(origin)
      if (row === undefined) return undefined
      return {
        treeSize: row['size'] as bigint,
        rootHash: blob(row['root']),
        timeSeconds: row['time'] as bigint,
        frozen: row['frozen'] === 1n,
      }
    },
    async replace(origin, expected, next) {
      return commit(db, probe, () => {
        const { changes } =
          expected === undefined
            ? insert.run(...values(next), origin)
            : update.run(...values(next), origin, ...values(expected))
        return Number(changes) === 1 ? 'stored' : 'conflict'
      })
    },
  }
}
