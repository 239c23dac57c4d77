import { beforeEach, describe, expect, it } from 'vitest'
import { type AttemptStore, type KeyStore, RETENTION_MS, type StoredKey } from './ports.ts'

const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill)
const ID = bytes(1)
const NOW = 1_800_000_000_000
const start = { packetId: ID, attempt: 1, header: bytes(2, 300), expiresMs: NOW + 60_000, nowMs: NOW }
const ack = bytes(3)
const nack = bytes(4)
const opened = { packetId: ID, attempt: 1, open: bytes(5, 500), responseNonce: bytes(6) }
const frames = [bytes(7, 70), bytes(8, 1), new Uint8Array(0), bytes(9, 65_000)]
const ended = { packetId: ID, attempt: 1, state: 'finished' as const, close: bytes(10, 400), frames }

/** The contract of {@link AttemptStore}. `reopen` gives the store as a process finds it that starts after a crash. */
export function describeAttemptStore(
  name: string,
  create: () => Promise<{ store: AttemptStore; reopen: () => Promise<AttemptStore> }>,
): void {
  describe(`${name} is an AttemptStore`, () => {
    let store: AttemptStore
    let reopen: () => Promise<AttemptStore>
    beforeEach(async () => {
      ;({ store, reopen } = await create())
    })

    it('knows nothing of what it never saw', async () => {
      expect(await store.find(ID)).toBeUndefined()
      expect(await store.frames(ID)).toEqual([])
      expect(await store.tombstone(ID)).toBeUndefined()
      expect(await store.running()).toEqual([])
    })

    it('lets an attempt begin once, and remembers it in the next process', async () => {
      expect(await store.begin({ ...start, ack })).toBe('begun')
      expect(await store.begin({ ...start, ack: nack })).toBe('taken')
      const again = await reopen()
      expect(await again.begin({ ...start, ack: nack })).toBe('taken')
      expect(await again.find(ID)).toMatchObject({ attempt: 1, state: 'running', header: start.header, ack })
      expect((await again.running()).map(({ packetId }) => packetId)).toEqual([ID])
    })

    it('keeps the whole answer', async () => {
      await store.begin({ ...start, ack })
      expect(await store.open(opened)).toBe('opened')
      await store.checkpoint({ packetId: ID, attempt: 1, document: bytes(11, 200) })
      expect(await store.finish(ended)).toBe('finished')
      const again = await reopen()
      expect(await again.find(ID)).toMatchObject({
        state: 'finished',
        ack,
        open: opened.open,
        responseNonce: opened.responseNonce,
        checkpoint: bytes(11, 200),
        close: ended.close,
      })
      expect(await again.frames(ID)).toEqual(frames)
      expect(await again.running()).toEqual([])
    })

    it('never changes a reply that is there', async () => {
      await store.begin({ ...start, ack })
      await store.open(opened)
      expect(await store.open({ ...opened, open: bytes(99) })).toBe('taken')
      expect(await store.refuse({ ...start, nack })).toBe('taken')
      await store.finish(ended)
      expect(await store.finish({ ...ended, close: bytes(99) })).toBe('taken')
      expect(await store.refuse({ ...start, nack })).toBe('taken')
      await store.checkpoint({ packetId: ID, attempt: 1, document: bytes(99) })
      expect(await store.find(ID)).toMatchObject({ open: opened.open, close: ended.close })
      expect((await store.find(ID))?.nack).toBeUndefined()
      expect((await store.find(ID))?.checkpoint).toBeUndefined()
    })

    it('takes no write of an attempt that it does not run', async () => {
      expect(await store.open(opened)).toBe('taken')
      expect(await store.finish(ended)).toBe('taken')
      await store.begin({ ...start, ack })
      expect(await store.open({ ...opened, attempt: 2 })).toBe('taken')
      expect(await store.finish({ ...ended, attempt: 2 })).toBe('taken')
      expect((await store.find(ID))?.open).toBeUndefined()
    })

    it('refuses before and after an attempt began, but not after its OPEN', async () => {
      expect(await store.refuse({ ...start, nack })).toBe('refused')
      expect(await store.refuse({ ...start, nack: bytes(99) })).toBe('taken')
      expect(await store.find(ID)).toMatchObject({ state: 'refused', nack })
      expect(await store.begin({ ...start, attempt: 2, ack })).toBe('begun')
      expect((await store.find(ID))?.nack).toBeUndefined()
      expect(await store.refuse({ ...start, attempt: 2, nack })).toBe('refused')
      expect(await store.find(ID)).toMatchObject({ attempt: 2, state: 'refused', nack })
    })

    it('begins only a newer attempt, and none after a finished one', async () => {
      await store.begin({ ...start, attempt: 2, ack })
      await store.open({ ...opened, attempt: 2 })
      await store.finish({ ...ended, attempt: 2, state: 'interrupted' })
      expect(await store.begin({ ...start, ack })).toBe('taken')
      expect(await store.begin({ ...start, attempt: 2, ack })).toBe('taken')
      expect(await store.begin({ ...start, attempt: 3, ack })).toBe('begun')
      const fresh = await store.find(ID)
      expect([fresh?.open, fresh?.close, fresh?.responseNonce]).toEqual([undefined, undefined, undefined])
      expect(await store.frames(ID)).toEqual([])
      await store.finish({ ...ended, attempt: 3 })
      expect(await store.begin({ ...start, attempt: 4, ack })).toBe('taken')
      expect(await store.refuse({ ...start, attempt: 4, nack })).toBe('taken')
    })

    it('keeps the first tombstone of a packet', async () => {
      const stone = { packetId: ID, sender: bytes(1), correlationId: bytes(2, 16), code: 67, untilMs: NOW + 1 }
      await store.bury(stone)
      await store.bury({ ...stone, code: 34 })
      expect(await (await reopen()).tombstone(ID)).toEqual(stone)
    })

    it('keeps an entry for its retention and until its request has expired, whichever is later', async () => {
      const late = { ...start, packetId: bytes(12), expiresMs: NOW + RETENTION_MS + 5_000 }
      await store.begin({ ...start, ack })
      await store.begin({ ...late, ack })
      const stone = { packetId: ID, sender: bytes(1), correlationId: bytes(2, 16), code: 67, untilMs: NOW + 1 }
      await store.bury(stone)
      await store.prune(NOW + 1)
      expect(await store.tombstone(ID)).toBeDefined()
      await store.prune(NOW + RETENTION_MS)
      expect(await store.tombstone(ID)).toBeUndefined()
      expect(await store.find(ID)).toBeDefined()
      await store.prune(NOW + RETENTION_MS + 1)
      expect(await store.find(ID)).toBeUndefined()
      expect(await store.find(late.packetId)).toBeDefined()
      await store.prune(late.expiresMs + 1)
      expect(await store.find(late.packetId)).toBeUndefined()
    })
  })
}

