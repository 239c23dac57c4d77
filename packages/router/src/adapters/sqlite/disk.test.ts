/**
 * Every write of queue, packet store, answer store, replay memory and directories on a disk that refuses it, or that did it
 * and says otherwise: a coded error, nothing written behind it, and after a restart the same as if nothing had happened.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { afterAll, describe, expect, it } from 'vitest'
import { DISK_FAULTS, DISK_OUTCOMES, failNextCommit, withRoomFor } from '../../../../../scripts/faults/failing-disk.ts'
import type { Lease, RequestRecord } from '../../ports.ts'
import { type DispatchStores, openSqliteStores } from './stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'disk-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const record: RequestRecord = {
  id: 'aa',
  packet: utf8('packet'),
  expiresMs: 1_000,
  state: 'prepared',
  addendum: utf8('addendum'),
  attempts: [{ number: 1, agent: 'b', rule: 'r', acceptByMs: 5, addendum: utf8('a'), state: 'made' }],
  replies: [],
  notices: [],
  endedMs: 0,
}
const item = { packet: 'aa', attempt: 1, agent: 'b', bytes: utf8('delivery') }
const answer = [{ type: 'packet', key: 'open', value: utf8('open') }] as const
const letter = { packet: 'aa', code: 80, notice: utf8('n'), expiresMs: 1, atMs: 1 }
const table = { document: utf8('t'), receipt: utf8('r'), version: 1n, sinceMs: 1 }
const LEASE_MS = 100

interface Write {
  before?(stores: DispatchStores): Promise<unknown>
  /** By whoever asks, and asks again after the restart. @param made What `before` gave. */
  act(stores: DispatchStores, made: unknown): Promise<unknown>
  /** What is to be seen once it was done, no matter how often. */
  seen(stores: DispatchStores): Promise<unknown>
}

const queued = (stores: DispatchStores) => stores.queue.publish(item, 0)
const leased = async (stores: DispatchStores) => {
  await queued(stores)
  return stores.queue.lease('b', 1, 0, LEASE_MS)
}
const depth = ({ queue }: DispatchStores) => queue.depth(10, 'b')
const answers = async ({ answers: store }: DispatchStores) => [
  await store.read('aa', 0, 9, 1_000),
  await store.ended('aa'),
]

