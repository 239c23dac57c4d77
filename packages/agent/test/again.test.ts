import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes } from '@mystranet/sdk/bytes'
import { parsePacket } from '@mystranet/sdk/envelope'
import { describe, expect, it } from 'vitest'
import { sqliteAttempts } from '../src/adapters/sqlite-attempts.ts'
import { sqliteKeys } from '../src/adapters/sqlite-keys.ts'
import type { Fault } from '../src/ports.ts'
import { ENDLESS, HELLO, startedAgent } from './started-agent.ts'

describe('a packet that comes again', () => {
  it('gets its stored answer, to the byte, and runs nothing', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    const first = router.wire.sent.length
    expect(await router.settled(await router.deliver(request))).toBe('finished')
    const again = router.wire.sent.slice(first)
    expect(await router.read(request, again)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    const ids = new Set(router.repliesTo(request).map(({ id }) => Buffer.from(id).toString('hex')))
    expect(ids.size).toBe(3)
    expect(ran()).toBe(1)
  })

  it('under a newer attempt gets its stored answer too', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi', { draft: { retry: { maxAttempts: 3, afterOpen: true } } })
    await router.settled(await router.deliver(request))
    const first = router.wire.sent.length
    await router.settled(await router.deliver(request, { attempt: 2 }))
    expect(await router.read(request, router.wire.sent.slice(first))).toMatchObject({ finish: 'STOP' })
    expect(ran()).toBe(1)
  })

  it('after it has expired still gets its stored answer', async () => {
    const { router, shift, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi', { draft: { lifetimeMs: 1_000 } })
    await router.settled(await router.deliver(request))
    shift(5_000)
    const first = router.wire.sent.length
    expect(await router.settled(await router.deliver(request))).toBe('finished')
    expect(await router.read(request, router.wire.sent.slice(first))).toMatchObject({ finish: 'STOP' })
    expect(ran()).toBe(1)
  })

  it('while it runs, runs once; both leases end together', async () => {
    const { router, ran } = await startedAgent(ENDLESS)
    const request = await router.ask('wait')
    const one = await router.deliver(request)
    await router.until(() => router.framesOf(request).length > 0)
    const two = await router.deliver(request)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(ran()).toBe(1)
    await router.cancel(request)
    expect([await router.settled(one), await router.settled(two)]).toEqual(['finished', 'finished'])
  })

  it('while it runs, under a newer attempt, waits for it and gets its answer', async () => {
    const { router, ran } = await startedAgent({ '*': { pieces: ['one ', { text: 'two', delayMs: 100 }] } })
    const request = await router.ask('wait')
    const one = await router.deliver(request, { leaseMs: 60 })
    await router.until(() => router.framesOf(request).length > 0)
    const two = await router.deliver(request, { attempt: 2 })
    expect(await router.settled(one)).toBe('finished')
    expect(await router.settled(two)).toBe('finished')
    expect(router.sent().some((each) => each.type === 'progress' && each.lease === two)).toBe(true)
    expect(router.repliesTo(request).every(({ core }) => core.attempt === 1)).toBe(true)
    expect(router.finishes(request)).toEqual(['STOP', 'STOP'])
    expect(ran()).toBe(1)
  })

  it('at the same moment runs once', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    const leases = await Promise.all(Array.from({ length: 8 }, () => router.deliver(request)))
    await Promise.all(leases.map((lease) => router.settled(lease)))
    expect(ran()).toBe(1)
    expect(new Set(router.repliesTo(request).map(({ id }) => id.join())).size).toBe(3)
  })

  it('and was refused gets the same NACK, until a newer attempt', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request, { acceptByMs: Date.now() - 60_000 }))
    await router.settled(await router.deliver(request))
    const nacks = router.repliesTo(request, 'NACK')
    expect(nacks).toHaveLength(2)
    expect(nacks[0]?.id).toEqual(nacks[1]?.id)
    await router.settled(await router.deliver(request, { attempt: 2 }))
    expect(await router.read(request)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    expect(router.repliesTo(request, 'ACK')[0]?.core.attempt).toBe(2)
    expect(ran()).toBe(1)
  })

  it('after its engine broke runs again only if it allows that', async () => {
    let runs = 0
    const script = () => ({ pieces: runs++ === 0 ? ['half ', { fault: 'fail' as const, delayMs: 60 }] : ['whole'] })
    const { router } = await startedAgent(script)
    // The canary took the first run: the next is the request's.
    runs = 0
    const strict = await router.ask('strict')
    await router.settled(await router.deliver(strict))
    await router.settled(await router.deliver(strict, { attempt: 2 }))
    expect(router.finishes(strict)).toEqual(['ERROR', 'ERROR'])
    runs = 0
    const eager = await router.ask('eager', { draft: { retry: { maxAttempts: 3, afterOpen: true } } })
    await router.settled(await router.deliver(eager))
    const first = router.wire.sent.length
    await router.settled(await router.deliver(eager, { attempt: 2 }))
    expect(router.finishes(eager)).toEqual(['ERROR', 'STOP'])
    expect(await router.read(eager, router.wire.sent.slice(first))).toMatchObject({ text: 'whole', finish: 'STOP' })
  })
})

