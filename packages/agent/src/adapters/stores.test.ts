import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeAttemptStore, describeKeyStore } from '../stores.contract.ts'
import { memoryAttempts, memoryKeys } from './memory-stores.ts'
import { sqliteAttempts } from './sqlite-attempts.ts'
import { sqliteKeys } from './sqlite-keys.ts'

const folder = mkdtempSync(join(tmpdir(), 'weave-stores-'))
let files = 0
const freshPath = () => join(folder, `${files++}.db`)
afterAll(() => rmSync(folder, { recursive: true }))

/** A store on a file, and the same file opened by the next process. */
async function onFile<T extends { close(): Promise<void> }>(open: (path: string) => T) {
  const path = freshPath()
  let store = open(path)
  return {
    store: new Proxy({} as T, { get: (_, name) => store[name as keyof T] }),
    reopen: async () => {
      await store.close()
      store = open(path)
      return store
    },
  }
}

describeAttemptStore('memoryAttempts', async () => {
  const store = memoryAttempts()
  return { store, reopen: async () => store }
})
describeAttemptStore('sqliteAttempts', () => onFile(sqliteAttempts))
describeKeyStore('memoryKeys', async () => {
  const store = memoryKeys()
  return { store, reopen: async () => store }
})
describeKeyStore('sqliteKeys', () => onFile(sqliteKeys))

describe('the files', () => {
  it.each([
    ['attempts', sqliteAttempts],
    ['keys', sqliteKeys],
  ])('of %s belong to one process', async (_, open) => {
    const path = freshPath()
    const store = open(path)
    await (store as { list?: () => Promise<unknown> }).list?.()
    expect(() => open(path)).toThrow(expect.objectContaining({ code: 'STORE_FAILED' }))
    await store.close()
    await open(path).close()
  })

  it('of keys are for their owner only, and hold no removed seed', async () => {
    const path = freshPath()
    const store = sqliteKeys(path)
    const seed = new TextEncoder().encode('a seed that must vanish for good')
    const ends = { suite: 1, createdMs: 1, endsMs: 2 }
    await store.add([{ id: 'aa', kind: 'prekey', seed, ...ends }])
    const names = [path, `${path}-wal`, `${path}-shm`].filter(existsSync)
    for (const name of names) expect(statSync(name).mode & 0o077).toBe(0)
    const holds = () =>
      names.some((name) => existsSync(name) && readFileSync(name, 'latin1').includes('must vanish for good'))
    expect(holds()).toBe(true)
    await store.remove('aa')
    expect(holds()).toBe(false)
    await store.close()
  })
})