/** The contract of {@link KeyStore}. */
export function describeKeyStore(
  name: string,
  create: () => Promise<{ store: KeyStore; reopen: () => Promise<KeyStore> }>,
): void {
  const key = (id: string, kind: StoredKey['kind'] = 'packet'): StoredKey => ({
    id,
    kind,
    seed: bytes(Number(id)),
    suite: 0,
    createdMs: NOW,
    endsMs: NOW + 1,
    event: bytes(Number(id), 90),
    receipt: undefined,
  })

  describe(`${name} is a KeyStore`, () => {
    it('lists what was added, in order, in the next process too', async () => {
      const { store, reopen } = await create()
      expect(await store.list()).toEqual([])
      const root: StoredKey = { ...key('3', 'root'), endsMs: Number.MAX_SAFE_INTEGER, event: undefined }
      await store.add([root, key('1')])
      await store.add([key('2')])
      expect(await (await reopen()).list()).toEqual([root, key('1'), key('2')])
    })

    it('keeps a key as it is when it is added again', async () => {
      const { store } = await create()
      await store.add([key('1')])
      await store.add([{ ...key('1'), seed: bytes(99) }])
      expect(await store.list()).toEqual([key('1')])
    })

    it('keeps the receipt of a key', async () => {
      const { store, reopen } = await create()
      await store.add([key('1')])
      await store.confirm('1', bytes(5, 700))
      expect((await (await reopen()).list())[0]?.receipt).toEqual(bytes(5, 700))
    })

    it('gives epochs that only grow, also when the clock went back', async () => {
      const { store, reopen } = await create()
      await store.add([key('1'), key('2')])
      expect(await store.nextEpoch('1', NOW)).toBe(NOW)
      expect(await store.nextEpoch('1', NOW - 5_000)).toBe(NOW + 1)
      expect(await (await reopen()).nextEpoch('1', NOW)).toBe(NOW + 2)
      expect(await (await reopen()).nextEpoch('2', NOW)).toBe(NOW)
      await expect(store.nextEpoch('7', NOW)).rejects.toThrow(RangeError)
    })

    it('forgets a removed key', async () => {
      const { store, reopen } = await create()
      await store.add([key('1'), key('2')])
      await store.remove('1')
      expect((await (await reopen()).list()).map(({ id }) => id)).toEqual(['2'])
    })
  })
}
