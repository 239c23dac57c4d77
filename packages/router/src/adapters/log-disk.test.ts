/**
 * Every write of the log and its witness on a disk that refuses it, or that did it and says otherwise: nothing is promised,
 * what was there before is whole, and after a restart the same write is done once.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { afterAll, describe, expect, it } from 'vitest'
import { DISK_FAULTS, DISK_OUTCOMES, failNextCommit, withRoomFor } from '../../../../scripts/faults/failing-disk.ts'
import type { EntryWal, WitnessRecord } from '../log/ports.ts'
import { filesTiles } from './files-tiles.ts'
import { filesWal } from './files-wal.ts'
import { sqliteLog, sqliteWitnessStore } from './sqlite-log.ts'

const root = mkdtempSync(join(tmpdir(), 'log-disk-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const folder = () => join(root, `${++folders}`)

const STORE_FAILED = { code: 'STORE_FAILED' }
const onLinux = it.runIf(process.platform === 'linux')

async function entriesOf(wal: EntryWal): Promise<string[]> {
  const names: string[] = []
  for await (const { leaf } of wal.read(0)) names.push(new TextDecoder().decode(leaf))
  return names
}

describe('the write-ahead log', () => {
  for (const code of ['EIO', 'ENOSPC']) {
    it.each([
      ['before-write', ['a']],
      ['before-fsync', ['a', 'b']],
      ['after-fsync', ['a', 'b']],
    ] as const)(`${code}, %s`, async (at, left) => {
      const dir = folder()
      let isArmed = false
      const probe = (step: string) => {
        if (isArmed && step === at) throw Object.assign(new Error(code), { code })
      }
      const wal = await filesWal({ dir, probe })
      await wal.append(0, [{ leaf: utf8('a') }])
      isArmed = true
      await expect(wal.append(1, [{ leaf: utf8('b') }])).rejects.toMatchObject({ ...STORE_FAILED, cause: { code } })
      isArmed = false
      await expect(wal.append(1, [{ leaf: utf8('b') }])).rejects.toThrow(/earlier append failed/)
      await wal.close()
      const again = await filesWal({ dir })
      expect(await entriesOf(again)).toEqual(left)
      await again.append(left.length, [{ leaf: utf8('c') }])
      expect(await entriesOf(again)).toEqual([...left, 'c'])
      await again.close()
    })
  }

  onLinux.each([1, 7, 8, 19, 40, 400])('written in part by the system, %i bytes of a record', async (part) => {
    const dir = folder()
    const wal = await filesWal({ dir })
    await wal.append(0, [{ leaf: utf8('a') }])
    const [name] = readdirSync(dir).filter((each) => each.endsWith('.wal'))
    const path = join(dir, name as string)
    const room = statSync(path).size + part
    const big = [{ leaf: new Uint8Array(1_000).fill(98) }]
    await withRoomFor(room, () => expect(wal.append(1, big)).rejects.toMatchObject(STORE_FAILED))
    expect(statSync(path).size).toBe(room)
    await wal.close()
    const again = await filesWal({ dir })
    expect(await entriesOf(again)).toEqual(['a'])
    await again.append(1, [{ leaf: utf8('c') }])
    await again.close()
    const last = await filesWal({ dir })
    expect(await entriesOf(last)).toEqual(['a', 'c'])
    await last.close()
  })
})

describe('tiles', () => {
  for (const code of ['EIO', 'ENOSPC']) {
    it.each([
      ['before-write', 'old'],
      ['after-write', 'new'],
    ] as const)(`${code}, %s`, async (at, left) => {
      let isArmed = false
      const probe = (step: string) => {
        if (isArmed && step === at) throw Object.assign(new Error(code), { code })
      }
      const dir = folder()
      const tiles = filesTiles({ dir, probe })
      await tiles.write('tile/0/000', utf8('old'))
      isArmed = true
      await expect(tiles.write('tile/0/000', utf8('new'))).rejects.toMatchObject({ code })
      isArmed = false
      expect(await filesTiles({ dir }).read('tile/0/000')).toEqual(utf8(left))
      await tiles.write('tile/0/000', utf8('new'))
      expect(await tiles.read('tile/0/000')).toEqual(utf8('new'))
    })
  }

  onLinux('written in part by the system: the tile before it stays', async () => {
    const dir = folder()
    const tiles = filesTiles({ dir })
    await tiles.write('tile/0/000.p/1', utf8('whole'))
    const bytes = new Uint8Array(8_192).fill(1)
    await withRoomFor(5_000, () => expect(tiles.write('tile/0/000', bytes)).rejects.toMatchObject({ code: 'EFBIG' }))
    expect(await tiles.read('tile/0/000')).toBeUndefined()
    expect(await tiles.read('tile/0/000.p/1')).toEqual(utf8('whole'))
    await tiles.write('tile/0/000', bytes)
    expect(await tiles.read('tile/0/000')).toEqual(bytes)
  })
})

const witnessed: WitnessRecord = { treeSize: 1n, rootHash: new Uint8Array(32).fill(5), timeSeconds: 9n, frozen: false }
const leaf = {
  key: new Uint8Array(37).fill(1),
  index: 0,
  partition: new Uint8Array(32).fill(2),
  head: { seq: 1n, leafHash: new Uint8Array(32).fill(3) },
  addendum: { digest: new Uint8Array(32).fill(4), bytes: utf8('about it') },
}

/** Opens a store of the file, writes once, and tells what is to be seen then. */
const DATABASES = {
  checkpoint: (path: string) => {
    const { checkpoints, close } = sqliteLog({ path })
    return {
      close,
      act: async () => {
        const held = await checkpoints.read('log.test/a')
        // After a restart the log sends what is stored, and signs nothing else for that size.
        return held ?? checkpoints.replace('log.test/a', undefined, utf8('signed'))
      },
      seen: async () => (await checkpoints.read('log.test/a'))?.note,
    }
  },
  index: (path: string) => {
    const { index, close } = sqliteLog({ path })
    return {
      close,
      // After a restart the log confirms what the index does not hold yet.
      act: async () => {
        if (index.size === 0) await index.confirm([leaf], { treeSize: 1, note: utf8('cosigned') })
      },
      seen: async () => [
        index.size,
        await index.find(leaf.key),
        await index.head(leaf.partition),
        await index.addendum(leaf.addendum.digest),
        await index.roundOf(0),
      ],
    }
  },
  witness: (path: string) => {
    const store = sqliteWitnessStore({ path })
    return {
      close: store.close,
      act: async () => (await store.read('log.test/a')) ?? store.replace('log.test/a', undefined, witnessed),
      seen: () => store.read('log.test/a'),
    }
  },
}

describe.each(Object.entries(DATABASES))('the database, %s', (_, open) => {
  const wanted = async () => {
    const store = open(join(folder(), 'log.db'))
    await store.act()
    const seen = await store.seen()
    store.close()
    return seen
  }
  const isWhole = async (path: string) => {
    const again = open(path)
    await again.act()
    expect(await again.seen()).toEqual(await wanted())
    again.close()
  }

  for (const fault of DISK_FAULTS) {
    it.each(DISK_OUTCOMES)(`%s, ${fault}`, async (outcome) => {
      const path = join(folder(), 'log.db')
      const store = open(path)
      const armed = failNextCommit(fault, outcome)
      try {
        await expect(store.act()).rejects.toMatchObject(STORE_FAILED)
        expect(armed.hasStruck).toBe(true)
      } finally {
        armed.disarm()
      }
      store.close()
      await isWhole(path)
    })
  }

  onLinux('written in part by the system', async () => {
    const path = join(folder(), 'log.db')
    const store = open(path)
    const room = statSync(`${path}-wal`).size + 50
    await withRoomFor(room, () => expect(store.act()).rejects.toMatchObject(STORE_FAILED))
    store.close()
    await isWhole(path)
  })
})
