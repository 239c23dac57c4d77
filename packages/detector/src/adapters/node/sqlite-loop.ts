/**
 * The loop's book in one SQLite file: findings on their way, and people's words about them.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'
import type { Code } from '@mystranet/schemas/codes'
import { DetectorError } from '../../errors.ts'
import type { FeedbackStore } from '../../loop/feedback.ts'
import type { FindingTopic } from '../../loop/observation.ts'
import type { BookedFinding, FindingState, Outbox, OutboxLimits } from '../../loop/outbox.ts'
import type { Score, Vote } from '../../loop/tuning.ts'

type Row = Record<string, unknown>

/** The file, opened by {@link openLoopFile}. */
export interface LoopFile {
  /** Runs an operation as one transaction; it is on the disk when this resolves. */
  write<T>(operation: (db: DatabaseSync) => T): Promise<T>
  read<T>(operation: (db: DatabaseSync) => T): Promise<T>
  close(): void
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS finding (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL,
  type TEXT NOT NULL, source TEXT NOT NULL, severity INTEGER NOT NULL, tunes TEXT, message BLOB NOT NULL,
  digests TEXT NOT NULL, signed_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, ready_ms INTEGER NOT NULL DEFAULT 0, code TEXT, leaf_index TEXT);
CREATE INDEX IF NOT EXISTS finding_state ON finding (state, severity, place);
CREATE TABLE IF NOT EXISTS shed (severity INTEGER PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS vote (voter TEXT NOT NULL, about TEXT NOT NULL, tunes TEXT, at_ms INTEGER NOT NULL,
  says TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (voter, about)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vote_tunes ON vote (tunes, at_ms);
CREATE TABLE IF NOT EXISTS score (subject TEXT NOT NULL, day INTEGER NOT NULL, score REAL NOT NULL, at_ms INTEGER NOT NULL,
  id TEXT NOT NULL, PRIMARY KEY (subject, day)) WITHOUT ROWID;
`
const DAY_MS = 86_400_000
/** The thread waits, and with it the router: what another program locks is better tried again. */
const MAX_WAIT_MS = 100

/**
 * Opens or makes the file; its folder is there. WAL mode, every commit is synced.
 *
 * @throws {DetectorError} `STORE_FAILED`
 */
export function openLoopFile(path: string): LoopFile {
  const db = guarded('open', () => {
    const opened = new DatabaseSync(path)
    opened.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = ${MAX_WAIT_MS};`)
    opened.exec(SCHEMA)
    return opened
  })
  return {
    write: async (operation) =>
      guarded('write', () => {
        db.exec('BEGIN IMMEDIATE')
        try {
          const result = operation(db)
          db.exec('COMMIT')
          return result
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        }
      }),
    read: async (operation) => guarded('read', () => operation(db)),
    close() {
      if (db.isOpen) db.close()
    },
  }
}

