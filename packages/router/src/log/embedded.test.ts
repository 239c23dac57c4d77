// The log on real files, SQLite and HTTP witnesses, as `weave up` runs it.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '@mystranet/sdk/bytes'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { testSigner } from '../../../sdk/test/note-keys.ts'
import { draftOf, logSigner, trust, verifyReceipt } from '../../test/log-world.ts'
import { filesTiles } from '../adapters/files-tiles.ts'
import { filesWal } from '../adapters/files-wal.ts'
import { sqliteLog, sqliteWitnessStore } from '../adapters/sqlite-log.ts'
import { witnessRoutes } from '../witness/routes.ts'
import { createWitness } from '../witness/witness.ts'
import { verifyLog } from './fsck.ts'
import { httpWitness } from './http-witness.ts'
import { openLog } from './log.ts'

describe('the embedded log', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'log-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const open = async () => {
    const stores = [2, 3, 4, 5].map((seed) => sqliteWitnessStore({ path: join(dir, `witness-${seed}.db`) }))
    const witnesses = stores.map((store, i) => {
      const signer = testSigner(`witness.test/${i + 2}`, i + 2)
      const app = witnessRoutes(createWitness({ signer, logs: [logSigner.logKey], store }))
      return httpWitness({
        name: `${i + 2}`,
        url: 'http://witness.test/',
        fetch: async (url, init) => app.request(url, init),
      })
    })
    const db = sqliteLog({ path: join(dir, 'log.db') })
    const wal = await filesWal({ dir: join(dir, 'wal'), segmentBytes: 20_000 })
    const tiles = filesTiles({ dir: join(dir, 'public') })
    const log = await openLog({
      ...db,
      signer: logSigner,
      trust,
      witnesses,
      wal,
      tiles,
      roundFloorMs: 0,
      trimEvery: 300,
    })
    const close = async () => {
      await log.close()
      db.close()
      for (const store of stores) store.close()
    }
    return { log, wal, close }
  }
  const reader = (note: Uint8Array | undefined) => ({
    read: async (path: string) =>
      path === 'checkpoint'
        ? note
        : new Uint8Array(await readFile(join(dir, 'public', path)).catch(() => new Uint8Array())),
  })

  it('keeps every receipt over restarts, trims what the tiles hold, and passes fsck from its folder', async () => {
    const receipts = new Map<string, unknown>()
    for (let run = 0; run < 3; run++) {
      const { log, wal, close } = await open()
      for (let batch = 0; batch < 4; batch++) {
        const names = Array.from({ length: 70 }, (_, i) => `${run}/${batch}/${i}`)
        const given = await log.append(names.map((name) => draftOf(name, { addendum: utf8(`about ${name}`) })))
        for (const [i, name] of names.entries()) receipts.set(name, given[i])
        await verifyReceipt(given[69] as NonNullable<(typeof given)[69]>)
      }
      for (const [name, receipt] of receipts) expect(await log.find(draftOf(name))).toEqual(receipt)
      const report = await verifyLog(reader(log.published()?.note), trust)
      expect(report).toMatchObject({ entries: 280 * (run + 1), findings: [] })
      if (run === 2) expect(wal.firstIndex).toBeGreaterThan(0)
      await close()
    }
  })

  it('opens again when the process dies with everything open', async () => {
    const first = await open()
    const [receipt] = await first.log.append([draftOf('a')])
    // What a dead process leaves behind: the lease goes, files stay as they are.
    await first.wal.close()
    const second = await open()
    expect(await second.log.append([draftOf('a')])).toEqual([receipt])
    await second.close()
    await first.close().catch(() => {})
  })
})

it('httpWitness() refuses an endless answer', async () => {
  const endless = async () => new Response(new Uint8Array(70_000))
  const link = httpWitness({ name: 'w', url: 'http://w.test', fetch: endless })
  await expect(link.addCheckpoint(utf8('x'), AbortSignal.timeout(1_000))).rejects.toThrow(/over 65536 bytes/)
})
