/**
 * What every set of dispatch stores must do, port by port. A runner gives a fresh, empty set for each test.
 *
 * @module
 */
import { concat, utf8 } from '@mystranet/sdk/bytes'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnswerRecord, PacketQueue, QueueItem, RequestRecord } from '../ports.ts'
import type { DispatchStores } from './sqlite/stores.ts'

const id = (name: string) => Buffer.from(name.padEnd(32, '.')).toString('hex')
const A = id('agent a')
const bytes = (text: string) => utf8(text)

const recordOf = (name: string, over: Partial<RequestRecord> = {}): RequestRecord => ({
  id: id(name),
  packet: bytes(`packet ${name}`),
  expiresMs: 1_000,
  state: 'prepared',
  addendum: bytes('addendum'),
  attempts: [{ number: 1, agent: A, rule: 'r', acceptByMs: 5, addendum: bytes('a'), state: 'made' }],
  replies: [],
  notices: [],
  endedMs: 0,
  ...over,
})

const item = (name: string, attempt = 1, agent = A) => ({
  packet: id(name),
  attempt,
  agent,
  bytes: bytes(`delivery ${name}`),
})
const frame = (i: number, size = 10): AnswerRecord => ({
  type: 'frame',
  key: `f${i}`,
  value: new Uint8Array(size).fill(i),
  frame: i,
})
const packet = (key: string): AnswerRecord => ({ type: 'packet', key, value: bytes(key) })

/** @param limit The queue limit that the stores were opened with is 3. */
export function storesContract(open: () => Promise<DispatchStores>): void {
  packetStoreContract(open)
  queueContract(async () => ({ queue: (await open()).queue, clock: handClock() }))
  replayContract(open)
  answerContract(open)
  directoryContract(open)
}

function packetStoreContract(open: () => Promise<DispatchStores>): void {
  describe('PacketStore', () => {
    it('keeps a record as it is, and inserts an id once', async () => {
      const { packets } = await open()
      const record = recordOf('a', { receipt: bytes('r'), notices: [{ kind: 'void', document: bytes('d') }] })
      const first = await packets.insert(record)
      expect(first.record).toEqual(record)
      expect(await packets.insert({ ...record, state: 'void' })).toEqual(first)
      expect(await packets.find(record.id)).toEqual(first)
      expect(await packets.find(id('other'))).toBeUndefined()
    })

    it('lets one of two writers win, so that released and void exclude each other', async () => {
      const { packets } = await open()
      const { record, revision } = await packets.insert(recordOf('a'))
      const both = await Promise.all([
        packets.replace(revision, { ...record, state: 'released' }),
        packets.replace(revision, { ...record, state: 'void' }),
      ])
      expect(both.filter((each) => each === 'conflict')).toHaveLength(1)
      const stored = await packets.find(record.id)
      expect(stored).toEqual(both.find((each) => each !== 'conflict'))
      expect(await packets.replace(revision, record)).toBe('conflict')
    })

    it('names what is unfinished: open states, ends that are not settled, and leaves without a receipt', async () => {
      const { packets } = await open()
      const draft = { kind: 'ack', partition: new Uint8Array(32), subject: new Uint8Array(32), attempt: 1 } as const
      await packets.insert(recordOf('prepared'))
      await packets.insert(recordOf('released', { state: 'released' }))
      await packets.insert(
        recordOf('unlogged', {
          state: 'finished',
          isSettled: true,
          replies: [{ id: id('x'), kind: 'ACK', attempt: 1, draft }],
        }),
      )
      await packets.insert(recordOf('ended', { state: 'dead' }))
      await packets.insert(recordOf('settled', { state: 'finished', isSettled: true }))
      const wanted = [id('prepared'), id('released'), id('ended'), id('unlogged')]
      expect([...(await packets.unfinished())].sort()).toEqual(wanted.sort())
    })

    it('forgets only what ended and expired', async () => {
      const { packets } = await open()
      await packets.insert(recordOf('open'))
      const ended = { state: 'finished', isSettled: true, endedMs: 500 } as const
      await packets.insert(recordOf('young', { ...ended, expiresMs: 5_000 }))
      await packets.insert(recordOf('old', { ...ended, expiresMs: 600 }))
      expect(await packets.forget(1_000)).toEqual([id('old')])
      expect(await packets.find(id('old'))).toBeUndefined()
      expect(await packets.find(id('young'))).toBeDefined()
    })
  })
}

/** Time as a queue under test sees it. */
export interface QueueClock {
  /** Milliseconds in which the queue does what time asks of it, with room to spare. */
  readonly span: number
  nowMs(): number
  /** Lets time go by, in spans. */
  pass(spans: number): Promise<void>
}