/** The outbox in the file. */
export function sqliteOutbox({ write, read }: Pick<LoopFile, 'write' | 'read'>, limits: OutboxLimits): Outbox {
  const forget = (db: DatabaseSync) =>
    db
      .prepare(
        `DELETE FROM finding WHERE place IN (SELECT place FROM finding WHERE state <> 'waiting'
         ORDER BY state = 'dead', place LIMIT max(0, (SELECT count(*) FROM finding WHERE state <> 'waiting') - ?))`,
      )
      .run(limits.kept)
  const giveUp = (db: DatabaseSync, severity: number) =>
    db.prepare('INSERT INTO shed VALUES (?, 1) ON CONFLICT (severity) DO UPDATE SET count = count + 1').run(severity)
  return {
    put: (entry) =>
      write((db) => {
        if (db.prepare('SELECT 1 FROM finding WHERE id = ?').get(entry.id) !== undefined) return 'known'
        const given = roomFor(db, entry.severity, entry.message.length, limits)
        if (given === undefined) {
          giveUp(db, entry.severity)
          return 'shed'
        }
        for (const { place, severity } of given) {
          db.prepare('DELETE FROM finding WHERE place = ?').run(place)
          giveUp(db, severity)
        }
        const { id, topic, type, source, severity, tunes = null, message, digests, signedMs, atMs } = entry
        db.prepare(
          `INSERT INTO finding (id, topic, type, source, severity, tunes, message, digests, signed_ms, at_ms, state)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')`,
        ).run(id, topic, type, source, severity, tunes, message, digests.join(' '), signedMs, atMs)
        return 'kept'
      }),
    due: (count, nowMs) =>
      read((db) =>
        db
          .prepare(
            `SELECT * FROM finding WHERE state = 'waiting' AND ready_ms <= ? ORDER BY severity DESC, place LIMIT ?`,
          )
          .all(nowMs, count)
          .map(findingOf),
      ),
    reseal: (id, { message, digests, signedMs }) =>
      write((db) => {
        const sql = `UPDATE finding SET message = ?, digests = ?, signed_ms = ? WHERE id = ? AND state = 'waiting'`
        db.prepare(sql).run(message, digests.join(' '), signedMs, id)
      }),
    publish: (id) =>
      write((db) => {
        db.prepare(`UPDATE finding SET state = 'published', code = NULL WHERE id = ? AND state = 'waiting'`).run(id)
        forget(db)
      }),
    retry: (id, attempts, readyMs, code) =>
      write((db) => {
        const sql = `UPDATE finding SET attempts = ?, ready_ms = ?, code = ? WHERE id = ? AND state = 'waiting'`
        db.prepare(sql).run(attempts, Math.round(readyMs), code, id)
      }),
    bury: (id, code) =>
      write((db) => {
        const sql = `UPDATE finding SET state = 'dead', code = ? WHERE id = ? AND state IN ('waiting', 'published')`
        db.prepare(sql).run(code, id)
        forget(db)
      }),
    confirm: (id, leafIndex) =>
      write((db) => {
        const sql = `UPDATE finding SET state = 'confirmed', code = NULL, leaf_index = ? WHERE id = ? AND state <> 'confirmed'`
        db.prepare(sql).run(`${leafIndex}`, id)
        forget(db)
      }),
    find: (id) =>
      read((db) => {
        const row = db.prepare('SELECT * FROM finding WHERE id = ?').get(id)
        return row && findingOf(row)
      }),
    hasSource: (source) => read((db) => db.prepare('SELECT 1 FROM finding WHERE source = ?').get(source) !== undefined),
    list: (limit, state) =>
      read((db) =>
        db
          .prepare('SELECT * FROM finding WHERE ? IS NULL OR state = ? ORDER BY place DESC LIMIT ?')
          .all(state ?? null, state ?? null, limit)
          .map(findingOf),
      ),
    counts: () => read(countsOf),
  }
}

interface Given {
  readonly place: number
  readonly severity: number
}

/** @returns what is given up for it; undefined when that would not suffice. */
function roomFor(db: DatabaseSync, severity: number, bytes: number, limits: OutboxLimits): Given[] | undefined {
  const there = sizeOf(db)
  let [count, size] = [there.count + 1, there.size + bytes]
  const given: Given[] = []
  const fits = () => count <= limits.waiting && size <= limits.bytes
  if (fits()) return given
  const lower = db.prepare(
    `SELECT place, severity, length(message) AS size FROM finding WHERE state = 'waiting' AND severity < ?
     ORDER BY severity, place`,
  )
  for (const row of lower.iterate(severity)) {
    given.push({ place: Number(row['place']), severity: Number(row['severity']) })
    count -= 1
    size -= Number(row['size'])
    if (fits()) return given
  }
  return undefined
}

function sizeOf(db: DatabaseSync): { count: number; size: number } {
  const row = db
    .prepare(`SELECT count(*) AS n, coalesce(sum(length(message)), 0) AS size FROM finding WHERE state = 'waiting'`)
    .get() as Row
  return { count: Number(row['n']), size: Number(row['size']) }
}