/** Name → write. Every call of `db.write` stands here. */
const WRITES: Readonly<Record<string, Write>> = {
  'packets.insert': { act: ({ packets }) => packets.insert(record), seen: ({ packets }) => packets.find('aa') },
  'packets.replace': {
    before: ({ packets }) => packets.insert(record),
    act: ({ packets }) => packets.replace(1, { ...record, state: 'void', endedMs: 7 }),
    seen: ({ packets }) => packets.find('aa'),
  },
  'packets.forget': {
    before: ({ packets }) => packets.insert({ ...record, state: 'void', endedMs: 7, isSettled: true }),
    act: ({ packets }) => packets.forget(5_000),
    seen: ({ packets }) => packets.find('aa'),
  },
  'queue.publish': { act: queued, seen: depth },
  'queue.lease': {
    before: queued,
    // Later than the lease that may be out since the first time.
    act: ({ queue }) => queue.lease('b', 1, 5 * LEASE_MS, LEASE_MS),
    seen: async ({ queue }) => [await queue.depth(5 * LEASE_MS + 1, 'b'), await queue.cancel('aa')],
  },
  'queue.extend': {
    before: leased,
    act: ({ queue }, made) => queue.extend((made as readonly Lease[])[0]?.lease as string, 10, 10 * LEASE_MS),
    seen: ({ queue }) => queue.depth(5 * LEASE_MS, 'b'),
  },
  'queue.release': { before: leased, act: ({ queue }) => queue.releaseAll('b'), seen: depth },
  'queue.finish': { before: leased, act: ({ queue }) => queue.finish('aa', 1), seen: depth },
  'queue.cancel': { before: queued, act: ({ queue }) => queue.cancel('aa'), seen: depth },
  'queue.forget': {
    before: async (stores) => {
      await queued(stores)
      await stores.queue.finish('aa', 1)
    },
    act: ({ queue }) => queue.forget('aa'),
    seen: depth,
  },
  'replay.insert': {
    act: ({ replay }) => replay.insert('k', 1n, 5n, 'id'),
    seen: async ({ replay }) => [await replay.insert('k', 1n, 5n, 'id'), await replay.insert('k', 1n, 5n, 'other')],
  },
  'replay.useNonce': {
    act: ({ replay }) => replay.useNonce('n', 100, 0),
    seen: ({ replay }) => replay.useNonce('n', 100, 0),
  },
  'answers.append': { act: ({ answers: store }) => store.append('aa', answer, true), seen: answers },
  'answers.end': {
    before: ({ answers: store }) => store.append('aa', answer, true),
    act: ({ answers: store }) => store.end('aa', 1),
    seen: answers,
  },
  'answers.reopen': {
    before: ({ answers: store }) => store.end('aa', 1),
    act: ({ answers: store }) => store.reopen('aa'),
    seen: answers,
  },
  'answers.forget': {
    before: async ({ answers: store }) => {
      await store.append('aa', answer, true)
      await store.end('aa', 1)
    },
    act: ({ answers: store }) => store.forget(5),
    seen: answers,
  },
  'dead.put': { act: ({ dead }) => dead.put(letter), seen: ({ dead }) => dead.list(9) },
  'dead.drop': {
    before: ({ dead }) => dead.put(letter),
    act: ({ dead }) => dead.drop('aa'),
    seen: ({ dead }) => dead.list(9),
  },
  'keys.replace': { act: ({ keys }) => keys.replace('b', 0, utf8('chain')), seen: ({ keys }) => keys.find('b') },
  'tables.push': { act: ({ tables }) => tables.push(table), seen: ({ tables }) => tables.newest() },
  'statements.put': {
    act: ({ statements }) => statements.put('b', 'd', utf8('r')),
    seen: ({ statements }) => statements.newest('b'),
  },
  'invites.add': { act: ({ invites }) => invites.add('h', 100), seen: ({ invites }) => invites.use('h', 'b', 1) },
  'invites.use': {
    before: ({ invites }) => invites.add('h', 100),
    act: ({ invites }) => invites.use('h', 'b', 1),
    seen: async ({ invites }) => [await invites.use('h', 'other', 1), await invites.use('h', 'b', 1)],
  },
}

const open = (path = join(folder, `${++files}.db`)) => ({ path, stores: openSqliteStores(path, { queueLimit: 3 }) })

/** What is seen where no disk refuses. */
async function wanted({ before, act, seen }: Write): Promise<unknown> {
  const { stores } = open()
  await act(stores, await before?.(stores))
  const found = await seen(stores)
  await stores.db.close()
  return found
}

/** Closed at once, opened anew, asked again. */
async function recovered({ act, seen }: Write, path: string, made: unknown): Promise<unknown> {
  const { stores } = open(path)
  await act(stores, made)
  const found = await seen(stores)
  await stores.db.close()
  return found
}

describe.each(Object.entries(WRITES))('%s', (_, write) => {
  for (const fault of DISK_FAULTS) {
    for (const outcome of DISK_OUTCOMES) {
      it(`${outcome}, ${fault}: says STORE_FAILED, takes nothing more, and is whole after a restart`, async () => {
        const { path, stores } = open()
        const made = await write.before?.(stores)
        const armed = failNextCommit(fault, outcome)
        try {
          await expect(write.act(stores, made)).rejects.toMatchObject({ code: 'STORE_FAILED' })
          expect(armed.hasStruck).toBe(true)
        } finally {
          armed.disarm()
        }
        await expect(stores.invites.add('later', 1)).rejects.toMatchObject({ code: 'STORE_FAILED' })
        await stores.db.close()
        expect(await recovered(write, path, made)).toEqual(await wanted(write))
      })
    }
  }

  it.runIf(process.platform === 'linux')('written in part by the system itself: the same', async () => {
    const { path, stores } = open()
    const made = await write.before?.(stores)
    // Into the middle of the next frame.
    const room = statSync(`${path}-wal`).size + 50
    await withRoomFor(room, () => expect(write.act(stores, made)).rejects.toMatchObject({ code: 'STORE_FAILED' }))
    expect(statSync(`${path}-wal`).size).toBe(room)
    await stores.db.close()
    expect(await recovered(write, path, made)).toEqual(await wanted(write))
  })
})