export interface QueueUnderTest {
  readonly queue: PacketQueue
  readonly clock: QueueClock
}

/** Time that stands still until it is told to go on: for queues that ask no clock but their caller's. */
const handClock = (): QueueClock => {
  let nowMs = 1_000
  return {
    span: 100,
    nowMs: () => nowMs,
    async pass(spans) {
      nowMs += 100 * spans
    },
  }
}

/** @param open A fresh, empty queue whose limit is 3. */
export function queueContract(open: () => Promise<QueueUnderTest>): void {
  describe('PacketQueue', () => {
    const begin = async () => {
      const { queue, clock } = await open()
      return {
        queue,
        clock,
        publish: (each: QueueItem) => queue.publish(each, clock.nowMs()),
        lease: (count = 9, agent = A) => queue.lease(agent, count, clock.nowMs(), clock.span),
        depth: (agent?: string) => queue.depth(clock.nowMs(), agent),
      }
    }

    it('hands an item out once while its lease lasts, oldest first, to its agent only', async () => {
      const { queue, clock, publish, lease } = await begin()
      await publish(item('a'))
      await publish({ ...item('a'), bytes: bytes('another') })
      await publish(item('b'))
      expect(await lease(9, id('other'))).toEqual([])
      const [first] = await lease(1)
      expect(first).toMatchObject({ packet: id('a'), attempt: 1, delivery: 1, bytes: bytes('delivery a') })
      await clock.pass(0.5)
      expect((await lease()).map((each) => each.packet)).toEqual([id('b')])
      expect(await lease()).toEqual([])
      await clock.pass(0.7)
      const [again] = await lease(1)
      expect(again).toMatchObject({ packet: id('a'), delivery: 2 })
      expect(again?.lease).not.toBe(first?.lease)
      expect(await queue.extend(first?.lease as string, clock.nowMs(), clock.span)).toBe(false)
    })

    it('publishes packet and attempt once, also after it was finished', async () => {
      const { queue, publish, lease, depth } = await begin()
      await publish(item('a'))
      await publish({ ...item('a'), bytes: bytes('another') })
      expect(await depth()).toEqual({ waiting: 1, leased: 0 })
      await queue.finish(id('a'), 1)
      expect(await depth()).toEqual({ waiting: 0, leased: 0 })
      await publish(item('a'))
      expect(await lease()).toEqual([])
      await publish(item('a', 2))
      expect(await lease()).toHaveLength(1)
      await queue.finish(id('a'), 2)
      expect(await depth()).toEqual({ waiting: 0, leased: 0 })
      await queue.forget(id('a'))
      await publish(item('a'))
      expect(await depth(A)).toEqual({ waiting: 1, leased: 0 })
    })

    it('refuses beyond the limit with QUEUE_FULL, for that agent only', async () => {
      const { queue, publish } = await begin()
      for (const name of ['a', 'b', 'c']) await publish(item(name))
      await expect(publish(item('d'))).rejects.toMatchObject({ code: 'QUEUE_FULL' })
      await publish(item('d', 1, id('other')))
      await publish(item('a'))
      await queue.finish(id('a'), 1)
      await publish(item('e'))
    })

    it('extends: a lease that goes on is not handed out again, and ends a span after the last time', async () => {
      const { queue, clock, publish, lease } = await begin()
      await publish(item('a'))
      const [{ lease: name = '' } = {}] = await lease(1)
      for (let i = 0; i < 3; i++) {
        await clock.pass(0.5)
        expect(await queue.extend(name, clock.nowMs(), clock.span)).toBe(true)
        expect(await lease()).toEqual([])
      }
      await clock.pass(1.2)
      expect(await lease()).toMatchObject([{ delivery: 2 }])
    })

    it('gives back with a pause, and gives back all of an agent', async () => {
      const { queue, clock, publish, lease, depth } = await begin()
      await publish(item('a'))
      const [{ lease: name = '' } = {}] = await lease(1)
      await queue.release(name, clock.nowMs() + clock.span)
      await clock.pass(0.5)
      expect(await lease(1)).toEqual([])
      await clock.pass(0.8)
      expect(await lease(1)).toHaveLength(1)
      expect(await depth(A)).toEqual({ waiting: 1, leased: 1 })
      expect(await queue.releaseAll(A)).toBe(1)
      expect(await depth(A)).toEqual({ waiting: 1, leased: 0 })
      expect(await lease(1)).toHaveLength(1)
    })

    it('takes back what was never leased', async () => {
      const { queue, publish, lease } = await begin()
      await publish(item('a'))
      expect(await queue.cancel(id('a'))).toBe('taken')
      expect(await queue.cancel(id('a'))).toBe('absent')
      expect(await lease()).toEqual([])
      await publish(item('b'))
      await lease(1)
      expect(await queue.cancel(id('b'))).toBe('delivered')
      await queue.finish(id('b'), 1)
      await publish(item('b', 2))
      expect(await queue.cancel(id('b'))).toBe('delivered')
    })
  })
}

