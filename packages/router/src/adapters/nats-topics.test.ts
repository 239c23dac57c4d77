import { utf8 } from '@mystranet/sdk/bytes'
import { jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, it } from 'vitest'
import { breakableConnection } from './nats-breakable-fixture.ts'
import { testBroker } from './nats-broker-fixture.ts'
import { natsTopicStream, TOPIC_STREAMS, topicStream } from './nats-topics.ts'
import { topicStreamContract } from './topic-stream.contract.ts'

const LIMITS = { messages: 3, bytes: 4_000, inFlight: 2 }
const TOPIC = 'ai.anomalies.v1'

describe('nats', () => {
  const here = testBroker(TOPIC_STREAMS)
  const { connect } = here

  topicStreamContract(async () => {
    const { nc, breakNext } = breakableConnection(await connect())
    return {
      stream: await natsTopicStream(nc, LIMITS),
      another: async () => natsTopicStream(await connect(), LIMITS),
      clock: {
        span: 600,
        nowMs: () => Date.now(),
        pass: (spans) => new Promise((resolve) => setTimeout(resolve, 600 * spans)),
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
    await here.broker.stop('SIGKILL')
    await expect(stream.publish(TOPIC, 'd', utf8('d'), Date.now())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await here.broker.start()
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
