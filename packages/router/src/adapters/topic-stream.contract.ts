/** What every stream of topics does, whatever keeps it. */
import { utf8 } from '@mystranet/sdk/bytes'
import { describe, expect, it } from 'vitest'
import { TOPIC_KNOWN_MS, type TopicStream } from '../topic/ports.ts'
import type { QueueClock } from './stores.contract.ts'

const TOPIC = 'ai.anomalies.v1'

export interface TopicsUnderTest {
  readonly stream: TopicStream
  /** Another process on the same store. */
  another(): Promise<TopicStream>
  readonly clock: QueueClock
  /** Breaks the next write: before it happens, or after, so that only its result is lost. */
  breakNext(when: 'before' | 'after'): void
}

/** @param open A fresh, empty stream that keeps 3 messages a topic, 4,000 bytes, and has 2 in flight. */
export function topicStreamContract(open: () => Promise<TopicsUnderTest>): void {
  describe('TopicStream', () => {
    const begin = async () => {
      const world = await open()
      const { stream, clock } = world
      return {
        ...world,
        publish: (name: string, topic: typeof TOPIC | 'control.commits.v1' = TOPIC) =>
          stream.publish(topic, `producer.${name}`, utf8(`message ${name}`), clock.nowMs()),
        lease: (count = 9, consumer = 'log', from = stream) =>
          from.lease(TOPIC, consumer, count, clock.nowMs(), clock.span),
        acknowledge: (lease: string | undefined) => stream.acknowledge(lease ?? 'none', clock.nowMs()),
      }
    }
    const textOf = ({ message }: { readonly message: Uint8Array }) => new TextDecoder().decode(message)

    it('gives each consumer every message of its topic, once while a lease lasts, oldest first', async () => {
      const { publish, lease, acknowledge, clock } = await begin()
      const before = clock.nowMs()
      expect(await publish('a')).toBe('published')
      await publish('b')
      await publish('other', 'control.commits.v1')
      const [first] = await lease(1)
      expect(first).toMatchObject({ topic: TOPIC, delivery: 1, message: utf8('message a') })
      expect(Math.abs((first?.takenMs ?? 0) - before)).toBeLessThan(5_000)
      expect((await lease()).map(textOf)).toEqual(['message b'])
      expect(await lease()).toEqual([])
      expect((await lease(9, 'second')).map(textOf)).toEqual(['message a', 'message b'])
      expect(await acknowledge(first?.lease)).toBe(true)
      expect(await acknowledge(first?.lease)).toBe(false)
    })

    it('publishes an id once, while it is kept and after every consumer is done with it', async () => {
      const { publish, lease, acknowledge } = await begin()
      expect(await publish('a')).toBe('published')
      expect(await publish('a')).toBe('known')
      expect(await publish('a', 'control.commits.v1')).toBe('published')
      const [only, ...more] = await lease()
      expect(more).toEqual([])
      await acknowledge(only?.lease)
      expect(await publish('a')).toBe('known')
      expect(await lease()).toEqual([])
    })

    it('delivers again what was not acknowledged, and takes no word of a lease that ran out', async () => {
      const { publish, lease, acknowledge, stream, clock } = await begin()
      await publish('a')
      const [first] = await lease()
      await clock.pass(1.5)
      expect(await acknowledge(first?.lease)).toBe(false)
      expect(await stream.bury(first?.lease ?? '', 'FIELD_INVALID', clock.nowMs())).toBe(false)
      const [second] = await lease()
      expect(second).toMatchObject({ delivery: 2, message: first?.message, takenMs: first?.takenMs })
      await stream.release(first?.lease ?? '', 0, clock.nowMs())
      expect(await lease()).toEqual([])
      expect(await acknowledge(second?.lease)).toBe(true)
      await clock.pass(1.5)
      expect(await lease()).toEqual([])
      expect(await stream.dead(9)).toEqual([])
    })

    it('gives back with a pause', async () => {
      const { publish, lease, stream, clock } = await begin()
      await publish('a')
      const [first] = await lease()
      await stream.release(first?.lease ?? '', clock.nowMs() + 2 * clock.span, clock.nowMs())
      await clock.pass(0.5)
      expect(await lease()).toEqual([])
      await clock.pass(2)
      expect((await lease()).map(({ delivery }) => delivery)).toEqual([2])
    })

    it('has only so many in flight to a consumer', async () => {
      const { publish, lease, acknowledge } = await begin()
      for (const name of ['a', 'b', 'c']) await publish(name)
      const [first, second] = await lease()
      expect([first, second].map((each) => each && textOf(each))).toEqual(['message a', 'message b'])
      expect(await lease()).toEqual([])
      await acknowledge(first?.lease)
      expect((await lease()).map(textOf)).toEqual(['message c'])
    })

    it('says TOPIC_FULL beyond its limit, keeps what is there, and takes more once every consumer is done', async () => {
      const { publish, lease, acknowledge } = await begin()
      for (const name of ['a', 'b', 'c']) await publish(name)
      await lease(1, 'slow')
      await expect(publish('d')).rejects.toMatchObject({ code: 'TOPIC_FULL' })
      const [first] = await lease(1)
      await acknowledge(first?.lease)
      await expect(publish('d')).rejects.toMatchObject({ code: 'TOPIC_FULL' })
      expect(await publish('d', 'control.commits.v1')).toBe('published')
      expect(await publish('a')).toBe('known')
    })

    it('makes room by dropping only what every consumer is done with', async () => {
      const { publish, lease, acknowledge } = await begin()
      for (const name of ['a', 'b', 'c']) await publish(name)
      const [first, second] = await lease(2)
      await acknowledge(second?.lease)
      // The oldest is still out.
      await expect(publish('d')).rejects.toMatchObject({ code: 'TOPIC_FULL' })
      await acknowledge(first?.lease)
      expect(await publish('d')).toBe('published')
      expect((await lease()).map(textOf)).toEqual(['message c', 'message d'])
    })

    it('bounds a topic by its bytes too', async () => {
      const { stream, clock } = await begin()
      const large = (name: string) => stream.publish(TOPIC, name, new Uint8Array(3_000), clock.nowMs())
      await large('a')
      await expect(large('b')).rejects.toMatchObject({ code: 'TOPIC_FULL' })
    })

    it('buries a message for one consumer, once, with its bytes and its reason', async () => {
      const { publish, lease, stream, clock } = await begin()
      for (const name of ['a', 'b']) await publish(name)
      const leased = await lease()
      for (const { lease: each } of leased) {
        expect(await stream.bury(each, 'SIGNATURE_INVALID', clock.nowMs())).toBe(true)
        expect(await stream.bury(each, 'REPLAYED', clock.nowMs())).toBe(false)
      }
      expect(await stream.dead(9)).toEqual(
        ['b', 'a'].map((name) => ({
          topic: TOPIC,
          consumer: 'log',
          code: 'SIGNATURE_INVALID',
          message: utf8(`message ${name}`),
          atMs: expect.any(Number),
        })),
      )
      expect(await stream.dead(1)).toHaveLength(1)
      await clock.pass(1.5)
      expect(await lease()).toEqual([])
      expect(await lease(9, 'second')).toHaveLength(2)
    })

    it('binds a nonce to one holder', async () => {
      const { stream, clock } = await begin()
      const bind = (holder: string) => stream.bindNonce('producer.nonce', holder, clock.nowMs())
      expect([...(await Promise.all([bind('x'), bind('y')]))].sort()).toEqual(['fresh', 'replayed'])
      const holder = (await bind('x')) === 'same' ? 'x' : 'y'
      expect(await bind(holder)).toBe('same')
      expect(await bind('z')).toBe('replayed')
      expect(await stream.bindNonce('producer.other', 'z', clock.nowMs() + TOPIC_KNOWN_MS / 2)).toBe('fresh')
      expect(await stream.bindNonce('producer.nonce', 'z', clock.nowMs())).toBe('replayed')
    })

    it('shows another process the same: what is out, what is done, what is known', async () => {
      const { publish, lease, acknowledge, another, clock } = await begin()
      for (const name of ['a', 'b', 'c']) await publish(name)
      const [first] = await lease(2)
      await acknowledge(first?.lease)
      const next = await another()
      expect(await next.publish(TOPIC, 'producer.a', utf8('message a'), clock.nowMs())).toBe('known')
      expect((await lease(9, 'log', next)).map(textOf)).toEqual(['message c'])
      await clock.pass(1.5)
      expect((await lease(9, 'log', next)).map(textOf).sort()).toEqual(['message b', 'message c'])
    })

    describe.each(['before', 'after'] as const)('a write that fails %s it happened', (when) => {
      it('publishes once when it is done again', async () => {
        const { publish, lease, breakNext } = await begin()
        breakNext(when)
        await expect(publish('a')).rejects.toMatchObject({ code: 'STORE_FAILED' })
        expect(await publish('a')).toBe(when === 'before' ? 'published' : 'known')
        expect((await lease()).map(textOf)).toEqual(['message a'])
      })

      it('delivers again what may not have been acknowledged, or does not', async () => {
        const { publish, lease, acknowledge, clock, breakNext } = await begin()
        await publish('a')
        const [first] = await lease()
        breakNext(when)
        await expect(acknowledge(first?.lease)).rejects.toMatchObject({ code: 'STORE_FAILED' })
        await clock.pass(1.5)
        expect(await lease()).toHaveLength(when === 'before' ? 1 : 0)
      })

      it('buries once', async () => {
        const { publish, lease, stream, clock, breakNext } = await begin()
        await publish('a')
        const [first] = await lease()
        breakNext(when)
        await expect(stream.bury(first?.lease ?? '', 'REPLAYED', clock.nowMs())).rejects.toMatchObject({
          code: 'STORE_FAILED',
        })
        await clock.pass(1.5)
        for (const { lease: each } of await lease()) await stream.bury(each, 'REPLAYED', clock.nowMs())
        expect(await stream.dead(9)).toHaveLength(1)
        await clock.pass(1.5)
        expect(await lease()).toEqual([])
      })

      it('binds a nonce to whom it was bound', async () => {
        const { stream, clock, breakNext } = await begin()
        breakNext(when)
        await expect(stream.bindNonce('n', 'x', clock.nowMs())).rejects.toMatchObject({ code: 'STORE_FAILED' })
        expect(await stream.bindNonce('n', 'x', clock.nowMs())).toBe(when === 'before' ? 'fresh' : 'same')
      })
    })
  })
}
