import { equalBytes } from '@mystranet/sdk/bytes'
import { parsePacket } from '@mystranet/sdk/envelope'
import { describe, expect, it } from 'vitest'
import { ENDLESS, HELLO, startedAgent } from './started-agent.ts'

describe('an answer', () => {
  it('comes whole, with ACK, OPEN, frames and CLOSE in this order, and ends the lease', async () => {
    const { router } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    expect(await router.settled(await router.deliver(request))).toBe('finished')
    expect(await router.read(request)).toMatchObject({
      text: 'Hello there.',
      finish: 'STOP',
      usage: { promptTokens: 1, completionTokens: 4 },
    })
    const order = router.sent().flatMap((message) => {
      if (message.type === 'reply') return [parsePacket(message.packet).kind]
      return ['frame', 'finished'].includes(message.type) ? [message.type] : []
    })
    expect(order.filter((name, i) => name !== order[i - 1])).toEqual([
      'ACK',
      'STREAM_OPEN',
      'frame',
      'STREAM_CLOSE',
      'finished',
    ])
  })

  it('says LENGTH when it was cut at max_tokens', async () => {
    const { router } = await startedAgent(HELLO)
    const request = await router.ask('hi', { chat: { sampling: { maxTokens: 2, stop: [] } } })
    await router.settled(await router.deliver(request))
    expect(await router.read(request)).toMatchObject({ text: 'Hello ', finish: 'LENGTH' })
  })

  it('releases no frame before the log has its OPEN', async () => {
    const { router, ran } = await startedAgent(HELLO)
    let isHeld = true
    router.control.refuse = ({ kind }) => (isHeld && kind === 'STREAM_OPEN' ? 'LOG_BUSY' : undefined)
    const request = await router.ask('hi')
    const lease = await router.deliver(request)
    await router.until(() => router.repliesTo(request, 'STREAM_OPEN').length >= 2)
    expect(ran()).toBe(1)
    expect(router.framesOf(request)).toEqual([])
    expect(router.repliesTo(request, 'STREAM_CLOSE')).toEqual([])
    isHeld = false
    await router.settled(lease)
    expect(await router.read(request)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
  })

  it('is aborted, and nothing of it released, when the log refuses its OPEN', async () => {
    const { router } = await startedAgent(HELLO)
    router.control.refuse = ({ kind }) => (kind === 'STREAM_OPEN' ? 'NOT_A_CANDIDATE' : undefined)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    expect(router.framesOf(request)).toEqual([])
    expect(router.finishes(request)).toEqual(['ABORTED'])
    expect(router.repliesTo(request, 'STREAM_CLOSE')[0]?.ciphertext).toBeUndefined()
  })

  it('is aborted when the receipt of its OPEN is another one', async () => {
    const { router } = await startedAgent(HELLO)
    const [other] = router.agentChain
    router.control.refuse = ({ kind }) => (kind === 'STREAM_OPEN' ? 'silence' : undefined)
    const request = await router.ask('hi')
    const lease = await router.deliver(request)
    const open = await router.until(() =>
      router.wire.sent.find((each) => each.type === 'reply' && parsePacket(each.packet).kind === 'STREAM_OPEN'),
    )
    if (open.type !== 'reply' || other === undefined) throw new Error('no OPEN')
    const { encode, Receipt } = await import('@mystranet/schemas/messages')
    router.wire.push({ type: 'done', id: open.id, receipts: [encode(Receipt, other.receipt)] })
    await router.settled(lease)
    expect(router.framesOf(request)).toEqual([])
    expect(router.finishes(request)).toEqual(['ABORTED'])
  })

  it('ends with CLOSE ERROR and the reason when the engine breaks in the middle', async () => {
    const { router } = await startedAgent({ '*': { pieces: ['Hel', { fault: 'fail', delayMs: 60 }] } })
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    expect(await router.read(request)).toMatchObject({ text: 'Hel', finish: 'ERROR', error: 'ENGINE_FAILED' })
  })

  it('is proven on its way by a checkpoint every 64 frames', async () => {
    const pieces = Array.from({ length: 140 }, (_, i) => ({ text: `${i} `.padEnd(21_000, '.'), delayMs: 0 }))
    const { router, attempts } = await startedAgent({ '*': { pieces } })
    const request = await router.ask('much')
    await router.settled(await router.deliver(request))
    const read = await router.read(request)
    expect(read.frames).toBeGreaterThan(140)
    expect(read.checkpoints).toBe(Math.floor(read.frames / 64))
    expect((await attempts.find(request.id))?.checkpoint).toBeDefined()
  })

  it('is proven on its way by a checkpoint every second', async () => {
    const { router, attempts } = await startedAgent(ENDLESS)
    const request = await router.ask('wait')
    await router.deliver(request)
    const checkpoint = await router.until(() => router.sent().find(({ type }) => type === 'checkpoint'))
    if (checkpoint.type !== 'checkpoint') throw new Error('none')
    await router.until(() => router.framesOf(request).length > 0)
    expect((await attempts.find(request.id))?.checkpoint).toEqual(checkpoint.document)
    await router.cancel(request)
    await router.until(() => router.finishes(request)[0])
  })

  it('tells whoever waits how it stands, at once', async () => {
    const { router } = await startedAgent(ENDLESS, { slots: 1 })
    const first = await router.ask('one')
    await router.deliver(first)
    await router.until(() => router.framesOf(first).length > 0)
    const second = await router.ask('two')
    await router.deliver(second)
    await router.until(() =>
      router.sent().find((each) => each.type === 'heartbeat' && equalBytes(each.request, second.id)),
    )
    await router.cancel(first)
    await router.cancel(second)
    await router.until(() => router.finishes(first)[0] && router.finishes(second)[0])
  })

  it('is one of ten at once, each bound to its request', async () => {
    const { router, ran } = await startedAgent(({ messages }) => ({
      pieces: [
        { text: 'you said ', delayMs: 5 },
        { text: messages[0]?.content ?? '', delayMs: 5 },
      ],
    }))
    const requests = await Promise.all(Array.from({ length: 10 }, (_, i) => router.ask(`word${i}`)))
    const leases = await Promise.all(requests.map((request) => router.deliver(request)))
    expect(await Promise.all(leases.map((lease) => router.settled(lease)))).toEqual(leases.map(() => 'finished'))
    for (const [i, request] of requests.entries()) {
      expect(await router.read(request)).toMatchObject({ text: `you said word${i}`, finish: 'STOP' })
    }
    expect(ran()).toBe(10)
  })

  it('comes in a session as well, and a session of somebody else is unknown', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const first = await router.ask('hi')
    await router.settled(await router.deliver(first))
    const session = { packetId: first.id, secrets: first.sessionSecrets, deleteAfterMs: router.prekey().deleteAfterMs }
    const second = await router.ask('again', { session })
    await router.settled(await router.deliver(second))
    expect(await router.read(second)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
    const mallory = await router.client('mallory')
    const stolen = await router.ask('mine', { session, by: mallory })
    await router.deliver(stolen, {}, mallory)
    expect(await router.refusal(stolen)).toBe('SESSION_UNKNOWN')
    expect(ran()).toBe(2)
  })

  it('in a session that began before a restart is refused and runs nothing; sealed anew it is answered', async () => {
    const { router, restart, ran } = await startedAgent(HELLO)
    const first = await router.ask('hi')
    await router.settled(await router.deliver(first))
    const session = { packetId: first.id, secrets: first.sessionSecrets, deleteAfterMs: router.prekey().deleteAfterMs }
    await restart()
    const second = await router.ask('again', { session })
    await router.settled(await router.deliver(second))
    expect(await router.refusal(second)).toBe('SESSION_UNKNOWN')
    expect(ran()).toBe(1)
    const anew = await router.ask('again')
    await router.settled(await router.deliver(anew))
    expect(await router.read(anew)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
  })

  it('keeps its lease while it runs', async () => {
    const { router } = await startedAgent(ENDLESS)
    const request = await router.ask('wait')
    const lease = await router.deliver(request, { leaseMs: 90 })
    await router.until(
      () => router.sent().filter((each) => each.type === 'progress' && each.lease === lease).length >= 3,
    )
    await router.cancel(request)
    expect(await router.settled(lease)).toBe('finished')
  })
})
