import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { afterAll, describe, expect, it } from 'vitest'
import type { EntryWal } from '../log/ports.ts'
import {
  type Bench,
  describeCheckpointStore,
  describeEntryIndex,
  describeEntryWal,
  describeTileStore,
  describeWitnessStore,
} from '../log/stores.contract.ts'
import { filesTiles } from './files-tiles.ts'
import { filesWal } from './files-wal.ts'
import {
  type Fault,
  type Faulty,
  memoryCheckpoints,
  memoryIndex,
  memoryTiles,
  memoryWal,
  memoryWitnessStore,
  walDisk,
} from './memory-log.ts'
import { sqliteLog, sqliteWitnessStore } from './sqlite-log.ts'

const folders: string[] = []
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'log-'))
  folders.push(dir)
  return dir
}
afterAll(async () => {
  for (const dir of folders) await rm(dir, { recursive: true })
})

/** A store in memory is its own disk. */
const memoryBench =
  <T>(store: T & Faulty) =>
  async (): Promise<Bench<T>> => ({
    open: async () => store,
    fault: (fault) => {
      store.fault = fault
    },
  })

/** Turns a fault into an exception at a step of the adapter. */
const probing = <Step extends string>(steps: Record<Exclude<Fault, 'none'>, Step>) => {
  let armed: Step | undefined
  return {
    fault: (fault: Fault) => {
      armed = fault === 'none' ? undefined : steps[fault]
    },
    probe: (step: Step) => {
      if (step !== armed) return
      armed = undefined
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    },
  }
}

const sqliteBench =
  <T>(open: (options: { path: string; probe(step: string): void }) => { store: T; close(): void }) =>
  async (): Promise<Bench<T>> => {
    const path = join(await folder(), 'log.db')
    const { fault, probe } = probing({ fail: 'before-commit', 'write-then-fail': 'after-commit' })
    let close = () => {}
    return {
      fault,
      async open() {
        close()
        const opened = open({ path, probe })
        close = opened.close
        return opened.store
      },
      async close() {
        close()
      },
    }
  }

describeEntryWal('memoryWal()', async () => {
  const disk = walDisk()
  let wal: ReturnType<typeof memoryWal> | undefined
  const openSecond = async () => {
    wal = memoryWal(disk)
    return wal
  }
  return {
    openSecond,
    open() {
      disk.leased = false
      return openSecond()
    },
    fault: (fault) => {
      if (wal) wal.fault = fault
    },
  }
})

async function walBench(segmentBytes: number): Promise<Bench<EntryWal> & { dir: string }> {
  const dir = await folder()
  const { fault, probe } = probing({ fail: 'before-write', 'write-then-fail': 'after-fsync' })
  let wal: EntryWal | undefined
  const openSecond = () => filesWal({ dir, segmentBytes, probe })
  return {
    dir,
    fault,
    openSecond,
    async open() {
      await wal?.close()
      wal = await openSecond()
      return wal
    },
    close: async () => wal?.close(),
  }
}
describeEntryWal('filesWal(), one segment for each append,', () => walBench(1))
describeEntryWal('filesWal(), several appends in a segment,', () => walBench(3_000))

describe('filesWal() after a crash', () => {
  const two = async (segmentBytes = 1 << 20) => {
    const bench = await walBench(segmentBytes)
    const wal = await bench.open()
    await wal.append(0, [{ leaf: utf8('a') }])
    await wal.append(1, [{ leaf: utf8('b') }])
    await wal.close()
    const names = (await readdir(bench.dir)).filter((name) => name.endsWith('.wal'))
    const path = join(bench.dir, names[0] as string)
    return { bench, path, bytes: await readFile(path) }
  }

  it('drops a torn record, wherever it was cut, and goes on behind the last whole one', async () => {
    const { bytes } = await two()
    for (let cut = bytes.length - 1; cut > bytes.length / 2; cut -= 3) {
      const { bench, path } = await two()
      await writeFile(path, bytes.subarray(0, cut))
      const wal = await bench.open()
      expect(wal.nextIndex).toBe(1)
      await wal.append(1, [{ leaf: utf8('c') }])
      expect((await bench.open()).nextIndex).toBe(2)
      await bench.close?.()
    }
  })

  it('drops zeros that a grown file was left with', async () => {
    const { bench, path, bytes } = await two()
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(100)]))
    expect((await bench.open()).nextIndex).toBe(2)
    await bench.close?.()
  })

  it('refuses a damaged record with others behind it, and gives the lease back', async () => {
    const { bench, path, bytes } = await two()
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    await writeFile(path, bytes)
    await expect(bench.openSecond?.()).rejects.toThrow(/checksum/)
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    await writeFile(path, bytes)
    expect((await bench.open()).nextIndex).toBe(2)
    await bench.close?.()
  })

  it('refuses a torn record in a segment that is not the last', async () => {
    const { bench, path, bytes } = await two(1)
    await writeFile(path, bytes.subarray(0, -1))
    await expect(bench.openSecond?.()).rejects.toThrow(/checksum/)
  })

  it('never fsyncs a descriptor again after EIO', async () => {
    const dir = await folder()
    const steps: string[] = []
    const wal = await filesWal({
      dir,
      probe: (step) => {
        steps.push(step)
        if (step === 'before-fsync') throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
      },
    })
    await expect(wal.append(0, [{ leaf: utf8('a') }])).rejects.toMatchObject({ cause: { code: 'EIO' } })
    const before = [...steps]
    await expect(wal.append(0, [{ leaf: utf8('a') }])).rejects.toThrow(/earlier append failed/)
    expect(steps).toEqual(before)
    await wal.close()
  })
})

describeCheckpointStore('memoryCheckpoints()', () => memoryBench(memoryCheckpoints())())
describeCheckpointStore(
  'sqliteLog().checkpoints',
  sqliteBench((options) => {
    const { checkpoints, close } = sqliteLog(options)
    return { store: checkpoints, close }
  }),
)

describeEntryIndex('memoryIndex()', () => memoryBench(memoryIndex())())
describeEntryIndex(
  'sqliteLog().index',
  sqliteBench((options) => {
    const { index, close } = sqliteLog(options)
    return { store: index, close }
  }),
)

describeWitnessStore('memoryWitnessStore()', () => memoryBench(memoryWitnessStore())())
describeWitnessStore(
  'sqliteWitnessStore()',
  sqliteBench((options) => {
    const store = sqliteWitnessStore(options)
    return { store, close: store.close }
  }),
)

describeTileStore('memoryTiles()', () => memoryBench(memoryTiles())())
describeTileStore('filesTiles()', async () => {
  const dir = await folder()
  const { fault, probe } = probing({ fail: 'before-write', 'write-then-fail': 'after-write' })
  return { fault, open: async () => filesTiles({ dir, probe }) }
})

it('filesTiles() never leaves its folder', async () => {
  const tiles = filesTiles({ dir: await folder() })
  await expect(tiles.read('../secret')).rejects.toThrow(RangeError)
  await expect(tiles.write('tile/0/../../../000', utf8('x'))).rejects.toThrow(RangeError)
})
