import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../../bytes.ts'
import { type Disk, nodeDisk, readIdentityFile, writeIdentityFile } from './identity-file.ts'

const [OLD, NEW] = [utf8('the old keys'), utf8('the new keys')]
const FAILED = (code: string, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weave-identity-'))
  path = join(folder, 'identity.age')
})
afterEach(() => rm(folder, { recursive: true }))

const STEPS = ['create', 'write', 'sync', 'close', 'link', 'rename', 'syncFolder'] as const
type Step = (typeof STEPS)[number]

/** The disk of this machine, whose one step fails: before it has any effect, or after it had its whole effect. */
function failingDisk(step: Step, persists: boolean): Disk & { steps: Step[] } {
  const steps: Step[] = []
  const run = async <Result>(name: Step, effect: () => Promise<Result>): Promise<Result> => {
    steps.push(name)
    if (name !== step) return effect()
    if (persists && name !== 'create') await effect() // `create` sees to that itself, and closes its handle
    throw new Error(`${name} failed`)
  }
  return {
    steps,
    create: async (at) => {
      if (step === 'create' && persists) await (await nodeDisk.create(at)).close()
      const open = await run('create', () => nodeDisk.create(at))
      return {
        write: (bytes) => run('write', () => open.write(bytes)),
        sync: () => run('sync', () => open.sync()),
        close: async () => {
          // A handle is closed in any case: a leak would be the test's, not the program's.
          await open.close()
          await run('close', async () => {})
        },
      }
    },
    link: (from, to) => run('link', () => nodeDisk.link(from, to)),
    rename: (from, to) => run('rename', () => nodeDisk.rename(from, to)),
    remove: nodeDisk.remove,
    syncFolder: (at) => run('syncFolder', () => nodeDisk.syncFolder(at)),
  }
}

describe('writeIdentityFile()', () => {
  it('writes a file that only its owner can read, and leaves nothing beside it', async () => {
    await writeIdentityFile(path, NEW)
    expect(fromUtf8(await readIdentityFile(path, { plain: true }))).toBe('the new keys')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['identity.age'])
  })

  it('keeps an existing file unless it is told to replace it', async () => {
    await writeIdentityFile(path, OLD)
    await expect(writeIdentityFile(path, NEW)).rejects.toThrow(FAILED('STORE_FAILED', /it exists/))
    expect(await readIdentityFile(path)).toEqual(OLD)
    await writeIdentityFile(path, NEW, { replace: true })
    expect(await readIdentityFile(path)).toEqual(NEW)
    expect(await readdir(folder)).toEqual(['identity.age'])
  })

  it('makes content durable before the name, and the name before it returns', async () => {
    const disk = failingDisk('rename', true)
    await expect(writeIdentityFile(path, NEW, { replace: true, disk })).rejects.toThrow(FAILED('STORE_FAILED'))
    expect(disk.steps).toEqual(['create', 'write', 'sync', 'close', 'rename'])
    const other = failingDisk('syncFolder', true)
    await expect(writeIdentityFile(join(folder, 'b'), NEW, { disk: other })).rejects.toThrow(FAILED('STORE_FAILED'))
    expect(other.steps).toEqual(['create', 'write', 'sync', 'close', 'link', 'syncFolder'])
  })

  const faults = STEPS.flatMap((step) => [
    { step, persists: false, how: 'failed' },
    { step, persists: true, how: 'failed but persisted' },
  ])

  it.each(faults)('leaves the old file or the new one when $step $how', async ({ step, persists }) => {
    const inPlace = (at: 'link' | 'rename') => step === 'syncFolder' || (step === at && persists)
    if (step !== 'link') {
      await writeFile(path, OLD, { mode: 0o600 })
      const disk = failingDisk(step, persists)
      await expect(writeIdentityFile(path, NEW, { replace: true, disk })).rejects.toThrow(FAILED('STORE_FAILED'))
      expect(new Uint8Array(await readFile(path))).toEqual(inPlace('rename') ? NEW : OLD)
      expect((await readdir(folder)).filter((name) => !name.endsWith('.tmp'))).toEqual(['identity.age'])
      // The same call may be made again, and ends the matter.
      await writeIdentityFile(path, NEW, { replace: true })
      expect(await readIdentityFile(path)).toEqual(NEW)
      await rm(path)
    }
    if (step !== 'rename') {
      const disk = failingDisk(step, persists)
      await expect(writeIdentityFile(path, NEW, { disk })).rejects.toThrow(FAILED('STORE_FAILED'))
      if (inPlace('link')) expect(await readIdentityFile(path)).toEqual(NEW)
      else await expect(readIdentityFile(path)).rejects.toThrow(FAILED('NOT_FOUND'))
    }
  })

  it.each(['write', 'sync', 'link'] as const)('takes its temporary file away when %s failed', async (step) => {
    await expect(writeIdentityFile(path, NEW, { disk: failingDisk(step, false) })).rejects.toThrow(/it failed/)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('readIdentityFile()', () => {
  it('says that a file is not there', async () => {
    await expect(readIdentityFile(path)).rejects.toThrow(FAILED('NOT_FOUND'))
  })

  it('refuses a plain file that others can read', async () => {
    await writeFile(path, OLD)
    await chmod(path, 0o640)
    await expect(readIdentityFile(path, { plain: true })).rejects.toThrow(
      FAILED('IDENTITY_FILE_INVALID', /mode is 640/),
    )
    expect(await readIdentityFile(path)).toEqual(OLD)
  })

  it('does not read without bounds', async () => {
    await writeFile(path, new Uint8Array(64 * 1024 + 1))
    await expect(readIdentityFile(path)).rejects.toThrow(FAILED('IDENTITY_FILE_INVALID', /65537 bytes/))
  })

  it('says that reading failed', async () => {
    await expect(readIdentityFile(folder)).rejects.toThrow(FAILED('STORE_FAILED'))
  })
})