function replayContract(open: () => Promise<DispatchStores>): void {
  describe('ReplayStore', () => {
    it('lets one of two packets with one number in, and the same one again', async () => {
      const { replay } = await open()
      const both = await Promise.all([replay.insert('k', 1n, 5n, 'x'), replay.insert('k', 1n, 5n, 'y')])
      expect([...both].sort()).toEqual(['fresh', 'replayed'])
      expect(await replay.insert('k', 1n, 5n, both[0] === 'fresh' ? 'x' : 'y')).toBe('same')
    })

    it('slides: what fell out at the left is replayed', async () => {
      const { replay } = await open()
      await replay.insert('k', 1n, 1n, 'one')
      await replay.insert('k', 1n, 2_049n, 'far')
      expect(await replay.insert('k', 1n, 1n, 'one')).toBe('replayed')
      expect(await replay.insert('k', 1n, 2n, 'two')).toBe('fresh')
      expect(await replay.insert('k', 1n, 2n, 'other')).toBe('replayed')
    })

    it('keeps the two newest epochs of a key', async () => {
      const { replay } = await open()
      const big = 2n ** 63n + 5n
      for (const epoch of [1n, big, 2n]) expect(await replay.insert('k', epoch, 1n, `e${epoch}`)).toBe('fresh')
      expect(await replay.insert('k', 1n, 1n, 'e1')).toBe('stale')
      expect(await replay.insert('k', big, 1n, `e${big}`)).toBe('same')
      expect(await replay.insert('other', 1n, 1n, 'e1')).toBe('fresh')
    })

    it('judges as a set of all numbers within the window would', async () => {
      const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 6_000 }), fc.integer({ min: 0, max: 1 })), {
        maxLength: 25,
      })
      const { replay } = await open()
      let key = 0
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          key += 1
          const seen = new Map<number, string>()
          let highest = 0
          for (const [seq, variant] of sequence) {
            const name = `${seq}/${variant}`
            const fell = seq + 2_048 <= highest
            const wanted = fell ? 'replayed' : seen.has(seq) ? (seen.get(seq) === name ? 'same' : 'replayed') : 'fresh'
            expect(await replay.insert(`p${key}`, 1n, BigInt(seq), name)).toBe(wanted)
            if (wanted === 'fresh') seen.set(seq, name)
            highest = Math.max(highest, wanted === 'fresh' ? seq : 0)
          }
        }),
        { seed: 4, numRuns: 20 },
      )
    })

    it('takes a nonce once', async () => {
      const { replay } = await open()
      expect(await replay.useNonce('n', 100, 0)).toBe(true)
      expect(await replay.useNonce('n', 100, 100)).toBe(false)
      expect(await replay.useNonce('n', 300, 101)).toBe(true)
    })
  })
}