describe('after a crash', () => {
  /** The router's side of the link breaks: the agent stops without a word. */
  async function crashed(draft: object = {}) {
    const started = await startedAgent(ENDLESS)
    const { router, agent, engine } = started
    const request = await router.ask('wait', { draft })
    await router.deliver(request)
    await router.until(() => router.framesOf(request).length > 0)
    router.wire.end()
    await agent.ended
    await router.until(() => engine.load().running === 0)
    return { ...started, request }
  }

  it('says nothing while the link is gone, and closes what ran when it is back', async () => {
    const { router, attempts, request, restart, ran } = await crashed()
    expect(router.finishes(request)).toEqual([])
    expect(await attempts.find(request.id)).toMatchObject({ state: 'running' })
    await restart()
    const close = await router.until(() => router.repliesTo(request, 'STREAM_CLOSE')[0])
    expect(router.finishes(request)).toEqual(['ABORTED'])
    expect(close.ciphertext).toBeUndefined()
    expect(close.core.attempt).toBe(1)
    expect([close.core.responseNonce, close.core.contentCommitment]).toEqual([undefined, undefined])
    expect(await attempts.find(request.id)).toMatchObject({ state: 'interrupted' })
    expect(ran()).toBe(1)
  })

  it('gives the same CLOSE to every further delivery, and runs nothing', async () => {
    const { router, request, restart, ran } = await crashed()
    await restart()
    await router.settled(await router.deliver(request))
    await router.settled(await router.deliver(request, { attempt: 2 }))
    const closes = router.repliesTo(request, 'STREAM_CLOSE')
    expect(closes.length).toBeGreaterThanOrEqual(2)
    expect(new Set(closes.map(({ id }) => id.join())).size).toBe(1)
    expect(ran()).toBe(1)
  })

  it('runs again under a newer attempt where the request allows one after an OPEN', async () => {
    const { router, request, restart, ran } = await crashed({ retry: { maxAttempts: 3, afterOpen: true } })
    await restart()
    const lease = await router.deliver(request, { attempt: 2 })
    await router.until(() => router.framesOf(request, router.wire.sent).length > 0)
    await router.cancel(request)
    await router.settled(lease)
    const opens = router.repliesTo(request, 'STREAM_OPEN').filter(({ core }) => core.attempt === 2)
    expect(opens).toHaveLength(1)
    expect(opens[0]?.core.responseNonce).not.toEqual(router.repliesTo(request, 'STREAM_OPEN')[0]?.core.responseNonce)
    expect(ran()).toBe(2)
  })

  it('before an OPEN runs again under a newer attempt', async () => {
    const { router, attempts, ran, restart } = await startedAgent(HELLO)
    attempts.fault = 'write-then-fail'
    attempts.faultOn = 'begin'
    const request = await router.ask('hi')
    expect(await router.settled(await router.deliver(request))).toBe('returned')
    await restart()
    await router.until(() => router.finishes(request)[0] === 'ABORTED')
    await router.settled(await router.deliver(request, { attempt: 2 }))
    expect(await router.read(request)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    expect(ran()).toBe(1)
  })

  it('numbers its packets in a new epoch', async () => {
    const { router, request, restart } = await crashed()
    const before = router.repliesTo(request, 'STREAM_OPEN')[0]?.core.epoch as bigint
    await restart()
    const close = await router.until(() => router.repliesTo(request, 'STREAM_CLOSE')[0])
    expect(close.core.epoch).toBeGreaterThan(before)
    expect(
      equalBytes(close.core.senderKey, router.repliesTo(request, 'STREAM_OPEN')[0]?.core.senderKey as Uint8Array),
    ).toBe(true)
  })

  it('finds on the disk what it had answered', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weave-again-'))
    const open = () => ({ attempts: sqliteAttempts(join(folder, 'a.db')), keys: sqliteKeys(join(folder, 'k.db')) })
    const stores = open()
    const { router, agent, ran, engine, clock } = await startedAgent(HELLO, stores)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    await agent.drain()
    await agent.ended
    await Promise.all([stores.attempts.close(), stores.keys.close()])
    const reopened = open()
    const { startAgent } = await import('../src/agent.ts')
    const next = await startAgent({ engine, trust: router.trust, clock, ...reopened }, router.connect().link)
    await next.ready
    expect(next.instance).toEqual(agent.instance)
    await router.settled(await router.deliver(request))
    expect(await router.read(request, router.wire.sent)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    expect(ran()).toBe(1)
    await next.drain()
    await next.ended
    await Promise.all([reopened.attempts.close(), reopened.keys.close()])
    rmSync(folder, { recursive: true })
  })
})

describe('a write', () => {
  const WRITES: readonly [string, Fault][] = ['begin', 'open', 'finish'].flatMap((name) => [
    [name, 'fail'] as [string, Fault],
    [name, 'write-then-fail'] as [string, Fault],
  ])

  it.each(WRITES)('"%s" that ends in "%s" sends nothing of it, and never gives two answers', async (name, fault) => {
    const { router, attempts, ran } = await startedAgent(HELLO)
    attempts.fault = fault
    attempts.faultOn = name
    const request = await router.ask('hi')
    expect(await router.settled(await router.deliver(request))).toBe('returned')
    const kinds = router.repliesTo(request).map(({ kind }) => kind)
    const before = { begin: [], open: ['ACK'], finish: ['ACK', 'STREAM_OPEN'] }[name]
    expect(kinds).toEqual(before)
    const runsBefore = ran()
    expect(await router.settled(await router.deliver(request))).toBe('finished')
    if (name === 'begin' && fault === 'fail') {
      expect(await router.read(request)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    } else if (name === 'finish' && fault === 'write-then-fail') {
      expect(router.finishes(request)).toEqual(['STOP'])
      expect(ran()).toBe(runsBefore)
    } else {
      expect(router.finishes(request)).toEqual(['ABORTED'])
      expect(ran()).toBe(runsBefore)
    }
    const ids = (kind: 'ACK' | 'STREAM_OPEN' | 'STREAM_CLOSE') =>
      new Set(router.repliesTo(request, kind).map(({ id }) => id.join()))
    expect(ids('ACK').size).toBeLessThanOrEqual(1)
    expect(ids('STREAM_OPEN').size).toBeLessThanOrEqual(1)
    expect(ids('STREAM_CLOSE').size).toBe(1)
    expect(ran()).toBeLessThanOrEqual(1)
  })

  it.each(['fail', 'write-then-fail'] as const)(
    '"refuse" that ends in "%s" sends no NACK; the next delivery does, one',
    async (fault) => {
      const { router, attempts } = await startedAgent(HELLO)
      attempts.fault = fault
      attempts.faultOn = 'refuse'
      const request = await router.ask('hi', { chat: { responseSchema: '{}' } })
      expect(await router.settled(await router.deliver(request))).toBe('returned')
      expect(router.repliesTo(request, 'NACK')).toEqual([])
      await router.settled(await router.deliver(request))
      // The attempt was recorded before the refusal: without the NACK it counts as interrupted.
      const last = router.repliesTo(request).at(-1)
      expect(last?.kind).toBe(fault === 'fail' ? 'STREAM_CLOSE' : 'NACK')
    },
  )

  it.each(['fail', 'write-then-fail'] as const)(
    '"checkpoint" that ends in "%s" does not stop the stream',
    async (fault) => {
      const pieces = Array.from({ length: 70 }, () => 'x'.repeat(20_400))
      const { router, attempts } = await startedAgent({ '*': { pieces } })
      attempts.fault = fault
      attempts.faultOn = 'checkpoint'
      const request = await router.ask('hi')
      expect(await router.settled(await router.deliver(request))).toBe('finished')
      expect(attempts.fault).toBe('none')
      expect(await router.read(request)).toMatchObject({ finish: 'STOP' })
    },
  )

  it.each(['fail', 'write-then-fail'] as const)('"bury" that ends in "%s" still stops what runs', async (fault) => {
    const { router, attempts } = await startedAgent(ENDLESS)
    const request = await router.ask('wait')
    const lease = await router.deliver(request)
    await router.until(() => router.framesOf(request).length > 0)
    attempts.fault = fault
    attempts.faultOn = 'bury'
    await router.cancel(request)
    expect(await router.settled(lease)).toBe('finished')
    expect(router.finishes(request)).toEqual(['CANCELLED'])
  })
})

describe('the order of a record', () => {
  it('is: durable, then ACK', async () => {
    const { router, attempts } = await startedAgent(HELLO)
    const { begin, open, finish } = attempts
    const seen: string[] = []
    const kindsNow = () =>
      router.wire.sent.flatMap((each) => (each.type === 'reply' ? [parsePacket(each.packet).kind] : []))
    attempts.begin = async (start) => {
      seen.push(`begin after ${kindsNow().join()}`)
      return begin.call(attempts, start)
    }
    attempts.open = async (reply) => {
      seen.push(`open after ${kindsNow().join()}`)
      return open.call(attempts, reply)
    }
    attempts.finish = async (end) => {
      seen.push(`finish after ${kindsNow().join()}`)
      return finish.call(attempts, end)
    }
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    expect(seen).toEqual(['begin after ', 'open after ACK', 'finish after ACK,STREAM_OPEN'])
  })
})
