import { encode, KeyChain } from '@mystranet/schemas/messages'
import { cancelCore, createSequence, signBodiless } from '@mystranet/sdk/packet'
import { describe, expect, it, vi } from 'vitest'
import { ENDLESS, HELLO, startedAgent } from './started-agent.ts'

const logged = (started: Awaited<ReturnType<typeof startedAgent>>, text: string) =>
  started.router.until(() => started.router.sent().find((each) => each.type === 'log' && each.line.includes(text)))

async function running(started: Awaited<ReturnType<typeof startedAgent>>) {
  const request = await started.router.ask('wait')
  const lease = await started.router.deliver(request)
  await started.router.until(() => started.router.framesOf(request).length > 0)
  return { request, lease }
}

describe('a CANCEL', () => {
  // The best of three: a busy machine may stand still for a moment.
  it('stops the engine within 250 ms, and the answer says so', { retry: 2 }, async () => {
    const started = await startedAgent(ENDLESS)
    const { router, journal, engine } = started
    const { request, lease } = await running(started)
    const before = performance.now()
    await router.cancel(request)
    await router.until(() => journal().some((line) => line.endsWith('cancelled')))
    expect(performance.now() - before).toBeLessThan(250)
    expect(await router.settled(lease)).toBe('finished')
    expect(await router.read(request)).toMatchObject({ finish: 'CANCELLED', error: 'CANCELLED' })
    expect(engine.load()).toEqual({ running: 0, queued: 0 })
  })

  it('says why, if its sender did', async () => {
    const started = await startedAgent(ENDLESS)
    const { request, lease } = await running(started)
    await started.router.cancel(request, started.router.alice, 34)
    await started.router.settled(lease)
    expect(await started.router.read(request)).toMatchObject({ finish: 'CANCELLED', error: 'RATE_LIMITED' })
  })

  it('of somebody else stops nothing', async () => {
    const started = await startedAgent(ENDLESS)
    const { request, lease } = await running(started)
    await started.router.cancel(request, await started.router.client('mallory'))
    await logged(started, 'NOT_PERMITTED')
    expect(started.engine.load().running).toBe(1)
    await started.router.cancel(request)
    await started.router.settled(lease)
  })

  it.each([
    ['signed by another key', 'SIGNATURE_INVALID', 'signature'],
    ['with a key that was revoked', 'KEY_REVOKED', 'revoked'],
    ['with keys of another instance', 'KEY_EVENT_INVALID', 'keys'],
    ['of another network', 'NETWORK_MISMATCH', 'network'],
    ['that is an ACK', 'FIELD_INVALID', 'kind'],
  ])('%s stops nothing: %s', async (_, code, fault) => {
    const started = await startedAgent(ENDLESS)
    const { router, clock } = started
    const { alice } = router
    const mallory = await router.client('mallory')
    const { request, lease } = await running(started)
    if (fault === 'revoked') await alice.revoke()
    const place = createSequence(clock.now()).next()
    const draft = { request, sender: alice.instance, senderKey: alice.key.publicKey, place, nowMs: clock.now() }
    const core = cancelCore(draft)
    const twisted = {
      ...core,
      ...(fault === 'network' && { network: new Uint8Array(32).fill(4) }),
      ...(fault === 'kind' && { kind: 4, code: 1, attempt: 1, targetTag: undefined, targetInstance: alice.instance }),
    }
    const { bytes } = await signBodiless(twisted, fault === 'signature' ? mallory.key : alice.key)
    const events = (fault === 'keys' ? mallory : alice).chain
    router.wire.push({ type: 'cancel', packet: bytes, senderKeys: encode(KeyChain, { events }) })
    await logged(started, code)
    expect(started.engine.load().running).toBe(1)
    router.wire.push({ type: 'abandon', request: request.id })
    await router.settled(lease)
  })

  it('that comes first keeps its request from running', async () => {
    const { router, attempts, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.cancel(request)
    await vi.waitUntil(() => attempts.tombstone(request.id))
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('CANCELLED')
    expect(ran()).toBe(0)
  })

  it('that comes first, of somebody else, keeps nothing from running', async () => {
    const { router, attempts, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.cancel(request, await router.client('mallory'))
    await vi.waitUntil(() => attempts.tombstone(request.id))
    await router.settled(await router.deliver(request))
    expect(await router.read(request)).toMatchObject({ finish: 'STOP' })
    expect(ran()).toBe(1)
  })

  it('of somebody else, for what does not run any more, is not even remembered', async () => {
    const started = await startedAgent(HELLO)
    const { router, attempts } = started
    const request = await router.ask('hi', { chat: { responseSchema: '{}' } })
    await router.settled(await router.deliver(request))
    await router.cancel(request, await router.client('mallory'))
    await logged(started, 'NOT_PERMITTED')
    expect(await attempts.tombstone(request.id)).toBeUndefined()
  })

  it('of what is finished changes nothing', async () => {
    const { router, attempts } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    await router.cancel(request)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(router.finishes(request)).toEqual(['STOP'])
    expect(await attempts.tombstone(request.id)).toBeUndefined()
  })

  it('reaches one that waits for its turn', async () => {
    const started = await startedAgent(ENDLESS, { slots: 1 })
    const { router, engine } = started
    const { request: first, lease: firstLease } = await running(started)
    const second = await router.ask('second')
    const lease = await router.deliver(second)
    await router.until(() => engine.load().queued === 1)
    await router.cancel(second)
    expect(await router.settled(lease)).toBe('finished')
    expect(router.finishes(second)).toEqual(['CANCELLED'])
    expect(started.ran()).toBe(1)
    await router.cancel(first)
    await router.settled(firstLease)
  })
})

describe('an abandoned answer', () => {
  it('stops the engine', async () => {
    const started = await startedAgent(ENDLESS)
    const { request, lease } = await running(started)
    started.router.wire.push({ type: 'abandon', request: request.id })
    expect(await started.router.settled(lease)).toBe('finished')
    expect(await started.router.read(request)).toMatchObject({ finish: 'CANCELLED' })
    expect(started.engine.load().running).toBe(0)
  })
})

describe('draining', () => {
  it('finishes what runs, hands back what comes, then leaves', async () => {
    const started = await startedAgent({ '*': { pieces: ['one ', { text: 'two', delayMs: 150 }] } })
    const { router, agent } = started
    const { request, lease } = await running(started)
    router.wire.push({ type: 'drain' })
    const late = await router.ask('late')
    expect(await router.settled(await router.deliver(late))).toBe('returned')
    expect(router.repliesTo(late)).toEqual([])
    expect(router.wire.sent.some((each) => each.type === 'presence' && each.draining)).toBe(true)
    expect(await router.settled(lease)).toBe('finished')
    await agent.ended
    expect(await router.read(request)).toMatchObject({ text: 'one two', finish: 'STOP' })
  })

  it('leaves at once when nothing runs', async () => {
    const { agent } = await startedAgent(HELLO)
    await agent.drain()
    await agent.ended
  })
})
