/** What every outbox does, whatever keeps it. */
import { describe, expect, it } from 'vitest'
import type { Outbox, OutboxEntry } from './outbox.ts'

export interface OutboxUnderTest {
  readonly outbox: Outbox
  /** Another process on the same store, if it outlives one. */
  another?(): Outbox
  /** Breaks the next write: before it happens, or after, so that only its result is lost. */
  breakNext(when: 'before' | 'after'): void
}

const idOf = (name: string) => name.repeat(64).slice(0, 64)

/** @param open A fresh, empty outbox in which 3 findings of 100 bytes together may wait, and 4 are kept besides. */
export function outboxContract(open: () => Promise<OutboxUnderTest>): void {
  describe('Outbox', () => {
    const entry = (name: string, over: Partial<OutboxEntry> = {}): OutboxEntry => ({
      id: idOf(name),
      topic: 'ai.anomalies.v1',
      type: 'flow.syn-flood',
      source: '192.0.2.1',
      severity: 5,
      tunes: 'flood/syn',
      message: new Uint8Array(10).fill(7),
      digests: [idOf('d')],
      signedMs: 1_000,
      atMs: 900,
      ...over,
    })
    const namesOf = (list: readonly { id: string }[]) => list.map(({ id }) => id[0]).join('')
    const waiting = async (outbox: Outbox) => namesOf(await outbox.due(9, 1e9))

    it('keeps a finding as it was given, once for its id', async () => {
      const { outbox } = await open()
      expect(await outbox.put(entry('a'))).toBe('kept')
      expect(await outbox.put(entry('a', { severity: 9 }))).toBe('known')
      const kept = { ...entry('a'), state: 'waiting', attempts: 0, code: undefined, leafIndex: undefined }
      expect(await outbox.due(9, 0)).toEqual([kept])
      expect(await outbox.find(idOf('a'))).toEqual(kept)
      expect(await outbox.find(idOf('b'))).toBeUndefined()
      await outbox.publish(idOf('a'))
      expect(await outbox.put(entry('a'))).toBe('known')
      expect(await waiting(outbox)).toBe('')
    })

    it('knows the sources of what it holds', async () => {
      const { outbox } = await open()
      await outbox.put(entry('a', { source: 'a.gguf' }))
      expect([await outbox.hasSource('a.gguf'), await outbox.hasSource('192.0.2.1')]).toEqual([true, false])
    })

    it('gives the most severe first, then the oldest, and no more than asked for', async () => {
      const { outbox } = await open()
      for (const [name, severity] of [
        ['a', 2],
        ['b', 8],
        ['c', 2],
      ] as const)
        await outbox.put(entry(name, { severity }))
      expect(await waiting(outbox)).toBe('bac')
      expect(namesOf(await outbox.due(1, 0))).toBe('b')
      expect(namesOf(await outbox.list(9))).toBe('cba')
      expect(namesOf(await outbox.list(2))).toBe('cb')
    })

    it('gives up waiting ones of lower severity first, the oldest of the lowest, and counts them', async () => {
      const { outbox } = await open()
      for (const [name, severity] of [
        ['a', 3],
        ['b', 2],
        ['c', 2],
      ] as const)
        await outbox.put(entry(name, { severity }))
      expect(await outbox.put(entry('d', { severity: 9 }))).toBe('kept')
      expect(await waiting(outbox)).toBe('dac')
      expect(await outbox.put(entry('e', { severity: 2 }))).toBe('shed')
      expect(await outbox.put(entry('f', { severity: 3 }))).toBe('kept')
      expect(await waiting(outbox)).toBe('daf')
      expect(await outbox.find(idOf('b'))).toBeUndefined()
      expect((await outbox.counts()).shed).toEqual([{ severity: 2, count: 3 }])
    })

    it('bounds the bytes that wait, and gives nothing up for what would not fit anyway', async () => {
      const { outbox } = await open()
      await outbox.put(entry('a', { severity: 1, message: new Uint8Array(60) }))
      await outbox.put(entry('b', { severity: 9, message: new Uint8Array(30) }))
      expect(await outbox.put(entry('c', { severity: 5, message: new Uint8Array(80) }))).toBe('shed')
      expect(await waiting(outbox)).toBe('ba')
      expect(await outbox.put(entry('d', { severity: 5, message: new Uint8Array(70) }))).toBe('kept')
      expect(await waiting(outbox)).toBe('bd')
      expect((await outbox.counts()).bytes).toBe(100)
    })

    it('waits with what failed, and says how often and why', async () => {
      const { outbox } = await open()
      await outbox.put(entry('a'))
      await outbox.retry(idOf('a'), 3, 500, 'TOPIC_FULL')
      expect(await outbox.due(9, 499)).toEqual([])
      expect(await outbox.due(9, 500)).toMatchObject([{ attempts: 3, code: 'TOPIC_FULL', state: 'waiting' }])
    })

    it('publishes what was signed last, and remembers what was signed before', async () => {
      const { outbox } = await open()
      await outbox.put(entry('a'))
      const sealed = { message: Uint8Array.of(1), digests: [idOf('e'), idOf('d')], signedMs: 2_000 }
      await outbox.reseal(idOf('a'), sealed)
      expect(await outbox.due(9, 0)).toMatchObject([sealed])
      await outbox.publish(idOf('a'))
      await outbox.reseal(idOf('a'), { ...sealed, signedMs: 3_000 })
      expect((await outbox.find(idOf('a')))?.signedMs).toBe(2_000)
    })

    it('knows what was published, confirmed and dead; what is confirmed stays so', async () => {
      const { outbox } = await open()
      for (const name of ['a', 'b', 'c']) await outbox.put(entry(name))
      await outbox.publish(idOf('a'))
      await outbox.bury(idOf('b'), 'NOT_PERMITTED')
      // The log was faster than the word that it was published.
      await outbox.confirm(idOf('c'), 2n ** 60n)
      await outbox.publish(idOf('c'))
      await outbox.bury(idOf('c'), 'NOT_PERMITTED')
      await outbox.confirm(idOf('c'), 1n)
      expect(await outbox.find(idOf('c'))).toMatchObject({ state: 'confirmed', leafIndex: 2n ** 60n, code: undefined })
      expect(await outbox.list(9, 'dead')).toMatchObject([{ id: idOf('b'), code: 'NOT_PERMITTED' }])
      expect((await outbox.counts()).states).toEqual({ waiting: 0, published: 1, confirmed: 1, dead: 1 })
      await outbox.confirm(idOf('b'), 7n)
      expect(await outbox.find(idOf('b'))).toMatchObject({ state: 'confirmed', code: undefined })
      await outbox.publish(idOf('z'))
      expect(await outbox.find(idOf('z'))).toBeUndefined()
    })

    it('forgets the oldest that are done, dead ones last, and no waiting one', async () => {
      const { outbox } = await open()
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
        await outbox.put(entry(name))
        if (name === 'a') await outbox.bury(idOf(name), 'FIELD_INVALID')
        else if (name !== 'f') await outbox.publish(idOf(name))
      }
      expect(namesOf(await outbox.list(9))).toBe('fedca')
    })

    it('shows another process the same', async () => {
      const { outbox, another } = await open()
      if (another === undefined) return
      await outbox.put(entry('a'))
      await outbox.put(entry('b'))
      await outbox.confirm(idOf('b'), 5n)
      expect(await waiting(another())).toBe('a')
      expect(await another().find(idOf('b'))).toMatchObject({ state: 'confirmed', leafIndex: 5n })
    })

    describe.each(['before', 'after'] as const)('a write that fails %s it happened', (when) => {
      const failing = async (write: (outbox: Outbox) => Promise<unknown>) => {
        const { outbox, breakNext } = await open()
        await outbox.put(entry('a'))
        breakNext(when)
        await expect(write(outbox)).rejects.toMatchObject({ code: 'STORE_FAILED' })
        return { outbox, happened: when === 'after', found: await outbox.find(idOf('a')) }
      }
      it('keeps a finding once when it is put again', async () => {
        const { outbox, happened } = await failing((one) => one.put(entry('b')))
        expect(await outbox.put(entry('b'))).toBe(happened ? 'known' : 'kept')
        expect(await waiting(outbox)).toBe('ab')
      })

      it('reseals', async () => {
        const sealed = { message: Uint8Array.of(1), digests: [idOf('e')], signedMs: 2_000 }
        const { outbox, happened, found } = await failing((one) => one.reseal(idOf('a'), sealed))
        expect(found?.signedMs).toBe(happened ? 2_000 : 1_000)
        await outbox.reseal(idOf('a'), sealed)
        expect(await outbox.find(idOf('a'))).toMatchObject(sealed)
      })

      it('publishes', async () => {
        const { outbox, happened, found } = await failing((one) => one.publish(idOf('a')))
        expect(found?.state).toBe(happened ? 'published' : 'waiting')
        await outbox.publish(idOf('a'))
        expect((await outbox.counts()).states).toMatchObject({ waiting: 0, published: 1 })
      })

      it('counts an attempt once', async () => {
        const { outbox, happened, found } = await failing((one) => one.retry(idOf('a'), 1, 5, 'TOPIC_FULL'))
        expect(found?.attempts).toBe(happened ? 1 : 0)
        await outbox.retry(idOf('a'), 1, 5, 'TOPIC_FULL')
        expect((await outbox.find(idOf('a')))?.attempts).toBe(1)
      })

      it('buries', async () => {
        const { outbox, happened, found } = await failing((one) => one.bury(idOf('a'), 'FIELD_INVALID'))
        expect(found?.state).toBe(happened ? 'dead' : 'waiting')
        await outbox.bury(idOf('a'), 'FIELD_INVALID')
        expect(await outbox.list(9, 'dead')).toHaveLength(1)
      })

      it('confirms', async () => {
        const { outbox, happened, found } = await failing((one) => one.confirm(idOf('a'), 3n))
        expect(found?.leafIndex).toBe(happened ? 3n : undefined)
        await outbox.confirm(idOf('a'), 3n)
        expect((await outbox.find(idOf('a')))?.leafIndex).toBe(3n)
      })
    })
  })
}
