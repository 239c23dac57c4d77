/** The contracts of the log's ports. Call each once for every adapter. */

import { utf8 } from '@mystranet/sdk/bytes'
import { hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../adapters/memory-log.ts'
import type { CheckpointStore, EntryIndex, EntryWal, IndexedLeaf, TileStore, WalEntry, WitnessStore } from './ports.ts'

/** What a suite needs of an adapter. Everything it opens lies on one disk, which outlives it. */
export interface Bench<T> {
  /** Opens anew, as after a crash: whatever held it before is gone. */
  open(): Promise<T>
  /** The next write fails, or fails after it was done. */
  fault(fault: Fault): void
  /** Opens beside what is open already. */
  openSecond?(): Promise<T>
  close?(): Promise<void>
}

const entry = (name: string, addendum?: string): WalEntry => ({
  leaf: utf8(name),
  addendum: addendum === undefined ? undefined : utf8(addendum),
})

async function readAll(wal: EntryWal, from = wal.firstIndex): Promise<string[]> {
  const names: string[] = []
  for await (const { leaf } of wal.read(from)) names.push(new TextDecoder().decode(leaf))
  return names
}

export function describeEntryWal(name: string, create: () => Promise<Bench<EntryWal>>): void {
  describe(`${name} is an EntryWal`, () => {
    it('reads what was appended, in order, before and after a crash', async () => {
      const bench = await create()
      const wal = await bench.open()
      await wal.append(0, [entry('a', 'about a'), entry('b')])
      await wal.append(2, [entry('c', '')])
      expect(await readAll(wal)).toEqual(['a', 'b', 'c'])
      expect(await readAll(wal, 1)).toEqual(['b', 'c'])
      const again = await bench.open()
      const entries: WalEntry[] = []
      for await (const each of again.read(0)) entries.push(each)
      expect(entries.map(({ addendum }) => addendum)).toEqual([utf8('about a'), undefined, utf8('')])
      expect([again.firstIndex, again.nextIndex]).toEqual([0, 3])
      await bench.close?.()
    })

    it('refuses an index that is not the next, and writes nothing', async () => {
      const bench = await create()
      const wal = await bench.open()
      await expect(wal.append(1, [entry('a')])).rejects.toThrow(RangeError)
      await wal.append(0, [entry('a')])
      expect(await readAll(wal)).toEqual(['a'])
      await bench.close?.()
    })

    it('has one writer at a time', async () => {
      const bench = await create()
      const wal = await bench.open()
      await expect(bench.openSecond?.()).rejects.toThrow(/holds its lease/)
      await wal.close()
      const second = await bench.openSecond?.()
      await second?.append(0, [entry('a')])
      await second?.close()
      await bench.close?.()
    })

    for (const fault of ['fail', 'write-then-fail'] as const) {
      it(`takes nothing more after an append that did "${fault}", until it is opened anew`, async () => {
        const bench = await create()
        const wal = await bench.open()
        await wal.append(0, [entry('a')])
        bench.fault(fault)
        await expect(wal.append(1, [entry('b'), entry('c')])).rejects.toMatchObject({ code: 'STORE_FAILED' })
        await expect(wal.append(1, [entry('b')])).rejects.toThrow(/earlier append failed/)
        const again = await bench.open()
        const names = fault === 'fail' ? ['a'] : ['a', 'b', 'c']
        expect(await readAll(again)).toEqual(names)
        await again.append(names.length, [entry('d')])
        expect(await readAll(again)).toEqual([...names, 'd'])
        await bench.close?.()
      })
    }

    it('forgets whole tiles only, and keeps its indices', async () => {
      const bench = await create()
      const wal = await bench.open()
      for (let at = 0; at < 1_000; at += 100) {
        await wal.append(
          at,
          Array.from({ length: 100 }, (_, i) => entry(`${at + i}`)),
        )
      }
      await wal.trim(700)
      expect(wal.firstIndex % 256).toBe(0)
      expect(wal.firstIndex).toBeGreaterThan(0)
      expect(wal.firstIndex).toBeLessThanOrEqual(700)
      expect((await readAll(wal))[0]).toBe(`${wal.firstIndex}`)
      const again = await bench.open()
      expect([again.firstIndex, again.nextIndex]).toEqual([wal.firstIndex, 1_000])
      expect(await readAll(again, 999)).toEqual(['999'])
      await bench.close?.()
    })
  })
}

export function describeCheckpointStore(name: string, create: () => Promise<Bench<CheckpointStore>>): void {
  const note = utf8
  describe(`${name} is a CheckpointStore`, () => {
    it('reads nothing of a log never started, then its own write, also after a crash', async () => {
      const bench = await create()
      const store = await bench.open()
      expect(await store.read('log.test/a')).toBeUndefined()
      const written = await store.replace('log.test/a', undefined, note('1'))
      expect(await store.read('log.test/a')).toEqual(written)
      expect(await (await bench.open()).read('log.test/a')).toEqual(written)
      await bench.close?.()
    })

    it('lets exactly one of many writers win', async () => {
      const bench = await create()
      const store = await bench.open()
      const first = await store.replace('log.test/a', undefined, note('0'))
      if (first === 'conflict') throw new Error('unexpected conflict')
      const results = await Promise.all(
        Array.from({ length: 16 }, (_, i) => store.replace('log.test/a', first, note(`${i}`))),
      )
      const won = results.findIndex((result) => result !== 'conflict')
      expect(results.filter((result) => result !== 'conflict')).toHaveLength(1)
      expect((await store.read('log.test/a'))?.note).toEqual(note(`${won}`))
      await bench.close?.()
    })

    it('refuses a stale version, also one from before a crash, and keeps origins apart', async () => {
      const bench = await create()
      const store = await bench.open()
      const first = await store.replace('log.test/a', undefined, note('1'))
      if (first === 'conflict') throw new Error('unexpected conflict')
      await store.replace('log.test/a', first, note('2'))
      const again = await bench.open()
      expect(await again.replace('log.test/a', first, note('3'))).toBe('conflict')
      expect(await again.replace('log.test/a', undefined, note('3'))).toBe('conflict')
      expect(await again.replace('log.test/b', undefined, note('b'))).not.toBe('conflict')
      expect((await again.read('log.test/a'))?.note).toEqual(note('2'))
      await bench.close?.()
    })

    for (const [fault, held] of [
      ['fail', '1'],
      ['write-then-fail', '2'],
    ] as const) {
      it(`holds ${held} after a write that did "${fault}"`, async () => {
        const bench = await create()
        const store = await bench.open()
        const first = await store.replace('log.test/a', undefined, note('1'))
        if (first === 'conflict') throw new Error('unexpected conflict')
        bench.fault(fault)
        await expect(store.replace('log.test/a', first, note('2'))).rejects.toThrow()
        expect((await (await bench.open()).read('log.test/a'))?.note).toEqual(note(held))
        await bench.close?.()
      })
    }
  })
}

export function describeTileStore(name: string, create: () => Promise<Bench<TileStore>>): void {
  describe(`${name} is a TileStore`, () => {
    it('reads what was written, a full tile beside its partial ones, also after a crash', async () => {
      const bench = await create()
      const store = await bench.open()
      expect(await store.read('tile/0/000')).toBeUndefined()
      const paths = ['tile/0/000.p/7', 'tile/0/000', 'tile/entries/x001/x234/067', 'tile/entries/x001/x234/067.p/1']
      for (const path of paths) await store.write(path, utf8(path))
      await store.sync()
      const again = await bench.open()
      for (const path of paths) expect(await again.read(path)).toEqual(utf8(path))
      expect(await again.read('tile/0/001')).toBeUndefined()
      await bench.close?.()
    })

    it('lets a repair replace a tile', async () => {
      const bench = await create()
      const store = await bench.open()
      await store.write('tile/0/000', utf8('damaged'))
      await store.write('tile/0/000', utf8('sound'))
      await store.sync()
      expect(await store.read('tile/0/000')).toEqual(utf8('sound'))
      await bench.close?.()
    })

    for (const [fault, held] of [
      ['fail', 'old'],
      ['write-then-fail', 'new'],
    ] as const) {
      it(`holds the ${held} bytes, whole, after a write that did "${fault}"`, async () => {
        const bench = await create()
        const store = await bench.open()
        await store.write('tile/0/000', utf8('old'))
        bench.fault(fault)
        await expect(store.write('tile/0/000', utf8('new'))).rejects.toThrow()
        expect(await (await bench.open()).read('tile/0/000')).toEqual(utf8(held))
        await bench.close?.()
      })
    }
  })
}

function indexed(index: number, name: string, more: Partial<IndexedLeaf> = {}): IndexedLeaf {
  const head = { seq: BigInt(index + 1), leafHash: hashLeaf(utf8(name)) }
  return { index, key: utf8(name), partition: utf8('p'), head, ...more }
}

export function describeEntryIndex(name: string, create: () => Promise<Bench<EntryIndex>>): void {
  const round = (treeSize: number) => ({ treeSize, note: utf8(`round ${treeSize}`) })
  describe(`${name} is an EntryIndex`, () => {
    it('finds leaves, heads, addenda and rounds, also after a crash', async () => {
      const bench = await create()
      const index = await bench.open()
      expect([index.size, await index.latestRound(), await index.find(utf8('a'))]).toEqual([0, undefined, undefined])
      const addendum = { digest: sha256(utf8('x')), bytes: utf8('x') }
      await index.confirm([indexed(0, 'a', { addendum }), indexed(1, 'b')], round(2))
      await index.confirm([indexed(2, 'c')], round(3))
      const again = await bench.open()
      expect(again.size).toBe(3)
      expect(await again.find(utf8('b'))).toBe(1)
      expect(await again.head(utf8('p'))).toEqual({ seq: 3n, leafHash: hashLeaf(utf8('c')) })
      expect(await again.addendum(addendum.digest)).toEqual(utf8('x'))
      expect(await again.addendum(sha256(utf8('y')))).toBeUndefined()
      expect([await again.roundOf(1), await again.roundOf(2), await again.roundOf(3)]).toEqual([
        round(2),
        round(3),
        undefined,
      ])
      expect(await again.latestRound()).toEqual(round(3))
      await bench.close?.()
    })

    it('keeps the first index of a key', async () => {
      const bench = await create()
      const index = await bench.open()
      await index.confirm([indexed(0, 'a'), indexed(1, 'a')], round(2))
      expect(await index.find(utf8('a'))).toBe(0)
      await bench.close?.()
    })

    it('refuses a gap, an overlap and a round that does not fit', async () => {
      const bench = await create()
      const index = await bench.open()
      await index.confirm([indexed(0, 'a')], round(1))
      await expect(index.confirm([indexed(2, 'c')], round(2))).rejects.toThrow(RangeError)
      await expect(index.confirm([indexed(0, 'b')], round(2))).rejects.toThrow(RangeError)
      await expect(index.confirm([indexed(1, 'b')], round(3))).rejects.toThrow(RangeError)
      expect(index.size).toBe(1)
      await bench.close?.()
    })

    for (const [fault, size] of [
      ['fail', 1],
      ['write-then-fail', 3],
    ] as const) {
      it(`holds ${size} after a round that did "${fault}": all of it or nothing`, async () => {
        const bench = await create()
        const index = await bench.open()
        await index.confirm([indexed(0, 'a')], round(1))
        bench.fault(fault)
        await expect(index.confirm([indexed(1, 'b'), indexed(2, 'c')], round(3))).rejects.toThrow()
        const again = await bench.open()
        expect(again.size).toBe(size)
        expect(await again.find(utf8('b'))).toBe(size === 3 ? 1 : undefined)
        expect((await again.head(utf8('p')))?.seq).toBe(BigInt(size))
        await bench.close?.()
      })
    }
  })
}

export function describeWitnessStore(name: string, create: () => Promise<Bench<WitnessStore>>): void {
  const record = (treeSize: bigint, more = {}) => ({
    treeSize,
    rootHash: hashLeaf(utf8(`${treeSize}`)),
    timeSeconds: 5n,
    frozen: false,
    ...more,
  })
  describe(`${name} is a WitnessStore`, () => {
    it('reads its own write, also after a crash', async () => {
      const bench = await create()
      const store = await bench.open()
      expect(await store.read('log.test/a')).toBeUndefined()
      const large = record(9_007_199_254_740_993n, { frozen: true })
      expect(await store.replace('log.test/a', undefined, large)).toBe('stored')
      expect(await (await bench.open()).read('log.test/a')).toEqual(large)
      await bench.close?.()
    })

    it('swaps only what it holds, whichever field differs', async () => {
      const bench = await create()
      const store = await bench.open()
      await store.replace('log.test/a', undefined, record(1n))
      const stale = [
        undefined,
        record(2n),
        record(1n, { timeSeconds: 6n }),
        record(1n, { frozen: true }),
        record(1n, { rootHash: hashLeaf(utf8('x')) }),
      ]
      for (const expected of stale) expect(await store.replace('log.test/a', expected, record(3n))).toBe('conflict')
      expect(await store.read('log.test/a')).toEqual(record(1n))
      expect(await store.replace('log.test/a', record(1n), record(3n))).toBe('stored')
      expect(await store.replace('log.test/b', undefined, record(1n))).toBe('stored')
      await bench.close?.()
    })

    for (const [fault, held] of [
      ['fail', 1n],
      ['write-then-fail', 2n],
    ] as const) {
      it(`holds ${held} after a write that did "${fault}"`, async () => {
        const bench = await create()
        const store = await bench.open()
        await store.replace('log.test/a', undefined, record(1n))
        bench.fault(fault)
        await expect(store.replace('log.test/a', record(1n), record(2n))).rejects.toThrow()
        expect((await (await bench.open()).read('log.test/a'))?.treeSize).toBe(held)
        await bench.close?.()
      })
    }
  })
}
