import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../../../scripts/broker/server.ts'
import { type Break, breakableConnection } from '../../test/breakable-connection.ts'
import { RouterError } from '../errors.ts'
import { MAX_DEAD_MESSAGES, TOPIC_KEEP_MS, TOPIC_KNOWN_MS } from '../topic/ports.ts'
import { connectNats } from './nats-connection.ts'
import { natsTopicStream, TOPIC_STREAMS, topicStream } from './nats-topics.ts'
import { type Database, openDatabase } from './sqlite/database.ts'
import { sqliteTopicStream } from './sqlite/topic-stream.ts'
import type { QueueClock } from './stores.contract.ts'
import { topicStreamContract } from './topic-stream.contract.ts'

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

describe('nats', () => {
  let broker: Broker
  const connections: NatsConnection[] = []
  const connect = async () => {
    const nc = await connectNats(broker.url, 'test')
    connections.push(nc)
    return nc
  }
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.remove())
  beforeEach(async () => {
    const jsm = await jetstreamManager(await connect())
    for (const name of TOPIC_STREAMS) {
      // A stream that was deleted gives its messages to the next one of its name, if that comes at once.
      await jsm.streams.purge(name).catch(() => {})
      await jsm.streams.delete(name).catch(() => {})
    }
  })
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((nc) => nc.close()))
  })

  topicStreamContract(async () => {
    const { nc, breakNext } = breakableConnection(await connect())
    return {
      stream: await natsTopicStream(nc, LIMITS),
      another: async () => natsTopicStream(await connect(), LIMITS),
      clock: {
        span: 400,
        nowMs: () => Date.now(),
        pass: (spans) => new Promise((resolve) => setTimeout(resolve, 400 * spans)),
      },
      breakNext,
    }
  })

  it('keeps what waits, what is out and what is known over a kill of the broker', async () => {
    const stream = await natsTopicStream(await connect(), { messages: 9, bytes: 1e6, inFlight: 9 })
    for (const name of ['a', 'b', 'c']) await stream.publish(TOPIC, name, utf8(name), Date.now())
    const [first, out] = await stream.lease(TOPIC, 'log', 2, Date.now(), 2_000)
    await stream.acknowledge(first?.lease as string, Date.now())
    await stream.bindNonce('n', 'x', Date.now())
    await broker.stop('SIGKILL')
    await expect(stream.publish(TOPIC, 'd', utf8('d'), Date.now())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await broker.start()
    const again = () => stream.publish(TOPIC, 'd', utf8('d'), Date.now()).catch(() => undefined)
    await expect.poll(again, { timeout: 10_000 }).toBeDefined()
    expect(await stream.publish(TOPIC, 'a', utf8('a'), Date.now())).toBe('known')
    expect(await stream.bindNonce('n', 'y', Date.now())).toBe('replayed')
    const seen = new Map<string, number>()
    const drain = async () => {
      for (const { message, delivery } of await stream.lease(TOPIC, 'log', 9, Date.now(), 2_000)) {
        seen.set(new TextDecoder().decode(message), delivery)
      }
      return [...seen.keys()].sort()
    }
    await expect.poll(drain, { timeout: 10_000 }).toEqual(expect.arrayContaining(['b', 'c', 'd']))
    expect(out?.delivery).toBe(1)
    // Acknowledgements may be lost with it.
    expect([...seen.keys()].filter((name) => !'abcd'.includes(name))).toEqual([])
    expect(seen.get('b')).toBeGreaterThan(1)
  }, 40_000)

  it('refuses a message that the broker would not carry, before it is sent', async () => {
    const stream = await natsTopicStream(await connect(), { messages: 9, bytes: 1e7, inFlight: 9 })
    await expect(stream.publish(TOPIC, 'a', new Uint8Array(1024 * 1024), Date.now())).rejects.toMatchObject({
      code: 'PACKET_TOO_LARGE',
    })
    expect(await stream.publish(TOPIC, 'b', new Uint8Array(656 * 1024), Date.now())).toBe('published')
  })

  it('stands under the names that others know, and refuses to run against a stream that is another one', async () => {
    await natsTopicStream(await connect(), LIMITS)
    const jsm = await jetstreamManager(await connect())
    expect((await jsm.streams.info('AI_ANOMALIES_V1')).config.subjects).toEqual(['ai.anomalies.v1'])
    await jsm.streams.delete(topicStream(TOPIC))
    await jsm.streams.add({ name: topicStream(TOPIC), subjects: [TOPIC], max_msgs: 5 })
    await expect(natsTopicStream(await connect(), LIMITS)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('AI_ANOMALIES_V1'),
    })
  })
})
