import { chmodSync, closeSync, openSync } from 'node:fs'
import type { KeyKind, KeyStore, StoredKey } from '../ports.ts'
import { attempting, bytesOf, openDatabase } from './sqlite-attempts.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS key (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    seed BLOB NOT NULL,
    suite INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    event BLOB,
    receipt BLOB,
    epoch INTEGER NOT NULL DEFAULT 0
  ) STRICT;`

/**
 * {@link KeyStore} in a file of SQLite that only its owner may read (mode 0600). After a removal the write-ahead file is
 * emptied too, so that the seed is nowhere in the files; what a disk keeps below them is beyond its reach.
 *
 * @param path Of the file; it is created. Another process that holds it: `STORE_FAILED`.
 */
export function sqliteKeys(path: string): KeyStore {
  attempting(`open ${path}`, () => {
    // Before SQLite writes a byte: its other files take the mode of this one.
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
  })
  const db = openDatabase(path, SCHEMA)
  const list = db.prepare('SELECT * FROM key ORDER BY rowid')
  const add = db.prepare(
    'INSERT INTO key (id, kind, seed, suite, created_ms, ends_ms, event, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const confirm = db.prepare('UPDATE key SET receipt = ? WHERE id = ?')
  const epoch = db.prepare('UPDATE key SET epoch = max(epoch + 1, ?) WHERE id = ? RETURNING epoch')
  const remove = db.prepare('DELETE FROM key WHERE id = ?')
  return {
    list: async () => attempting('read the keys', () => list.all().map(keyOf)),
    add: async (keys) =>
      attempting('store the keys', () => {
        db.exec('BEGIN IMMEDIATE')
        try {
          for (const { id, kind, seed, suite, createdMs, endsMs, event, receipt } of keys) {
            add.run(id, kind, seed, suite, createdMs, endsMs, event ?? null, receipt ?? null)
          }
          db.exec('COMMIT')
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        }
      }),
    confirm: async (id, receipt) => {
      attempting('store a receipt', () => confirm.run(receipt, id))
    },
    nextEpoch: async (id, nowMs) => {
      // All of its rows: `get` stops at the first, before the commit, and would never say that it failed.
      const [row] = attempting('begin an epoch', () => epoch.all(nowMs, id))
      if (row === undefined) throw new RangeError(`Cannot begin an epoch: key ${id} is not here`)
      return Number(row['epoch'])
    },
    remove: async (id) => {
      attempting('delete a key', () => {
        remove.run(id)
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      })
    },
    close: async () => {
      if (db.isOpen) db.close()
    },
  }
}

const keyOf = (row: Record<string, unknown>): StoredKey => ({
  id: row['id'] as string,
  kind: row['kind'] as KeyKind,
  seed: row['seed'] as Uint8Array,
  suite: Number(row['suite']),
  createdMs: Number(row['created_ms']),
  endsMs: Number(row['ends_ms']),
  event: bytesOf(row['event']),
  receipt: bytesOf(row['receipt']),
})
