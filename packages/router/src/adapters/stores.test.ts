import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryStores } from './memory/stores.ts'
import { encodeRecord, parseRecord } from './record-text.ts'
import { openDatabase } from './sqlite/database.ts'
import { openSqliteStores } from './sqlite/stores.ts'
import { storesContract } from './stores.contract.ts'

let dir: string
let files = 0
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stores-'))
})
afterAll(() => rm(dir, { recursive: true }))

const fresh = () => join(dir, `${++files}.sqlite`)

describe('memory', () => storesContract(async () => memoryStores({ queueLimit: 3 })))
describe('sqlite', () => storesContract(async () => openSqliteStores(fresh(), { queueLimit: 3 })))

describe('the SQLite file', () => {
  it('keeps everything over a restart', async () => {
    const path = fresh()
    const first = openSqliteStores(path, { queueLimit: 3 })
    await first.queue.publish({ packet: 'p', attempt: 1, agent: 'a', bytes: utf8('x') }, 0)
    await first.replay.insert('k', 1n, 1n, 'id')
    await first.answers.append('r', [{ type: 'packet', key: 'open', value: utf8('open') }], true)
    await first.db.close()
    const second = openSqliteStores(path, { queueLimit: 3 })
    expect(await second.queue.lease('a', 1, 0, 10)).toHaveLength(1)
    expect(await second.replay.insert('k', 1n, 1n, 'other')).toBe('replayed')
    expect(await second.answers.read('r', 0, 9, 100)).toHaveLength(1)
    await second.answers.append('r', [{ type: 'packet', key: 'open', value: utf8('open') }], true)
    expect(await second.answers.read('r', 0, 9, 100)).toHaveLength(1)
    await second.db.close()
  })

  it('promises nothing that is not synced', () => {
    const db = openDatabase(fresh())
    expect(db.get('PRAGMA synchronous')).toEqual({ synchronous: 2 })
    expect(db.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' })
  })

  it('undoes only the operation that throws, of those that share a commit', async () => {
    const db = openDatabase(fresh())
    const add = (hash: string) => db.run('INSERT INTO invite (hash, until_ms) VALUES (?, 1)', hash)
    const results = await Promise.allSettled([
      db.write(() => add('a')),
      db.write(() => {
        add('b')
        throw new Error('no')
      }),
      db.write(() => add('c')),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(db.all('SELECT hash FROM invite')).toEqual([{ hash: 'a' }, { hash: 'c' }])
  })

  it('stays closed after a commit that failed, for nobody knows what is on the disk', async () => {
    const path = fresh()
    const db = openDatabase(path)
    const other = openDatabase(path)
    other.run('PRAGMA busy_timeout = 0')
    db.run('PRAGMA busy_timeout = 0')
    other.run('BEGIN IMMEDIATE')
    await expect(db.write(() => 1)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    other.run('ROLLBACK')
    await expect(db.write(() => 1)).rejects.toMatchObject({ code: 'STORE_FAILED' })
  })
})

describe('records as text', () => {
  it('come back as they were', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.bigInt(),
        fc.uint8Array().map((each) => Uint8Array.from(each)),
        fc.array(tie('node')),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('node')),
      ),
    })).node
    fc.assert(
      fc.property(value, (each) => {
        expect(JSON.stringify(parseRecord(encodeRecord({ each })), hex)).toBe(JSON.stringify({ each }, hex))
      }),
      { seed: 9 },
    )
  })
})

const hex = (_: string, each: unknown) =>
  each instanceof Uint8Array
    ? `bytes ${Buffer.from(each).toString('hex')}`
    : typeof each === 'bigint'
      ? `n${each}`
      : each
