import { utf8 } from '@mystranet/sdk/bytes'
import type { NatsConnection } from '@nats-io/nats-core'
import { describe, expect, it } from 'vitest'
import type { AnswerRecord, AnswerStore } from '../ports.ts'
import { ANSWERS, natsAnswerStore } from './nats-answers.ts'
import { breakableConnection } from './nats-breakable-fixture.ts'
import { testBroker } from './nats-broker-fixture.ts'
import { answerContract } from './stores.contract.ts'

const here = testBroker([ANSWERS])
const { connect } = here

const open = async (nc?: NatsConnection, maxBytes = -1) =>
  natsAnswerStore(nc ?? (await connect()), { replicas: 1, maxBytes })
const packet = (key: string, value = utf8(key)): AnswerRecord => ({ type: 'packet', key, value })
const frame = (number: number): AnswerRecord => ({ type: 'frame', key: `f${number}`, value: utf8('x'), frame: number })
const keys = async (store: AnswerStore, after = 0) => (await store.read('r', after, 1_000, 1e9)).map(({ key }) => key)

describe('nats', () => answerContract(async () => ({ answers: await open() })))

describe('answers on JetStream', () => {
  it('are read by another process, which is told of each change, and resumed from the same positions', async () => {
    const [first, second] = [await open(), await open()]
    await first.append('r', [packet('open')], true)
    expect(await keys(second)).toEqual(['open'])
    let told = 0
    second.watch('r', () => {
      told += 1
    })
    for (let i = 0; i < 40; i++) await first.append('r', [frame(i)], false)
    await first.append('r', [packet('close')], true)
    await first.end('r', 1_000)
    await expect.poll(() => second.ended('r')).toBe(true)
    expect(told).toBeGreaterThan(0)
    expect(await second.read('r', 7, 100, 1e9)).toEqual(await first.read('r', 7, 100, 1e9))
    expect(await keys(second)).toHaveLength(42)
  })

  it('are written once by two who do not know of each other', async () => {
    const stores = [await open(), await open()]
    for (const each of stores) expect(await keys(each)).toEqual([])
    const both = ['a', 'b', 'c'].flatMap((key) => stores.map((each) => each.append('r', [packet(key)], true)))
    await Promise.all(both)
    const [one, other] = await Promise.all(stores.map((each) => keys(each)))
    expect([...(one ?? [])].sort()).toEqual(['a', 'b', 'c'])
    await expect.poll(() => keys(stores[1] as AnswerStore)).toEqual(one)
    expect(other).toHaveLength(3)
  })

  it.each(['before', 'after'] as const)('keep a record once when its write fails %s it happened', async (when) => {
    const { nc, breakNext } = breakableConnection(await connect())
    const store = await open(nc)
    await store.append('r', [packet('open')], true)
    await store.append('r', [frame(0)], false)
    breakNext(when)
    await expect(store.append('r', [packet('close')], true)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    // Frames are shown at once; what must be durable is not, unless it is.
    expect(await keys(store)).toEqual(when === 'before' ? ['open', 'f0'] : ['open', 'f0', 'close'])
    await store.append('r', [packet('close')], true)
    breakNext(when)
    await expect(store.end('r', 5)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await store.end('r', 5)
    for (const each of [store, await open()]) {
      expect(await keys(each)).toEqual(['open', 'f0', 'close'])
      expect(await each.ended('r')).toBe(true)
    }
  })

  it('outlive a kill of the broker, and go on when it is back', async () => {
    const store = await open()
    await store.append('r', [packet('open')], true)
    await here.broker.stop('SIGKILL')
    await store.append('r', [frame(0)], false)
    expect(await keys(store)).toEqual(['open', 'f0'])
    await here.broker.start()
    const close = () =>
      store.append('r', [packet('close')], true).then(
        () => true,
        () => false,
      )
    await expect.poll(close, { timeout: 10_000 }).toBe(true)
    expect(await keys(await open())).toEqual(['open', 'f0', 'close'])
  }, 40_000)

  it('say so when the broker has no room, and forget for ever what is forgotten', async () => {
    const store = await open(undefined, 100_000)
    await store.append('r', [packet('a', new Uint8Array(60_000))], true)
    await expect(store.append('r', [packet('b', new Uint8Array(60_000))], true)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('no room'),
    })
    expect(await keys(store)).toEqual(['a'])
    await store.end('r', 1)
    expect(await store.forget(2)).toBe(1)
    expect(await keys(await open(undefined, 100_000))).toEqual([])
    await store.append('other', [packet('c', new Uint8Array(60_000))], true)
  })
})
