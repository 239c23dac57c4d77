/**
 * A router's log as it lies in its folder, read beside it: tiles, rounds and addenda. Nothing is written.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PacketError } from '@mystranet/sdk/errors'
import { filesTiles } from '../adapters/files-tiles.ts'

/** What a reader of a whole log needs. Addenda are for parties and auditors: a public log gives none. */
export interface StoredLog {
  /** `checkpoint` and the paths of C2SP tlog-tiles. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Signed checkpoints of all rounds, in their order. */
  rounds(): readonly Uint8Array[]
  addendum(digest: Uint8Array): Uint8Array | undefined
  close(): void
}

/**
 * Opens the log of the router whose state lies in a folder; the router may run.
 *
 * @throws {PacketError} `NOT_FOUND` when there is no log, `STORE_FAILED` when its database cannot be read.
 */
export function openStoredLog(stateDir: string): StoredLog {
  const path = join(stateDir, 'log.sqlite')
  if (!existsSync(path)) throw new PacketError('NOT_FOUND', `Cannot read a log: ${stateDir} holds none`)
  const tiles = filesTiles({ dir: join(stateDir, 'log') })
  try {
    const db = new DatabaseSync(path, { readOnly: true })
    const rounds = db.prepare('SELECT note FROM round ORDER BY size')
    const addendum = db.prepare('SELECT bytes FROM addendum WHERE digest = ?')
    const blob = (value: unknown) => new Uint8Array(value as Uint8Array)
    // One moment of it: the router may write on.
    const notes = rounds.all().map((row) => blob(row['note']))
    return {
      read: async (name) => (name === 'checkpoint' ? notes.at(-1) : tiles.read(name)),
      rounds: () => notes,
      addendum(digest) {
        const row = addendum.get(digest)
        return row && blob(row['bytes'])
      },
      close: () => db.close(),
    }
  } catch (cause) {
    throw new PacketError('STORE_FAILED', `Cannot read the log’s database at ${path}: SQLite refused`, { cause })
  }
}
