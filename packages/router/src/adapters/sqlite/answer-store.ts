/**
 * Answers in SQLite. Records that need not be durable wait in memory for the next commit of their answer, a quarter of a
 * second, or 256 KiB, whichever is first; readers see them at once.
 *
 * @module
 */
import type { AnswerRecord, AnswerStore, StoredAnswerRecord } from '../../ports.ts'
import { cappedPage } from '../answer-page.ts'
import { createWatchers } from '../watchers.ts'
import type { Database, Row } from './database.ts'

const FLUSH_MS = 250
const FLUSH_BYTES = 256 * 1024

interface Tail {
  /** Position of the newest record, durable or not. */
  last: number
  records: StoredAnswerRecord[]
  bytes: number
  keys: Set<string>
  timer: ReturnType<typeof setTimeout> | undefined
  flushing: Promise<void> | undefined
  /** First position that is being written: nothing from here on is shown before it is durable. */
  barrier: number | undefined
}

export function sqliteAnswerStore(db: Database): AnswerStore {
  const { watch, tell } = createWatchers()
  const tails = new Map<string, Tail>()
  const tailOf = (request: string): Tail => {
    let tail = tails.get(request)
    if (tail === undefined) {
      const last = Number(
        db.get('SELECT max(position) AS last FROM answer_record WHERE request = ?', request)?.['last'] ?? 0,
      )
      tail = { last, records: [], bytes: 0, keys: new Set(), timer: undefined, flushing: undefined, barrier: undefined }
      tails.set(request, tail)
    }
    return tail
  }
  const isKnown = (request: string, tail: Tail, key: string) =>
    tail.keys.has(key) ||
    db.get('SELECT 1 FROM answer_record WHERE request = ? AND key = ?', request, key) !== undefined
  const take = (tail: Tail, record: AnswerRecord) => {
    tail.last += 1
    tail.records.push({ ...record, position: tail.last })
    tail.keys.add(record.key)
    tail.bytes += record.value.length
  }
  /** Writes the tail and the records, then shows the records. One at a time for each answer, so that order holds. */
  const flush = (request: string, tail: Tail, added: readonly AnswerRecord[]): Promise<void> => {
    clearTimeout(tail.timer)
    tail.timer = undefined
    const before = tail.flushing ?? Promise.resolve()
    const work = before.then(async () => {
      const written = tail.records.slice()
      const fresh = added.filter(
        ({ key }, i) => !isKnown(request, tail, key) && added.findIndex((each) => each.key === key) === i,
      )
      if (written.length + fresh.length === 0) return
      const stored = fresh.map((record, i) => ({ ...record, position: tail.last + 1 + i }))
      // Positions are taken before the write, so that frames that come meanwhile stand behind.
      if (stored.length > 0) tail.barrier = tail.last + 1
      tail.last += stored.length
      for (const { key } of stored) tail.keys.add(key)
      try {
        await db.write(() => {
          db.run('INSERT OR IGNORE INTO answer (request, ended_ms) VALUES (?, 0)', request)
          for (const { position, type, key, frame, value } of [...written, ...stored]) {
            db.run(
              'INSERT INTO answer_record (request, position, type, key, frame, value) VALUES (?, ?, ?, ?, ?, ?)',
              request,
              position,
              type,
              key,
              frame ?? null,
              value,
            )
          }
        })
      } catch (error) {
        for (const { key } of stored) tail.keys.delete(key)
        throw error
      } finally {
        tail.barrier = undefined
      }
      tail.records = tail.records.slice(written.length)
      tail.bytes = tail.records.reduce((sum, { value }) => sum + value.length, 0)
      tail.keys = new Set(tail.records.map(({ key }) => key))
      tell(request)
    })
    tail.flushing = work.catch(() => undefined)
    return work
  }
  return {
    async append(request, records, durable) {
      const tail = tailOf(request)
      if (durable) return flush(request, tail, records)
      for (const record of records) if (!isKnown(request, tail, record.key)) take(tail, record)
      if (tail.bytes >= FLUSH_BYTES) await flush(request, tail, [])
      else tail.timer ??= setTimeout(() => void flush(request, tail, []).catch(() => undefined), FLUSH_MS)
      tell(request)
    },
    async read(request, after, limit, maxBytes) {
      const { records = [], barrier = Number.POSITIVE_INFINITY } = tails.get(request) ?? {}
      const pending = records.filter(({ position }) => position < barrier)
      const first = pending[0]?.position
      const stored =
        first !== undefined && after >= first - 1
          ? []
          : db
              .all(
                'SELECT * FROM answer_record WHERE request = ? AND position > ? ORDER BY position LIMIT ?',
                request,
                after,
                limit,
              )
              .map(recordOf)
      const whole = [...stored, ...pending.filter(({ position }) => position > (stored.at(-1)?.position ?? after))]
      // A page that is full may end before the tail begins: the tail must not be taken for its continuation.
      return cappedPage(stored.length === limit ? stored : whole.slice(0, limit), maxBytes)
    },
    async end(request, nowMs) {
      const tail = tailOf(request)
      await flush(request, tail, [])
      await db.write(() => {
        db.run(
          'INSERT INTO answer (request, ended_ms) VALUES (?, ?) ON CONFLICT (request) DO UPDATE SET ended_ms = excluded.ended_ms',
          request,
          nowMs,
        )
      })
      if (tail.records.length === 0) tails.delete(request)
      tell(request)
    },
    reopen: (request) =>
      db.write(() => {
        db.run('UPDATE answer SET ended_ms = 0 WHERE request = ?', request)
      }),
    ended: async (request) =>
      Number(db.get('SELECT ended_ms FROM answer WHERE request = ?', request)?.['ended_ms'] ?? 0) > 0,
    watch,
    forget: (beforeMs) =>
      db.write(() => {
        const old = db.all('SELECT request FROM answer WHERE ended_ms > 0 AND ended_ms < ?', beforeMs)
        for (const { request } of old) {
          db.run('DELETE FROM answer_record WHERE request = ?', String(request))
          db.run('DELETE FROM answer WHERE request = ?', String(request))
        }
        return old.length
      }),
  }
}

const recordOf = (row: Row): StoredAnswerRecord => ({
  position: Number(row['position']),
  type: String(row['type']) as StoredAnswerRecord['type'],
  key: String(row['key']),
  value: row['value'] as Uint8Array,
  ...(row['frame'] === null ? {} : { frame: Number(row['frame']) }),
})
