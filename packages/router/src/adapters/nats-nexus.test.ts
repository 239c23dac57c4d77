import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../../../scripts/broker/server.ts'
import { doorContract } from '../door.contract.ts'
import type { NexusDoor } from '../door.ts'
import { RouterError } from '../errors.ts'
import { connectNats } from './nats-connection.ts'
import { natsNexus } from './nats-nexus.ts'
import { serveNexus } from './nats-nexus-serve.ts'
import {
  type Asked,
  askSubject,
  encodeAsk,
  encodeDatagram,
  type Kind,
  readAsk,
  readDatagram,
  WINDOW_PARTS,
} from './nats-nexus-wire.ts'
import { connectWebSocket } from './nats-websocket.ts'

let broker: Broker
const open: (() => unknown)[] = []
beforeAll(async () => {
  broker = await startBroker()
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})
afterAll(() => broker.remove())

const connection = async () => {
  const nc = await connectNats(broker.url, 'nexus')
  open.push(() => nc.close())
  return nc
}
const edge = (deadlineMs = 2_000, connect = () => connectNats(broker.url, 'edge')) => {
  const door = natsNexus({ connect, deadlineMs })
  open.push(() => door.close())
  return door
}
const faults: unknown[] = []
async function serving(door: NexusDoor, silenceMs?: number) {
  const nc = await connection()
  const service = serveNexus({ nc, door, silenceMs, onFault: (error) => void faults.push(error) })
  open.push(() => service.close())
  await nc.flush()
  return { nc, service }
}

for (const [name, connect] of [
  ['over a broker', () => connectNats(broker.url, 'edge')],
  ['over a broker, by WebSocket', () => connectWebSocket(broker.webSocketUrl, 'edge')],
] as const) {
  doorContract(name, async ({ door }) => {
    const nc = await connectNats(broker.url, 'nexus')
    const service = serveNexus({ nc, door, onFault: (error) => void faults.push(error) })
    await nc.flush()
    const asking = natsNexus({ connect, deadlineMs: 10_000 })
    return {
      door: asking,
      async close() {
        await asking.close()
        service.close()
        await nc.close()
      },
    }
  })
}

const unreachable = (why: string) =>
  expect.objectContaining({ code: 'ROUTER_UNREACHABLE', retryAfterMs: 1_000, message: expect.stringContaining(why) })
const never = () => new Promise<never>(() => {})
const nowhere = (): never => {
  throw new Error('not asked for')
}
const nothing: NexusDoor = {
  submit: nowhere,
  readAnswer: nowhere,
  readPackets: nowhere,
  routes: nowhere,
  keys: nowhere,
  enrol: nowhere,
  logFile: nowhere,
  missing: nowhere,
}
const ID = 'ab'.repeat(32)
const FETCH = new Uint8Array(8)

