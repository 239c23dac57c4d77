import { DatabaseSync } from 'node:sqlite'
import { concat, u32be } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { type AttemptEntry, type AttemptState, type AttemptStore, RETENTION_MS } from '../ports.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS attempt (
    packet_id BLOB PRIMARY KEY,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    header BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    recorded_ms INTEGER NOT NULL,
    ack BLOB, nack BLOB, open BLOB, response_nonce BLOB, checkpoint BLOB, close BLOB, frames BLOB
  ) STRICT;
  CREATE INDEX IF NOT EXISTS attempt_running ON attempt (state) WHERE state = 'running';
  CREATE TABLE IF NOT EXISTS tombstone (
    packet_id BLOB PRIMARY KEY,
    sender BLOB NOT NULL,
    correlation_id BLOB NOT NULL,
    code INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT;`

const COLUMNS = 'packet_id, attempt, state, header, expires_ms, ack, nack, open, response_nonce, checkpoint, close'

/** A write that goes ahead only where there is no entry, or one of a lower attempt that is not finished. */
const TAKE = (column: 'ack' | 'nack', state: AttemptState, orElse = 'FALSE') => `
  INSERT INTO attempt (packet_id, attempt, state, header, expires_ms, recorded_ms, ${column})
  VALUES ($packet_id, $attempt, '${state}', $header, $expires_ms, $recorded_ms, $${column})
  ON CONFLICT (packet_id) DO UPDATE SET
    attempt = excluded.attempt, state = excluded.state, header = excluded.header, expires_ms = excluded.expires_ms,
    recorded_ms = excluded.recorded_ms, ack = excluded.ack, nack = excluded.nack,
    open = NULL, response_nonce = NULL, checkpoint = NULL, close = NULL, frames = NULL
  WHERE (attempt.attempt < excluded.attempt AND attempt.state <> 'finished') OR (${orElse})`

/**
 * {@link AttemptStore} in a file of SQLite, in WAL mode with `synchronous=FULL`: a write is on the disk when it resolves.
 * Costs one fsync a write, on the calling thread.
 *
 * @param path Of the file; it is created. Another process that holds it: `STORE_FAILED`.
 */
export function sqliteAttempts(path: string): AttemptStore {
  const db = openDatabase(path, SCHEMA)
  const find = db.prepare(`SELECT ${COLUMNS} FROM attempt WHERE packet_id = ?`)
  const running = db.prepare(`SELECT ${COLUMNS} FROM attempt WHERE state = 'running' ORDER BY recorded_ms`)
  const frames = db.prepare('SELECT frames FROM attempt WHERE packet_id = ?')
  const begin = db.prepare(TAKE('ack', 'running'))
  const refuse = db.prepare(
    TAKE(
      'nack',
      'refused',
      "attempt.attempt = excluded.attempt AND attempt.state = 'running' AND attempt.open IS NULL",
    ),
  )
  const isRunning = "packet_id = $packet_id AND attempt = $attempt AND state = 'running'"
  const open = db.prepare(
    `UPDATE attempt SET open = $open, response_nonce = $response_nonce WHERE ${isRunning} AND open IS NULL`,
  )
  const checkpoint = db.prepare(`UPDATE attempt SET checkpoint = $document WHERE ${isRunning}`)
  const finish = db.prepare(`UPDATE attempt SET state = $state, close = $close, frames = $frames WHERE ${isRunning}`)
  const bury = db.prepare('INSERT INTO tombstone VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
  const tombstone = db.prepare('SELECT * FROM tombstone WHERE packet_id = ?')
  const pruneAttempts = db.prepare('DELETE FROM attempt WHERE max(expires_ms, recorded_ms + ?) < ?')
  const pruneTombstones = db.prepare('DELETE FROM tombstone WHERE until_ms < ?')

  const start = (of: {
    packetId: Uint8Array
    attempt: number
    header: Uint8Array
    expiresMs: number
    nowMs: number
  }) => ({
    $packet_id: of.packetId,
    $attempt: of.attempt,
    $header: of.header,
    $expires_ms: of.expiresMs,
    $recorded_ms: of.nowMs,
  })
  const did = <T>(changes: number | bigint, outcome: T): T | 'taken' => (Number(changes) > 0 ? outcome : 'taken')

  return {
    find: async (packetId) => attempting('read an attempt', () => entryOf(find.get(packetId))),
    frames: async (packetId) =>
      attempting('read frames', () => splitFrames(bytesOf(frames.get(packetId)?.['frames']) ?? EMPTY)),
    running: async () => attempting('read the attempts', () => running.all().flatMap((row) => entryOf(row) ?? [])),
    begin: async ({ ack, ...of }) =>
      attempting('record an attempt', () => did(begin.run({ ...start(of), $ack: ack }).changes, 'begun')),
    refuse: async ({ nack, ...of }) =>
      attempting('record a refusal', () => did(refuse.run({ ...start(of), $nack: nack }).changes, 'refused')),
    open: async (reply) =>
      attempting('record an OPEN', () => {
        const { packetId: $packet_id, attempt: $attempt, open: $open, responseNonce: $response_nonce } = reply
        return did(open.run({ $packet_id, $attempt, $open, $response_nonce }).changes, 'opened')
      }),
    checkpoint: async ({ packetId: $packet_id, attempt: $attempt, document: $document }) => {
      attempting('record a checkpoint', () => checkpoint.run({ $packet_id, $attempt, $document }))
    },
    finish: async ({ packetId: $packet_id, attempt: $attempt, state: $state, close: $close, frames: made }) =>
      attempting('record a CLOSE', () => {
        const $frames = joinFrames(made)
        return did(finish.run({ $packet_id, $attempt, $state, $close, $frames }).changes, 'finished')
      }),
    bury: async ({ packetId, sender, correlationId, code, untilMs }) => {
      attempting('record a cancel', () => bury.run(packetId, sender, correlationId, code, untilMs))
    },
    tombstone: async (packetId) =>
      attempting('read a cancel', () => {
        const row = tombstone.get(packetId)
        return (
          row && {
            packetId: row['packet_id'] as Uint8Array,
            sender: row['sender'] as Uint8Array,
            correlationId: row['correlation_id'] as Uint8Array,
            code: Number(row['code']),
            untilMs: Number(row['until_ms']),
          }
        )
      }),
    prune: async (nowMs) => {
      attempting('prune the attempts', () => {
        pruneAttempts.run(RETENTION_MS, nowMs)
        pruneTombstones.run(nowMs)
      })
    },
    close: async () => {
      if (db.isOpen) db.close()
    },
  }
}

/**
 * Opens a file for one process, durable at every commit; deleted rows are overwritten.
 *
 * @throws {PacketError} `STORE_FAILED` when it cannot be opened, or another process holds it.
 */
export function openDatabase(path: string, schema: string): DatabaseSync {
  return attempting(`open ${path}`, () => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    db.exec('PRAGMA secure_delete = ON; PRAGMA busy_timeout = 2000')
    db.exec(schema)
    return db
  })
}

/** @throws {PacketError} `STORE_FAILED` around whatever SQLite says. */
export function attempting<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new PacketError('STORE_FAILED', `Cannot ${what}: the database failed`, { cause })
  }
}

export const bytesOf = (value: unknown): Uint8Array | undefined => (value instanceof Uint8Array ? value : undefined)

function entryOf(row: Record<string, unknown> | undefined): AttemptEntry | undefined {
  if (row === undefined) return undefined
  return {
    packetId: row['packet_id'] as Uint8Array,
    attempt: Number(row['attempt']),
    state: row['state'] as AttemptState,
    header: row['header'] as Uint8Array,
    expiresMs: Number(row['expires_ms']),
    ack: bytesOf(row['ack']),
    nack: bytesOf(row['nack']),
    open: bytesOf(row['open']),
    responseNonce: bytesOf(row['response_nonce']),
    checkpoint: bytesOf(row['checkpoint']),
    close: bytesOf(row['close']),
  }
}

const EMPTY = new Uint8Array(0)

/** `(u32 length ‖ frame)…` in one column: an answer is written and read whole. */
const joinFrames = (frames: readonly Uint8Array[]): Uint8Array =>
  concat(...frames.flatMap((frame) => [u32be(frame.length), frame]))

function splitFrames(joined: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength)
  for (let at = 0; at < joined.length; ) {
    const end = at + 4 + view.getUint32(at)
    frames.push(joined.slice(at + 4, end))
    at = end
  }
  return frames
}
