// Every write of the queue on JetStream, failed and failed but persisted.
import { utf8 } from '@mystranet/sdk/bytes'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { describe, expect, it } from 'vitest'
import { testBroker } from './nats-broker-fixture.ts'
import { natsPacketQueue } from './nats-queue.ts'
import { DELIVER, ENDED, PARTS } from './nats-streams.ts'

const id = (name: string) => Buffer.from(name.padEnd(32, '.')).toString('hex')
const A = id('agent a')
const LEASE_MS = 2_000
const item = (name: string, agent = A) => ({ packet: id(name), attempt: 1, agent, bytes: utf8(`delivery ${name}`) })

const { connect } = testBroker([DELIVER, PARTS, ENDED])

type Outcome = 'failed' | 'failed but persisted'
const OUTCOMES: readonly Outcome[] = ['failed', 'failed but persisted']
type Queue = Awaited<ReturnType<typeof natsPacketQueue>>

/** A connection whose request or pull number `at` from now on fails: before it was made, or after the broker did it. */
function failing(nc: NatsConnection) {
  let left = Number.POSITIVE_INFINITY
  let outcome: Outcome = 'failed'
  const proxy = new Proxy(nc, {
    get(target, name) {
      // A pull is a publication whose answers come to an inbox.
      if (name === 'publish') {
        return (...args: Parameters<NatsConnection['publish']>) => {
          const [subject, , options] = args
          if (!subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.')) return target.publish(...args)
          left -= 1
          if (left !== -1) return target.publish(...args)
          if (outcome === 'failed but persisted') {
            // The broker gives to whoever listens, and here nobody reads it.
            target.subscribe(options?.reply as string)
            target.publish(...args)
          }
          throw new Error('the broker failed')
        }
      }
      if (name !== 'request') {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
      return async (...args: Parameters<NatsConnection['request']>) => {
        left -= 1
        if (left !== -1) return target.request(...args)
        if (outcome === 'failed but persisted') await target.request(...args)
        throw new Error('the broker failed')
      }
    },
  })
  const arm = (at: number, how: Outcome) => {
    left = at
    outcome = how
  }
  return { nc: proxy, arm, hasStruck: () => left < 0, disarm: () => (left = Number.POSITIVE_INFINITY) }
}

describe('a broker that fails at any step of a write', () => {
  const publish = (queue: Queue, name: string) => queue.publish(item(name), Date.now())
  const lease = async (queue: Queue) => (await queue.lease(A, 9, Date.now(), LEASE_MS)).map(({ packet }) => packet)
  const writes = {
    publish: {
      before: async () => undefined,
      act: publish,
      // Once, however often it was asked for.
      async isRight(queue: Queue, name: string) {
        expect([await lease(queue), await lease(queue)]).toEqual([[id(name)], []])
        await queue.finish(id(name), 1)
      },
    },
    finish: {
      async before(queue: Queue, name: string) {
        await publish(queue, name)
        await lease(queue)
      },
      act: (queue: Queue, name: string) => queue.finish(id(name), 1),
      async isRight(queue: Queue, name: string) {
        await publish(queue, name)
        expect([await lease(queue), await queue.depth(Date.now(), A)]).toEqual([[], { waiting: 0, leased: 0 }])
      },
    },
    cancel: {
      before: publish,
      act: (queue: Queue, name: string) => queue.cancel(id(name)),
      async isRight(queue: Queue, name: string) {
        await publish(queue, name)
        expect([await lease(queue), await queue.depth(Date.now(), A)]).toEqual([[], { waiting: 0, leased: 0 }])
      },
    },
  }

  for (const outcome of OUTCOMES) {
    it.each(Object.entries(writes))(
      `%s, ${outcome}: says STORE_FAILED, and asked again it is done once`,
      async (_, write) => {
        const { nc, arm, hasStruck, disarm } = failing(await connect())
        const queue = await natsPacketQueue(nc, { limit: 1_000 })
        let struck = 0
        for (let at = 0; ; at += 1) {
          const name = `step ${at}`
          await write.before(queue, name)
          arm(at, outcome)
          const heard = await write.act(queue, name).then(
            () => undefined,
            (error: unknown) => error,
          )
          const isOver = !hasStruck()
          disarm()
          if (!isOver) {
            struck += 1
            expect(heard).toMatchObject({ code: 'STORE_FAILED' })
            await write.act(queue, name)
          }
          await write.isRight(queue, name)
          if (isOver) break
        }
        // Each request of the write was the one that failed.
        expect(struck).toBeGreaterThanOrEqual(3)
      },
      60_000,
    )
  }
})

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe.each(OUTCOMES)('a packet that is out when the broker fails (%s)', (outcome) => {
  const open = async () => {
    const { nc, arm, hasStruck, disarm } = failing(await connect())
    return { queue: await natsPacketQueue(nc, { limit: 1_000 }), arm, hasStruck, disarm }
  }
  /** All of them come again, each once, with these numbers of delivery; then they end. */
  const comeAgain = async (queue: Queue, names: readonly string[], delivery: number, agent = A) => {
    const seen: [string, number][] = []
    const held: string[] = []
    const look = async () => {
      for (const lease of held) await queue.extend(lease, Date.now(), LEASE_MS)
      for (const { packet, delivery, lease } of await queue.lease(agent, 9, Date.now(), LEASE_MS)) {
        seen.push([packet, delivery])
        held.push(lease)
      }
      return seen.length
    }
    await expect.poll(look).toBe(names.length)
    expect(await look()).toBe(names.length)
    expect(seen.sort()).toEqual(names.map((name) => [id(name), delivery]).sort())
    for (const name of names) await queue.finish(id(name), 1)
    expect(await queue.depth(Date.now(), agent)).toEqual({ waiting: 0, leased: 0 })
  }
  const leased = async (queue: Queue, ...names: string[]) => {
    for (const name of names) await queue.publish(item(name), Date.now())
    const given = await queue.lease(A, 9, Date.now(), LEASE_MS)
    expect(given.map(({ packet }) => packet)).toEqual(names.map(id))
    return given.map(({ lease }) => lease)
  }

  it('lease: says STORE_FAILED, and the packet comes once more, at the latest when the lost lease is over', async () => {
    const { queue, arm, hasStruck, disarm } = await open()
    const jsm = await jetstreamManager(await connect())
    const struck: number[] = []
    for (let at = 0; ; at += 1) {
      const [name, agent] = [`step ${at}`, id(`agent ${at}`)]
      await queue.publish(item(name, agent), Date.now())
      // A busy broker gives nothing for a moment after it took something.
      await expect.poll(async () => (await jsm.consumers.info(DELIVER, `agent-${agent}`)).num_pending).toBe(1)
      arm(at, outcome)
      const heard = await failure(queue.lease(agent, 9, Date.now(), LEASE_MS))
      const isOver = !hasStruck()
      disarm()
      if (isOver) break
      expect(heard).toMatchObject({ code: 'STORE_FAILED' })
      struck.push(at)
      // Only the pull hands out.
      await comeAgain(queue, [name], outcome === 'failed but persisted' && at === 2 ? 2 : 1, agent)
    }
    // The length of the lease, asked and set, and the pull.
    expect(struck).toEqual([0, 1, 2])
  })

  it('extend: says STORE_FAILED; the lease is held, and extended when that is asked again', async () => {
    const { queue, arm, disarm } = await open()
    const [lease = ''] = await leased(queue, 'extended')
    arm(0, outcome)
    expect(await failure(queue.extend(lease, Date.now(), LEASE_MS))).toMatchObject({ code: 'STORE_FAILED' })
    disarm()
    expect(await queue.extend(lease, Date.now(), LEASE_MS)).toBe(true)
    expect(await queue.lease(A, 9, Date.now(), LEASE_MS)).toEqual([])
    await comeAgain(queue, ['extended'], 2)
  })

  it('release: says STORE_FAILED; nobody holds the lease any more, and the packet comes once more', async () => {
    const { queue, arm, disarm } = await open()
    const [lease = ''] = await leased(queue, 'released')
    arm(0, outcome)
    expect(await failure(queue.release(lease, Date.now()))).toMatchObject({ code: 'STORE_FAILED' })
    disarm()
    await queue.release(lease, Date.now())
    expect(await queue.extend(lease, Date.now(), LEASE_MS)).toBe(false)
    await comeAgain(queue, ['released'], 2)
  })

  it('releaseAll: says STORE_FAILED at any of them, and all come once more', async () => {
    for (const at of [0, 1]) {
      const { queue, arm, disarm } = await open()
      await leased(queue, 'first', 'second')
      arm(at, outcome)
      expect(await failure(queue.releaseAll(A))).toMatchObject({ code: 'STORE_FAILED' })
      disarm()
      await queue.releaseAll(A)
      await comeAgain(queue, ['first', 'second'], 2)
      for (const name of ['first', 'second']) await queue.forget(id(name))
    }
  })
})