/** An answer of so many parts of 1 KiB, which counts what was taken of it and whether its reader left. */
function countedAnswer(parts: number) {
  const state = { given: 0, left: false }
  const source: UnderlyingDefaultSource<Uint8Array> = {
    pull(controller) {
      if (state.given === parts) return controller.close()
      state.given += 1
      controller.enqueue(new Uint8Array(1_024).fill(state.given % 256))
    },
    cancel: () => {
      state.left = true
    },
  }
  return { state, stream: () => new ReadableStream(source, { highWaterMark: 0 }) }
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (holds: () => boolean) => {
  for (let i = 0; i < 500 && !holds(); i++) await pause(10)
  expect(holds()).toBe(true)
}

describe('an edge and its nexus', () => {
  it('says at once that nobody answers', async () => {
    const begun = performance.now()
    await expect(edge(5_000).submit(FETCH)).rejects.toEqual(unreachable('nobody answers'))
    expect(performance.now() - begun).toBeLessThan(2_000)
    expect(await edge().missing()).toEqual(['the nexus does not answer'])
  })

  it('says that there is no broker, and finds it once it is there', async () => {
    let isThere = false
    const door = edge(2_000, () => (isThere ? connectNats(broker.url, 'edge') : Promise.reject(new Error('no'))))
    await expect(door.routes()).rejects.toEqual(unreachable('the broker does not answer'))
    isThere = true
    await serving({ ...nothing, routes: async () => Uint8Array.of(7) })
    expect(await door.routes()).toEqual(Uint8Array.of(7))
  })

  it('gives a nexus up that does not answer in time', async () => {
    await serving({ ...nothing, submit: never })
    await expect(edge(200).submit(FETCH)).rejects.toEqual(unreachable('within 200 ms'))
  })

  it('tells nobody more of a fault than that there was one', async () => {
    faults.length = 0
    await serving({ ...nothing, routes: () => Promise.reject(new Error('a secret')) })
    await expect(edge().routes()).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.not.stringContaining('secret'),
    })
    expect(faults).toHaveLength(1)
  })

  it('carries a refusal with its wait', async () => {
    const refusal = new RouterError('QUEUE_FULL', 'full', { retryAfterMs: 2_000, packet: ID })
    await serving({ ...nothing, submit: () => Promise.reject(refusal) })
    await expect(edge().submit(FETCH)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 2_000, packet: ID })
  })

  it('takes no more of an answer than its reader does, and then all of it', async () => {
    const { state, stream } = countedAnswer(200)
    await serving({ ...nothing, readAnswer: async () => stream() })
    const reader = (await edge().readAnswer(ID, FETCH)).getReader()
    await reader.read()
    await pause(100)
    expect(state.given).toBeLessThanOrEqual(2 * WINDOW_PARTS)
    let bytes = 1_024
    for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.length
    expect(bytes).toBe(200 * 1_024)
  })

  it('lets the nexus know that a reader left', async () => {
    const { state, stream } = countedAnswer(1_000)
    await serving({ ...nothing, readAnswer: async () => stream() })
    const answer = await edge().readAnswer(ID, FETCH)
    await answer.cancel()
    await until(() => state.left)
  })

  it('stops what an edge asked for that is gone', async () => {
    const { state, stream } = countedAnswer(1_000)
    await serving({ ...nothing, readAnswer: async () => stream() }, 300)
    const nc = await connectNats(broker.url, 'edge')
    await edge(2_000, async () => nc).readAnswer(ID, FETCH)
    await nc.close()
    await until(() => state.left)
  })

  it.each([
    ['closes', async ({ service }: { service: { close(): void } }) => service.close(), 'any more'],
    ['is killed', async ({ nc }: { nc: NatsConnection }) => nc.close(), 'nobody answers'],
  ])('fails an answer whose nexus %s', async (_, end, why) => {
    const { stream } = countedAnswer(1)
    const served = await serving({ ...nothing, readAnswer: async () => stalling(stream()) })
    const reader = (await edge().readAnswer(ID, FETCH)).getReader()
    await reader.read()
    await end(served as never)
    await expect(reader.read()).rejects.toEqual(unreachable(why))
  })

  it('fails an answer when the broker goes, and asks again when it is back', async () => {
    const { stream } = countedAnswer(1)
    await serving({ ...nothing, readAnswer: async () => stalling(stream()), routes: async () => Uint8Array.of(7) })
    const door = edge()
    const reader = (await door.readAnswer(ID, FETCH)).getReader()
    await reader.read()
    await broker.stop()
    await expect(reader.read()).rejects.toEqual(unreachable('the broker went away'))
    await expect(door.routes()).rejects.toEqual(unreachable('broker'))
    await broker.start()
    await expect.poll(() => door.routes().catch(() => undefined), { timeout: 10_000 }).toEqual(Uint8Array.of(7))
  })

  const END = Uint8Array.of(0)
  it.each<[string, readonly [Kind, number, Uint8Array?][], string]>([
    [
      'a part',
      [
        ['part', 1],
        ['part', 3],
      ],
      'a part of its answer was lost',
    ],
    [
      'the last part',
      [
        ['part', 1],
        ['end', 2, END],
      ],
      'the end of its answer was lost',
    ],
    ['all parts', [['end', 1, END]], 'the end of its answer was lost'],
    [
      'its memory',
      [
        ['part', 1],
        ['gone', 0],
      ],
      'does not know',
    ],
  ])('is never short: a nexus that lost %s fails the exchange', async (_, says, why) => {
    const nc = await connection()
    careless(nc, 'routes', says)
    await nc.flush()
    await expect(edge().routes()).rejects.toEqual(unreachable(why))
  })

  it('gives a nexus up that falls silent in the middle of an answer', async () => {
    const nc = await connection()
    const deaf = createInbox()
    nc.subscribe(deaf, { callback: () => undefined })
    careless(nc, 'answer', [['part', 1]], deaf)
    await nc.flush()
    const door = natsNexus({ connect: () => connectNats(broker.url, 'edge'), deadlineMs: 2_000, silenceMs: 300 })
    open.push(() => door.close())
    const reader = (await door.readAnswer(ID, FETCH)).getReader()
    await reader.read()
    await expect(reader.read()).rejects.toEqual(unreachable('silent'))
  })

  it('answers nobody but where answers go: an ask cannot make the nexus publish to the queue', async () => {
    const { nc } = await serving({ ...nothing, routes: async () => FETCH })
    const heard: string[] = []
    for (const subject of ['weave.deliver.>', '_INBOX.x', '_INBOX.y.*']) {
      nc.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) })
    }
    const ask = encodeAsk({ deadlineMs: 100, length: 0, name: '', body: new Uint8Array(0) })
    for (const reply of ['weave.deliver.a.b.1', '_INBOX.y.*', '_INBOX.x'])
      nc.publish(askSubject('routes'), ask, { reply })
    nc.publish(askSubject('routes'), ask)
    await until(() => heard.length >= 2)
    await pause(50)
    expect(heard).toEqual(['_INBOX.x', '_INBOX.x'])
  })

  it('runs nothing on a body of which a part was lost, or that is over its cap', async () => {
    const submitted: number[] = []
    const { nc } = await serving({
      ...nothing,
      async submit({ length }) {
        submitted.push(length)
        return { receipt: FETCH, known: false }
      },
    })
    const ask = async (length: number, parts: readonly number[]) => {
      const inbox = createInbox()
      const refused = Promise.withResolvers<string>()
      nc.subscribe(inbox, {
        callback(_, { data, reply }) {
          const { kind, payload } = readDatagram(data) ?? { kind: 'gone', payload: FETCH }
          if (kind === 'ready')
            for (const number of parts) nc.publish(reply ?? '', encodeDatagram('part', number, FETCH))
          if (kind === 'refused') refused.resolve(JSON.parse(new TextDecoder().decode(payload)).code)
        },
      })
      const head = new Uint8Array(11)
      head.set([1])
      new DataView(head.buffer).setUint32(1, 300)
      new DataView(head.buffer).setUint32(5, length)
      nc.publish(askSubject('submit'), head, { reply: inbox })
      return refused.promise
    }
    expect(await ask(16, [1, 3])).toBe('ROUTER_UNREACHABLE')
    expect(await ask(24, [1, 2])).toBe('ROUTER_UNREACHABLE')
    expect(await ask(2 ** 31, [])).toBe('PACKET_TOO_LARGE')
    // No more than 128 MiB are waited for at once.
    const codes = await Promise.all(Array.from({ length: 17 }, () => ask(8 * 1024 * 1024, [])))
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(1)
    expect(submitted).toEqual([])
  })
})

/** What a stream gives, and then nothing. */
function stalling(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        const { value } = await reader.read()
        if (value === undefined) return never()
        controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
}

/** A nexus that says just this to whoever asks. */
function careless(nc: NatsConnection, what: Asked, says: readonly [Kind, number, Uint8Array?][], from?: string) {
  nc.subscribe(askSubject(what), {
    callback(_, { data, reply }: Msg) {
      if (readAsk(data) === undefined) return
      for (const [kind, number, payload] of says) {
        nc.publish(reply ?? '', encodeDatagram(kind, number, payload), from === undefined ? {} : { reply: from })
      }
    },
  })
}