/** @param open A fresh, empty store. */
export function answerContract(open: () => Promise<Pick<DispatchStores, 'answers'>>): void {
  describe('AnswerStore', () => {
    it('gives records in order, each once, page by page', async () => {
      const { answers } = await open()
      await answers.append('r', [packet('open')], true)
      for (let i = 0; i < 5; i++) await answers.append('r', [frame(i)], false)
      await answers.append('r', [packet('open'), packet('close')], true)
      await answers.append('r', [frame(2), packet('close')], true)
      const keys: string[] = []
      let after = 0
      for (;;) {
        const page = await answers.read('r', after, 2, 1_000)
        expect(page.length).toBeLessThanOrEqual(2)
        const last = page.at(-1)
        if (last === undefined) break
        keys.push(...page.map(({ key }) => key))
        after = last.position
      }
      expect(keys).toEqual(['open', 'f0', 'f1', 'f2', 'f3', 'f4', 'close'])
      expect((await answers.read('r', 0, 9, 1_000))[2]).toMatchObject({
        type: 'frame',
        frame: 1,
        value: new Uint8Array(10).fill(1),
      })
      expect(await answers.read('other', 0, 9, 1_000)).toEqual([])
    })

    it('never shows a record before one that stands in front of it', async () => {
      const { answers } = await open()
      const seen: string[] = []
      let after = 0
      let looking = Promise.resolve()
      // One look at a time, as a reader does.
      const look = () => {
        looking = looking.then(async () => {
          const page = await answers.read('r', after, 100, 1e6)
          seen.push(...page.map(({ key }) => key))
          after = page.at(-1)?.position ?? after
        })
        return looking
      }
      const unwatch = answers.watch('r', () => void look())
      const work: Promise<void>[] = []
      const order: string[] = []
      for (let i = 0; i < 30; i++) {
        const record = i % 4 === 0 ? packet(`p${i}`) : frame(i)
        order.push(record.key)
        work.push(answers.append('r', [record], i % 4 === 0))
        if (i % 3 === 0) await look()
        if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await Promise.all(work)
      for (let i = 0; i < 3; i++) await look()
      unwatch()
      expect([...seen].sort()).toEqual([...order].sort())
      expect(new Set(seen).size).toBe(order.length)
    })

    it('bounds a page by bytes, but for its first record', async () => {
      const { answers } = await open()
      for (let i = 0; i < 4; i++) await answers.append('r', [frame(i, 100)], false)
      expect(await answers.read('r', 0, 9, 250)).toHaveLength(2)
      expect(await answers.read('r', 0, 9, 1)).toHaveLength(1)
    })

    it('ends, opens again, and forgets an hour later', async () => {
      const { answers } = await open()
      await answers.append('r', [packet('open')], true)
      expect(await answers.ended('r')).toBe(false)
      await answers.end('r', 1_000)
      expect(await answers.ended('r')).toBe(true)
      await answers.reopen('r')
      expect([await answers.ended('r'), await answers.forget(5_000)]).toEqual([false, 0])
      await answers.end('r', 2_000)
      expect(await answers.forget(2_000)).toBe(0)
      expect(await answers.forget(2_001)).toBe(1)
      expect(await answers.read('r', 0, 9, 1_000)).toEqual([])
    })

    it('tells who watches, until it is told not to', async () => {
      const { answers } = await open()
      let told = 0
      const unwatch = answers.watch('r', () => {
        told += 1
      })
      await answers.append('r', [packet('a')], true)
      await answers.append('other', [packet('a')], true)
      expect(told).toBe(1)
      unwatch()
      await answers.append('r', [packet('b')], true)
      expect(told).toBe(1)
    })
  })
}

function directoryContract(open: () => Promise<DispatchStores>): void {
  describe('directories', () => {
    it('swap a chain only from the revision that they hold', async () => {
      const { keys } = await open()
      const first = await keys.replace(A, 0, bytes('one'))
      expect(await keys.replace(A, 0, bytes('two'))).toBe('conflict')
      expect(first).not.toBe('conflict')
      await keys.replace(A, 1, concat(bytes('one'), bytes('two')))
      expect(await keys.find(A)).toEqual({ chain: bytes('onetwo'), revision: 2 })
      expect(await keys.replace(A, 1, bytes('x'))).toBe('conflict')
    })

    it('take tables in the order of their versions', async () => {
      const { tables } = await open()
      const table = (version: bigint) => ({
        document: bytes(`t${version}`),
        receipt: bytes('r'),
        version,
        sinceMs: Number(version),
      })
      expect(await tables.push(table(2n))).toBe('conflict')
      for (const version of [1n, 2n, 3n]) expect(await tables.push(table(version))).toBe('stored')
      expect(await tables.push(table(3n))).toBe('conflict')
      expect(await tables.newest()).toEqual([table(3n), table(2n)])
    })

    it('keep statements, newest first', async () => {
      const { statements } = await open()
      for (let i = 0; i < 9; i++) await statements.put(A, `d${i}`, bytes(`r${i}`))
      await statements.put(A, 'd3', bytes('again'))
      const newest = await statements.newest(A)
      expect(newest).toHaveLength(8)
      expect(newest[0]).toEqual(bytes('again'))
    })

    it('let an invitation in once, and its instance again', async () => {
      const { invites } = await open()
      await invites.add('h', 100)
      expect(await invites.use('other', A, 0)).toBe(false)
      expect(await invites.use('h', A, 100)).toBe(false)
      expect(await invites.use('h', A, 99)).toBe(true)
      await invites.add('h', 1_000)
      expect(await invites.use('h', id('second'), 0)).toBe(false)
      expect(await invites.use('h', A, 0)).toBe(true)
    })

    it('keep dead letters until they are dropped', async () => {
      const { dead } = await open()
      const letter = (name: string, atMs: number) => ({
        packet: id(name),
        code: 80,
        notice: bytes(name),
        expiresMs: 1,
        atMs,
      })
      await dead.put(letter('a', 1))
      await dead.put(letter('b', 2))
      await dead.put(letter('a', 3))
      expect(await dead.list(9)).toEqual([letter('a', 3), letter('b', 2)])
      expect([await dead.count(), await dead.drop(id('a')), await dead.drop(id('a'))]).toEqual([2, true, false])
      expect(await dead.show(id('b'))).toEqual(letter('b', 2))
    })
  })
}
