/**
 * One SQLite file for all that the router keeps besides the log: WAL mode, `synchronous=FULL`, group commit.
 *
 * Writes that are asked for in the same turn of the event loop share one transaction and one fsync, each under its own
 * savepoint: one that throws takes nothing else down. After a commit that failed, nothing says what is on the disk, so
 * every later write rejects until the file is opened anew.
 *
 * @module
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { RouterError } from '../../errors.ts'

export type Row = Record<string, unknown>

export interface Database {
  /** Runs an operation inside the next commit; resolves once that is durable. */
  write<T>(operation: () => T): Promise<T>
  /** Runs a statement. Inside `write` only, when it changes anything. */
  run(sql: string, ...values: SQLInputValue[]): number
  all(sql: string, ...values: SQLInputValue[]): Row[]
  get(sql: string, ...values: SQLInputValue[]): Row | undefined
  /** Waits for what was asked for, then closes the file. */
  close(): Promise<void>
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, open INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, packet BLOB NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_open ON request (id) WHERE open = 1;
CREATE TABLE IF NOT EXISTS queue (place INTEGER PRIMARY KEY AUTOINCREMENT, packet TEXT NOT NULL, attempt INTEGER NOT NULL,
  agent TEXT NOT NULL, bytes BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0, lease TEXT, until_ms INTEGER NOT NULL DEFAULT 0,
  ready_ms INTEGER NOT NULL DEFAULT 0, delivery INTEGER NOT NULL DEFAULT 0, UNIQUE (packet, attempt));
CREATE INDEX IF NOT EXISTS queue_agent ON queue (agent, place) WHERE done = 0;
CREATE INDEX IF NOT EXISTS queue_lease ON queue (lease) WHERE lease IS NOT NULL;
CREATE TABLE IF NOT EXISTS epoch (key TEXT NOT NULL, epoch TEXT NOT NULL, highest TEXT NOT NULL, PRIMARY KEY (key, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slot (key TEXT NOT NULL, epoch TEXT NOT NULL, slot INTEGER NOT NULL, seq TEXT NOT NULL,
  id TEXT NOT NULL, PRIMARY KEY (key, epoch, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chain (instance TEXT PRIMARY KEY, revision INTEGER NOT NULL, chain BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routing_table (version INTEGER PRIMARY KEY, document BLOB NOT NULL, receipt BLOB NOT NULL,
  since_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS statement (place INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, digest TEXT NOT NULL,
  receipt BLOB NOT NULL, UNIQUE (agent, digest));
CREATE TABLE IF NOT EXISTS answer (request TEXT PRIMARY KEY, ended_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer_record (request TEXT NOT NULL, position INTEGER NOT NULL, type TEXT NOT NULL,
  key TEXT NOT NULL, frame INTEGER, value BLOB NOT NULL, PRIMARY KEY (request, position), UNIQUE (request, key));
CREATE TABLE IF NOT EXISTS dead_letter (packet TEXT PRIMARY KEY, code INTEGER NOT NULL, notice BLOB NOT NULL,
  expires_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS invite (hash TEXT PRIMARY KEY, until_ms INTEGER NOT NULL, instance TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topic_message (place INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, message BLOB NOT NULL,
  taken_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS topic_place ON topic_message (topic, place);
CREATE TABLE IF NOT EXISTS topic_known (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS topic_known_until ON topic_known (until_ms);
CREATE TABLE IF NOT EXISTS topic_consumer (topic TEXT NOT NULL, consumer TEXT NOT NULL, floor INTEGER NOT NULL,
  PRIMARY KEY (topic, consumer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topic_delivery (consumer TEXT NOT NULL, place INTEGER NOT NULL, topic TEXT NOT NULL, lease TEXT,
  until_ms INTEGER NOT NULL, ready_ms INTEGER NOT NULL, delivery INTEGER NOT NULL, done INTEGER NOT NULL,
  PRIMARY KEY (consumer, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS topic_lease ON topic_delivery (lease) WHERE lease IS NOT NULL;
CREATE TABLE IF NOT EXISTS topic_dead (place INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, consumer TEXT NOT NULL,
  code TEXT NOT NULL, message BLOB NOT NULL, at_ms INTEGER NOT NULL);
`

interface Waiting {
  readonly operation: () => unknown
  resolve(value: unknown): void
  reject(cause: unknown): void
}

/** Opens or makes the file. @param path A path, or `:memory:`. */
export function openDatabase(path: string): Database {
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;')
  db.exec(SCHEMA)
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = db.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  let waiting: Waiting[] = []
  let broken: unknown
  const flush = () => {
    const batch = waiting
    waiting = []
    if (broken === undefined) broken = commit(db, batch)
    if (broken !== undefined) for (const { reject } of batch) reject(failed(broken))
  }
  return {
    write<T>(operation: () => T): Promise<T> {
      if (broken !== undefined) return Promise.reject(failed(broken))
      return new Promise<T>((resolve, reject) => {
        waiting.push({ operation, resolve: resolve as (value: unknown) => void, reject })
        if (waiting.length === 1) setImmediate(flush)
      })
    },
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    all: (sql, ...values) => prepared(sql).all(...values) as Row[],
    get: (sql, ...values) => prepared(sql).get(...values) as Row | undefined,
    async close() {
      if (waiting.length > 0) await new Promise((resolve) => setImmediate(resolve))
      broken ??= new Error('closed')
      statements.clear()
      if (db.isOpen) db.close()
    },
  }
}

/** @returns what failed, when nothing says whether the batch is durable. */
function commit(db: DatabaseSync, batch: readonly Waiting[]): unknown {
  const results: (() => void)[] = []
  try {
    db.exec('BEGIN IMMEDIATE')
    for (const { operation, resolve, reject } of batch) {
      db.exec('SAVEPOINT one')
      try {
        const value = operation()
        db.exec('RELEASE one')
        results.push(() => resolve(value))
      } catch (cause) {
        db.exec('ROLLBACK TO one; RELEASE one')
        results.push(() => reject(cause))
      }
    }
    db.exec('COMMIT')
  } catch (cause) {
    return cause ?? new Error('unknown')
  }
  for (const settle of results) settle()
  return undefined
}

const failed = (cause: unknown) =>
  new RouterError('STORE_FAILED', 'Cannot write: the store failed, and stays closed until the router starts anew', {
    cause,
  })
