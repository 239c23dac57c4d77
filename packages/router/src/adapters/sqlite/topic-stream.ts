/** @module The topics in SQLite, beside everything else that the router keeps. */
import type { Code } from '@mystranet/schemas/codes'
import { isTopic, type Topic } from '@mystranet/schemas/topics'
import { RouterError } from '../../errors.ts'
import {
  type DeadMessage,
  MAX_DEAD_MESSAGES,
  TOPIC_KEEP_MS,
  TOPIC_KNOWN_MS,
  type TopicLease,
  type TopicStream,
  type TopicStreamLimits,
} from '../../topic/ports.ts'
import type { Database, Row } from './database.ts'

export function sqliteTopicStream(db: Database, limits: TopicStreamLimits): TopicStream {
  let leases = 0
  // Leases of an earlier process cannot be told from ours by a counter alone.
  const process = `${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`
  const kept = keptOf(db)

  /** @returns who holds the name already. */
  const know = (name: string, holder: string, nowMs: number): string | undefined => {
    db.run('DELETE FROM topic_known WHERE until_ms < ?', nowMs)
    const found = db.get('SELECT holder FROM topic_known WHERE name = ?', name)
    if (found !== undefined) return String(found['holder'])
    db.run('INSERT INTO topic_known (name, holder, until_ms) VALUES (?, ?, ?)', name, holder, nowMs + TOPIC_KNOWN_MS)
    return undefined
  }
  const hasRoom = (topic: Topic, bytes: number) => {
    const { messages, size } = kept.sizeOf(topic)
    return messages < limits.messages && size + bytes <= limits.bytes
  }
  const inForce = (lease: string, nowMs: number): Row | undefined =>
    db.get('SELECT * FROM topic_delivery WHERE lease = ? AND done = 0 AND until_ms > ?', lease, nowMs)
  const finish = (row: Row) => {
    const [consumer, place, topic] = [String(row['consumer']), Number(row['place']), String(row['topic'])]
    db.run('UPDATE topic_delivery SET done = 1, lease = NULL WHERE consumer = ? AND place = ?', consumer, place)
    kept.raiseFloor(topic, consumer)
  }
  const leaseOf = (row: Row, topic: Topic, consumer: string, untilMs: number): TopicLease => {
    const lease = `${process}.${++leases}`
    const [place, delivery] = [Number(row['place']), Number(row['delivery'] ?? 0) + 1]
    db.run(
      `INSERT INTO topic_delivery (consumer, place, topic, lease, until_ms, ready_ms, delivery, done)
       VALUES (?, ?, ?, ?, ?, 0, ?, 0)
       ON CONFLICT (consumer, place) DO UPDATE SET lease = excluded.lease, until_ms = excluded.until_ms,
         delivery = excluded.delivery`,
      consumer,
      place,
      topic,
      lease,
      untilMs,
      delivery,
    )
    return { lease, topic, delivery, message: row['message'] as Uint8Array, takenMs: Number(row['taken_ms']) }
  }

  return {
    publish: (topic, id, message, nowMs) =>
      db.write(() => {
        if (know(`id:${topic}:${id}`, '', nowMs) !== undefined) return 'known'
        db.run('DELETE FROM topic_message WHERE topic = ? AND taken_ms < ?', topic, nowMs - TOPIC_KEEP_MS)
        if (!hasRoom(topic, message.length)) kept.dropDone(topic)
        if (!hasRoom(topic, message.length)) {
          throw new RouterError(
            'TOPIC_FULL',
            `Cannot publish on ${topic}: its consumers have not taken what is there`,
            {
              retryAfterMs: 2_000,
            },
          )
        }
        db.run('INSERT INTO topic_message (topic, message, taken_ms) VALUES (?, ?, ?)', topic, message, nowMs)
        return 'published'
      }),
    async lease(topic, consumer, count, nowMs, leaseMs) {
      if (kept.isKnown(topic, consumer) && kept.ready(topic, consumer, nowMs, 1).length === 0) return []
      return db.write(() => {
        db.run('INSERT OR IGNORE INTO topic_consumer (topic, consumer, floor) VALUES (?, ?, 0)', topic, consumer)
        const room = limits.inFlight - kept.out(topic, consumer, nowMs)
        const rows = kept.ready(topic, consumer, nowMs, Math.max(0, Math.min(count, room)))
        return rows.map((row) => leaseOf(row, topic, consumer, nowMs + leaseMs))
      })
    },
    acknowledge: (lease, nowMs) =>
      db.write(() => {
        const row = inForce(lease, nowMs)
        if (row !== undefined) finish(row)
        return row !== undefined
      }),
    release: (lease, readyMs, nowMs) =>
      db.write(() => {
        if (inForce(lease, nowMs) === undefined) return
        db.run('UPDATE topic_delivery SET lease = NULL, ready_ms = ? WHERE lease = ?', readyMs, lease)
      }),
    bury: (lease, code, nowMs) =>
      db.write(() => {
        const row = inForce(lease, nowMs)
        if (row === undefined) return false
        const [place, consumer] = [Number(row['place']), String(row['consumer'])]
        db.run(
          `INSERT INTO topic_dead (topic, consumer, code, message, at_ms)
           SELECT topic, ?, ?, message, ? FROM topic_message WHERE place = ?`,
          consumer,
          code,
          nowMs,
          place,
        )
        db.run('DELETE FROM topic_dead WHERE place <= (SELECT max(place) FROM topic_dead) - ?', MAX_DEAD_MESSAGES)
        finish(row)
        return true
      }),
    dead: async (limit) => db.all('SELECT * FROM topic_dead ORDER BY place DESC LIMIT ?', limit).map(deadOf),
    bindNonce: (nonce, holder, nowMs) =>
      db.write(() => {
        const held = know(`nonce:${nonce}`, holder, nowMs)
        if (held === undefined) return 'fresh'
        return held === holder ? 'same' : 'replayed'
      }),
  }
}

