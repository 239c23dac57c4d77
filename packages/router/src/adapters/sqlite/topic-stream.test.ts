import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RouterError } from '../../errors.ts'
import { MAX_DEAD_MESSAGES, TOPIC_KEEP_MS, TOPIC_KNOWN_MS } from '../../topic/ports.ts'
import type { QueueClock } from '../stores.contract.ts'
import { topicStreamContract } from '../topic-stream.contract.ts'
import { type Database, openDatabase } from './database.ts'
import { sqliteTopicStream } from './topic-stream.ts'

type Break = 'before' | 'after' | undefined

const LIMITS = { messages: 3, bytes: 4_000, inFlight: 2 }
const TOPIC = 'ai.anomalies.v1'

describe('sqlite', () => {
  let dir: string
  let files = 0
  const open: Database[] = []
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'topics-'))
  })
  afterAll(async () => {
    for (const db of open) await db.close()
    await rm(dir, { recursive: true })
  })
  const database = (path: string) => {
    const db = openDatabase(path)
    open.push(db)
    return db
  }

  /** A database whose next write fails, before or after it is durable. */
  const breakable = (db: Database) => {
    let next: Break
    const write = async <T>(operation: () => T): Promise<T> => {
      const when = next
      next = undefined
      if (when !== 'before') {
        const result = await db.write(operation)
        if (when === undefined) return result
      }
      throw new RouterError('STORE_FAILED', 'Cannot write: the disk is gone')
    }
    const breakNext = (when: Break) => {
      next = when
    }
    return { db: { ...db, write }, breakNext }
  }

  topicStreamContract(async () => {
    let nowMs = 1_000_000
    const clock: QueueClock = {
      span: 100,
      nowMs: () => nowMs,
      async pass(spans) {
        nowMs += 100 * spans
      },
    }
    const path = join(dir, `${++files}.sqlite`)
    const { db, breakNext } = breakable(database(path))
    const another = async () => sqliteTopicStream(database(path), LIMITS)
    return { stream: sqliteTopicStream(db, LIMITS), another, clock, breakNext }
  })

  it('forgets messages, ids and nonces when their time is over, and the oldest dead messages beyond so many', async () => {
    const stream = sqliteTopicStream(database(join(dir, 'old.sqlite')), { ...LIMITS, messages: 1, inFlight: 9 })
    await stream.publish(TOPIC, 'a', utf8('a'), 0)
    await expect(stream.publish(TOPIC, 'b', utf8('b'), TOPIC_KEEP_MS)).rejects.toMatchObject({ code: 'TOPIC_FULL' })
    expect(await stream.publish(TOPIC, 'a', utf8('a'), TOPIC_KEEP_MS + 1)).toBe('published')
    await stream.bindNonce('n', 'x', 0)
    expect(await stream.bindNonce('n', 'y', TOPIC_KNOWN_MS)).toBe('replayed')
    expect(await stream.bindNonce('n', 'y', TOPIC_KNOWN_MS + 1)).toBe('fresh')
    const consumers = Array.from({ length: MAX_DEAD_MESSAGES + 2 }, (_, i) => `c${i}`)
    const leased = await Promise.all(consumers.map((consumer) => stream.lease(TOPIC, consumer, 1, 0, 60_000)))
    await Promise.all(leased.map(([each], i) => stream.bury(each?.lease as string, 'REPLAYED', i)))
    const dead = await stream.dead(MAX_DEAD_MESSAGES + 9)
    expect([dead.length, dead.at(-1)?.atMs]).toEqual([MAX_DEAD_MESSAGES, 2])
  })
})
