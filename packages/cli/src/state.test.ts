import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeStateFolder, readFileIfThere, secretFile, stateFolder, writeFileWhole } from './state.ts'

const folder = () => mkdtemp(join(tmpdir(), 'weave-state-'))
const bytes = (text: string) => new TextEncoder().encode(text)

test('a file is written whole, for its owner only, and leaves nothing beside it', async () => {
  const at = join(await folder(), 'f')
  await writeFileWhole(at, bytes('one'))
  await writeFileWhole(at, bytes('two'))
  expect(await readFile(at, 'utf8')).toBe('two')
  expect((await stat(at)).mode & 0o777).toBe(0o600)
  expect(await readdir(join(at, '..'))).toEqual(['f'])
})

test('without replace what is there stays, and the call says so', async () => {
  const at = join(await folder(), 'f')
  await writeFile(at, 'mine')
  await expect(writeFileWhole(at, bytes('other'), { replace: false })).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringContaining('there already'),
  })
  expect(await readFile(at, 'utf8')).toBe('mine')
  expect(await readdir(join(at, '..'))).toEqual(['f'])
})

test('a write that fails leaves the old bytes and no draft', async () => {
  const at = join(await folder(), 'f')
  // A folder in its place: the rename fails after the draft was written.
  await mkdir(join(at, 'inside'), { recursive: true })
  await expect(writeFileWhole(at, bytes('x'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(await readdir(join(at, '..'))).toEqual(['f'])
  expect(await readFileIfThere(join(at, 'none'))).toBeUndefined()
})

test('a secret is made once, also by many who ask at once', async () => {
  const at = join(await folder(), 's')
  let made = 0
  const secrets = await Promise.all(Array.from({ length: 8 }, () => secretFile(at, () => `secret-${made++}`)))
  expect(new Set(secrets).size).toBe(1)
  expect(secrets[0]).toBe((await readFile(at, 'utf8')).trim())
})

test('the state folder is closed to others even when it was open', async () => {
  const root = join(await folder(), 'state')
  await mkdir(root, { mode: 0o755 })
  await makeStateFolder(stateFolder(root))
  expect((await stat(root)).mode & 0o777).toBe(0o700)
})