function countsOf(db: DatabaseSync): Awaited<ReturnType<Outbox['counts']>> {
  const states = { waiting: 0, published: 0, confirmed: 0, dead: 0 }
  for (const row of db.prepare('SELECT state, count(*) AS n FROM finding GROUP BY state').all()) {
    states[row['state'] as FindingState] = Number(row['n'])
  }
  const shed = db.prepare('SELECT severity, count FROM shed ORDER BY severity').all()
  return {
    states,
    bytes: sizeOf(db).size,
    shed: shed.map((row) => ({ severity: Number(row['severity']), count: Number(row['count']) })),
  }
}

const findingOf = (row: Row): BookedFinding => ({
  id: String(row['id']),
  topic: row['topic'] as FindingTopic,
  type: String(row['type']),
  source: String(row['source']),
  severity: Number(row['severity']),
  tunes: row['tunes'] === null ? undefined : String(row['tunes']),
  message: row['message'] as Uint8Array,
  digests: String(row['digests']).split(' '),
  signedMs: Number(row['signed_ms']),
  atMs: Number(row['at_ms']),
  state: row['state'] as FindingState,
  attempts: Number(row['attempts']),
  code: row['code'] === null ? undefined : (row['code'] as Code),
  leafIndex: row['leaf_index'] === null ? undefined : BigInt(String(row['leaf_index'])),
})

/** People's words in the file. */
export function sqliteFeedback({ write, read }: Pick<LoopFile, 'write' | 'read'>): FeedbackStore {
  return {
    vote: ({ tunes, voter, about, atMs, says, id }) =>
      write((db) => {
        db.prepare(
          `INSERT INTO vote (voter, about, tunes, at_ms, says, id) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (voter, about) DO UPDATE SET tunes = excluded.tunes, at_ms = excluded.at_ms, says = excluded.says,
             id = excluded.id WHERE (excluded.at_ms, excluded.id) > (vote.at_ms, vote.id)`,
        ).run(voter, about, tunes ?? null, atMs, says, id)
      }),
    votes: (tunes, sinceMs) =>
      read((db) =>
        db
          .prepare('SELECT * FROM vote WHERE (? IS NULL OR tunes IS ?) AND at_ms >= ?')
          .all(tunes ?? null, tunes ?? null, sinceMs)
          .map(voteOf),
      ),
    score: ({ subject, score, atMs, id }) =>
      write((db) => {
        db.prepare(
          `INSERT INTO score (subject, day, score, at_ms, id) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (subject, day) DO UPDATE SET score = excluded.score, at_ms = excluded.at_ms, id = excluded.id
             WHERE (excluded.at_ms, excluded.id) > (score.at_ms, score.id)`,
        ).run(subject, Math.floor(atMs / DAY_MS), score, atMs, id)
      }),
    scores: (sinceMs) => read((db) => db.prepare('SELECT * FROM score WHERE at_ms >= ?').all(sinceMs).map(scoreOf)),
    forget: (beforeMs) =>
      write((db) => {
        for (const table of ['vote', 'score']) db.prepare(`DELETE FROM ${table} WHERE at_ms < ?`).run(beforeMs)
      }),
  }
}

const voteOf = (row: Row): Vote => ({
  tunes: row['tunes'] === null ? undefined : String(row['tunes']),
  voter: String(row['voter']),
  about: String(row['about']),
  atMs: Number(row['at_ms']),
  says: row['says'] as Vote['says'],
  id: String(row['id']),
})

const scoreOf = (row: Row): Score => ({
  subject: String(row['subject']),
  score: Number(row['score']),
  atMs: Number(row['at_ms']),
  id: String(row['id']),
})

function guarded<T>(action: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new DetectorError('STORE_FAILED', `Cannot ${action} the book of findings: the file failed`, { cause })
  }
}
