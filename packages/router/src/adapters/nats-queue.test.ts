import { utf8 } from '@mystranet/sdk/bytes'
import { jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, it } from 'vitest'
import type { PacketQueue } from '../ports.ts'
import { testBroker } from './nats-broker-fixture.ts'
import { connectNats } from './nats-connection.ts'
import { natsPacketQueue } from './nats-queue.ts'
import { DELIVER, ENDED, PARTS } from './nats-streams.ts'
import { queueContract } from './stores.contract.ts'

const id = (name: string) => Buffer.from(name.padEnd(32, '.')).toString('hex')
const A = id('agent a')
const LEASE_MS = 2_000
const item = (name: string, bytes = utf8(`delivery ${name}`)) => ({ packet: id(name), attempt: 1, agent: A, bytes })

const here = testBroker([DELIVER, PARTS, ENDED])
const { connect } = here

/** A busy broker may give nothing for a moment after it took something; the router asks again with its next tick. */
const patient = (queue: PacketQueue): PacketQueue => ({
  ...queue,
  async lease(...args) {
    let leased = await queue.lease(...args)
    for (let tries = 0; tries < 5 && leased.length === 0; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      leased = await queue.lease(...args)
    }
    return leased
  },
})

describe('nats', () =>
  queueContract(async () => ({
    queue: patient(await natsPacketQueue(await connect(), { limit: 3 })),
    clock: {
      span: 800,
      nowMs: () => Date.now(),
      pass: (spans) => new Promise((resolve) => setTimeout(resolve, 800 * spans)),
    },
  })))

describe('the queue on JetStream', () => {
  const open = async (options: { maxBytes?: number } = {}) =>
    natsPacketQueue(await connect(), { limit: 1_000, ...options })
  const lease = (queue: Awaited<ReturnType<typeof open>>, count = 9) => queue.lease(A, count, Date.now(), LEASE_MS)

  it('keeps everything over a restart of this process: leases of the one before are called in', async () => {
    const first = await open()
    for (const name of ['a', 'b', 'c']) await first.publish(item(name), Date.now())
    await first.lease(A, 1, Date.now(), 60_000)
    await first.finish(id('c'), 1)
    const second = await open()
    expect(await second.cancel(id('a'))).toBe('delivered')
    await second.publish(item('c'), Date.now())
    expect(await second.depth(Date.now(), A)).toEqual({ waiting: 2, leased: 0 })
    expect(await second.releaseAll(A)).toBe(1)
    const again = await second.lease(A, 9, Date.now(), 60_000)
    expect(again.map(({ packet, delivery }) => [packet, delivery]).sort()).toEqual(
      [
        [id('a'), 2],
        [id('b'), 1],
      ].sort(),
    )
    // The lease that it gives is as long as it says.
    expect(await lease(second)).toEqual([])
  })

  it('does what it was asked while the broker was away, once it is back', async () => {
    const queue = await open()
    await here.broker.stop('SIGKILL')
    // The connection notices.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const asked = queue.publish(item('asked meanwhile'), Date.now())
    await here.broker.start()
    const beganMs = Date.now()
    await asked
    expect(Date.now() - beganMs).toBeLessThan(4_000)
    expect((await lease(queue)).map(({ packet }) => packet)).toEqual([id('asked meanwhile')])
  })

  it('ends a packet whose delivery the broker has forgotten, and holds up nothing', async () => {
    const queue = await open()
    await queue.publish(item('a'), Date.now())
    const [given] = await lease(queue)
    expect(given?.packet).toBe(id('a'))
    // As after a kill that kept the message and lost what was known of its delivery: no acknowledgement is answered.
    const jsm = await jetstreamManager(await connect())
    const { config } = await jsm.consumers.info(DELIVER, `agent-${A}`)
    await jsm.consumers.delete(DELIVER, `agent-${A}`)
    await jsm.consumers.add(DELIVER, config)
    const beganMs = Date.now()
    await queue.finish(id('a'), 1)
    expect(Date.now() - beganMs).toBeLessThan(2_000)
    expect(await lease(queue)).toEqual([])
    expect(await queue.depth(Date.now(), A)).toEqual({ waiting: 0, leased: 0 })
  })

  it('keeps what waits, what is out and what ended over a kill of the broker', async () => {
    const queue = await open()
    for (const name of ['a', 'b', 'c']) await queue.publish(item(name), Date.now())
    const [out] = await queue.lease(A, 1, Date.now(), LEASE_MS)
    await queue.finish(id('c'), 1)
    await here.broker.stop('SIGKILL')
    await expect(queue.publish(item('d'), Date.now())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await here.broker.start()
    await expect.poll(() => queue.depth(Date.now(), A).catch(() => undefined), { timeout: 10_000 }).toBeDefined()
    await queue.publish(item('d'), Date.now())
    await queue.publish(item('c'), Date.now())
    const seen = new Map<string, number>()
    await expect
      .poll(
        async () => {
          for (const { packet, delivery } of await lease(queue)) seen.set(packet, delivery)
          return seen.size
        },
        { timeout: 10_000 },
      )
      .toBe(3)
    expect([...seen.keys()].sort()).toEqual([id('a'), id('b'), id('d')].sort())
    expect(seen.get(out?.packet as string)).toBeGreaterThan(1)
  }, 40_000)

  it('carries packets that are larger than a message of the broker', async () => {
    const queue = await open()
    const large = new Uint8Array(8 * 1024 * 1024 + 300_000).map((_, at) => (at * 31) >> 3)
    await queue.publish(item('large', large), Date.now())
    const [first] = await lease(queue)
    expect(Buffer.compare(first?.bytes as Uint8Array, large)).toBe(0)
    await queue.finish(id('large'), 1)
    const { state } = await (await jetstreamManager(await connect())).streams.info(PARTS)
    expect(state.messages).toBe(0)
  })

  it('says QUEUE_FULL when the broker has no room, loses nothing, and takes more once there is', async () => {
    const queue = await open({ maxBytes: 64 * 1024 })
    const names: string[] = []
    let code: unknown
    for (let i = 0; code === undefined && i < 100; i++) {
      code = await queue.publish(item(`p${i}`, new Uint8Array(4_000)), Date.now()).then(
        () => void names.push(id(`p${i}`)),
        (error: { code: unknown }) => error.code,
      )
    }
    expect(code).toBe('QUEUE_FULL')
    expect(names.length).toBeGreaterThan(5)
    const out = await lease(queue, 100)
    expect(out.map(({ packet }) => packet)).toEqual(names)
    await queue.finish(names[0] as string, 1)
    await queue.publish(item('more', new Uint8Array(3_000)), Date.now())
  })

  it('refuses to run against a stream that is another one', async () => {
    const jsm = await jetstreamManager(await connect())
    await jsm.streams.add({ name: DELIVER, subjects: ['weave.deliver.>'], max_msgs: 5 })
    await expect(open()).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(DELIVER) })
  })

  it('says so when nobody answers there', async () => {
    await expect(connectNats('nats://127.0.0.1:1', 'test')).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })
})