/** What is kept of each topic, and how far its consumers are. A consumer is done with everything up to its floor. */
function keptOf(db: Database) {
  const number = (row: Row | undefined, name: string) => Number(row?.[name] ?? 0)
  const floorOf = (topic: string, consumer: string) =>
    number(db.get('SELECT floor FROM topic_consumer WHERE topic = ? AND consumer = ?', topic, consumer), 'floor')
  const READY = `SELECT m.place, m.message, m.taken_ms, d.delivery FROM topic_message m
    LEFT JOIN topic_delivery d ON d.consumer = ? AND d.place = m.place
    WHERE m.topic = ? AND m.place > ? AND (d.place IS NULL OR
      (d.done = 0 AND d.ready_ms <= ? AND (d.lease IS NULL OR d.until_ms <= ?))) ORDER BY m.place LIMIT ?`
  return {
    sizeOf(topic: string) {
      const row = db.get('SELECT count(*) AS n, sum(length(message)) AS size FROM topic_message WHERE topic = ?', topic)
      return { messages: number(row, 'n'), size: number(row, 'size') }
    },
    isKnown: (topic: string, consumer: string) =>
      db.get('SELECT 1 FROM topic_consumer WHERE topic = ? AND consumer = ?', topic, consumer) !== undefined,
    ready: (topic: string, consumer: string, nowMs: number, count: number) =>
      db.all(READY, consumer, topic, floorOf(topic, consumer), nowMs, nowMs, count),
    out: (topic: string, consumer: string, nowMs: number) =>
      number(
        db.get(
          `SELECT count(*) AS n FROM topic_delivery
           WHERE consumer = ? AND topic = ? AND done = 0 AND lease IS NOT NULL AND until_ms > ?`,
          consumer,
          topic,
          nowMs,
        ),
        'n',
      ),
    raiseFloor(topic: string, consumer: string) {
      const row = db.get(
        `SELECT min(m.place) AS place FROM topic_message m LEFT JOIN topic_delivery d ON d.consumer = ? AND d.place = m.place
         WHERE m.topic = ? AND m.place > ? AND coalesce(d.done, 0) = 0`,
        consumer,
        topic,
        floorOf(topic, consumer),
      )
      const newest = number(db.get('SELECT max(place) AS place FROM topic_message WHERE topic = ?', topic), 'place')
      const floor = row?.['place'] == null ? newest : number(row, 'place') - 1
      db.run('UPDATE topic_consumer SET floor = max(floor, ?) WHERE topic = ? AND consumer = ?', floor, topic, consumer)
      db.run('DELETE FROM topic_delivery WHERE consumer = ? AND topic = ? AND place <= ?', consumer, topic, floor)
    },
    /** Drops what every consumer is done with. Without consumers nobody is. */
    dropDone(topic: string) {
      const floor = number(db.get('SELECT min(floor) AS floor FROM topic_consumer WHERE topic = ?', topic), 'floor')
      db.run('DELETE FROM topic_message WHERE topic = ? AND place <= ?', topic, floor)
    },
  }
}

function deadOf(row: Row): DeadMessage {
  const topic = String(row['topic'])
  if (!isTopic(topic)) throw new RouterError('STORE_FAILED', 'Cannot read a dead message: its topic is unknown')
  return {
    topic,
    consumer: String(row['consumer']),
    code: String(row['code']) as Code,
    message: row['message'] as Uint8Array,
    atMs: Number(row['at_ms']),
  }
}
