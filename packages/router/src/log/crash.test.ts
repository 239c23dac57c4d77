// The crash rules, one test each. "crash" drops everything in memory and keeps what the stores hold.
import { equalBytes, fromUtf8, utf8 } from '@mystranet/sdk/bytes'
import { parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { isSignedBy, parseNote } from '@mystranet/sdk/proof/note'
import { describe, expect, it } from 'vitest'
import { testSigner } from '../../../sdk/test/note-keys.ts'
import { draftOf, logSigner, logWorld, testWitness, trust, verifyReceipt } from '../../test/log-world.ts'
import { memoryIndex, memoryWal, walDisk } from '../adapters/memory-log.ts'
import { parseAddCheckpoint } from '../witness/request.ts'
import { repairTiles, verifyLog } from './fsck.ts'

const UNCONFIRMED = expect.objectContaining({ code: 'LOG_UNCONFIRMED' })

const readerOf = (world: ReturnType<typeof logWorld>, note: Uint8Array | undefined) => ({
  read: async (path: string) => (path === 'checkpoint' ? note : world.tiles.files.get(path)),
})

/** Size and root of every note that any witness ever saw. */
const seenBy = (world: ReturnType<typeof logWorld>) =>
  world.witnesses.flatMap(({ requests }) =>
    requests.map((body) => parseCheckpoint(parseNote(parseAddCheckpoint(body).note).text)),
  )

const soundAfter = async (world: ReturnType<typeof logWorld>, names: readonly string[]) => {
  const log = await world.open()
  for (const name of names) {
    const [receipt] = await log.append([draftOf(name)], { deadlineMs: 5_000 })
    await verifyReceipt(receipt as NonNullable<typeof receipt>)
  }
  const report = await verifyLog(readerOf(world, log.published()?.note), trust)
  expect(report).toMatchObject({ findings: [], entries: world.disk.entries.length })
  const roots = new Map<bigint, Uint8Array>()
  for (const { treeSize, rootHash } of seenBy(world)) {
    const before = roots.get(treeSize) ?? rootHash
    expect(equalBytes(before, rootHash), `two roots for size ${treeSize}`).toBe(true)
    roots.set(treeSize, before)
  }
  await log.close()
}

describe('rule 1: the write-ahead log before everything', () => {
  for (const fault of ['fail', 'write-then-fail'] as const) {
    it(`stops when an append did "${fault}", shows nothing to a witness, and heals`, async () => {
      const world = logWorld()
      const wal = memoryWal(world.disk)
      const log = await world.open({ wal })
      await log.append([draftOf('a')])
      const requests = seenBy(world).length
      wal.fault = fault
      await expect(log.append([draftOf('b')])).rejects.toEqual(UNCONFIRMED)
      expect(log.stopped).toBe(true)
      expect(world.stops).toHaveLength(1)
      expect(seenBy(world)).toHaveLength(requests)
      await expect(log.append([draftOf('c')])).rejects.toMatchObject({ code: 'LOG_BUSY' })
      world.crash()
      await soundAfter(world, ['a', 'b', 'c'])
      expect(world.disk.entries).toHaveLength(3)
    })
  }
})

describe('rules 2 and 3: the signed checkpoint', () => {
  for (const fault of ['fail', 'write-then-fail'] as const) {
    it(`is seen by no witness when storing it did "${fault}"; after a restart there is one root for its size`, async () => {
      const world = logWorld()
      const log = await world.open()
      await log.append([draftOf('a')])
      const requests = seenBy(world).length
      world.checkpoints.fault = fault
      await expect(log.append([draftOf('b')])).rejects.toEqual(UNCONFIRMED)
      expect(seenBy(world)).toHaveLength(requests)
      world.crash()
      await soundAfter(world, ['b', 'c'])
    })
  }

  it('is sent again exactly as it was stored, before anything new', async () => {
    const world = logWorld()
    const log = await world.open({ deadlineMs: 30 })
    for (const witness of world.witnesses) witness.mode = 'silent'
    await expect(log.append([draftOf('a')])).rejects.toEqual(UNCONFIRMED)
    const stored = (await world.checkpoints.read('log.test/a'))?.note as Uint8Array
    await log.close()
    for (const witness of world.witnesses) {
      witness.mode = 'answers'
      witness.requests.length = 0
    }
    const reopened = await world.open()
    const [b, a] = await Promise.all([reopened.append([draftOf('b')]), reopened.append([draftOf('a')])])
    for (const { requests } of world.witnesses.slice(0, 3)) {
      expect(parseAddCheckpoint(requests[0] as Uint8Array).note).toEqual(stored)
    }
    expect(a[0]?.leafIndex).toBe(0n)
    expect(parseNote(a[0]?.note as Uint8Array).text).toBe(parseNote(stored).text)
    expect(b[0]?.leafIndex).toBe(1n)
    await reopened.close()
  })

  it('goes first also when the write-ahead log holds more than it covers', async () => {
    const now = () => 1_000
    const twin = logWorld()
    const both = await twin.open({ now })
    await both.append([draftOf('a'), draftOf('b')])
    await both.close()
    const world = logWorld()
    const log = await world.open({ now, deadlineMs: 30 })
    for (const witness of world.witnesses) witness.mode = 'silent'
    await expect(log.append([draftOf('a')])).rejects.toEqual(UNCONFIRMED)
    await log.close()
    // The crash came after the append of b and before the next checkpoint.
    world.disk.entries.push(...twin.disk.entries.slice(1))
    for (const witness of world.witnesses) {
      witness.mode = 'answers'
      witness.requests.length = 0
    }
    const reopened = await world.open({ now })
    const [receipt] = await reopened.append([draftOf('b')])
    expect(receipt?.leafIndex).toBe(1n)
    expect(seenBy(world)[0]?.treeSize).toBe(1n)
    expect((await world.index.roundOf(0))?.treeSize).toBe(1)
    expect(world.disk.entries).toHaveLength(2)
    await reopened.close()
  })

  it('does not start when the entries no longer give the root it signed', async () => {
    const world = logWorld()
    const log = await world.open()
    await log.append([draftOf('a'), draftOf('b')])
    await log.close()
    const [first] = world.disk.entries
    if (first === undefined) throw new Error('no entry')
    world.disk.entries[0] = { leaf: first.leaf.map((byte, i) => (i === 110 ? byte ^ 1 : byte)) }
    await expect(world.open()).rejects.toThrow(/do not give the root that was signed for size 2/)
    world.crash()
    world.disk.entries.pop()
    await expect(world.open()).rejects.toThrow(/checkpoint has 2 entries, the write-ahead log 1/)
  })
})

describe('rule 4: an answer lost on its way', () => {
  it('is healed through the 409', async () => {
    const world = logWorld()
    const log = await world.open()
    await log.append([draftOf('a')])
    for (const witness of world.witnesses) witness.mode = 'loses-answer'
    await expect(log.append([draftOf('b')], { deadlineMs: 60 })).rejects.toEqual(UNCONFIRMED)
    for (const witness of world.witnesses) witness.mode = 'answers'
    const [receipt] = await log.append([draftOf('b')], { deadlineMs: 5_000 })
    expect((await verifyReceipt(receipt as NonNullable<typeof receipt>)).leafIndex).toBe(1n)
    await log.close()
  })

  for (const fault of ['fail', 'write-then-fail'] as const) {
    it(`also when the witness's own store did "${fault}"`, async () => {
      const world = logWorld()
      const log = await world.open()
      await log.append([draftOf('a')])
      for (const { store } of world.witnesses) store.fault = fault
      const [receipt] = await log.append([draftOf('b')], { deadlineMs: 5_000 })
      await verifyReceipt(receipt as NonNullable<typeof receipt>)
      await log.close()
    })
  }
})

describe('rule 5: a witness restored from an old backup', () => {
  it('cosigns no more once its own signature proves it, and the log names it', async () => {
    const world = logWorld()
    const log = await world.open()
    await log.append([draftOf('a')])
    const victim = world.witnesses[0] as (typeof world.witnesses)[0]
    await expect.poll(async () => (await victim.store.read('log.test/a'))?.treeSize).toBe(1n)
    const backup = await victim.store.read('log.test/a')
    await log.append([draftOf('b')])
    await expect.poll(async () => (await victim.store.read('log.test/a'))?.treeSize).toBe(2n)
    const newest = await victim.store.read('log.test/a')
    if (!backup) throw new Error('no backup')
    await victim.store.replace('log.test/a', newest, backup)
    const [receipt] = await log.append([draftOf('c')])
    await expect.poll(async () => (await victim.store.read('log.test/a'))?.frozen).toBe(true)
    expect(world.faults.map(({ kind }) => kind)).toContain('regressed')
    const { signatures } = parseNote(receipt?.note as Uint8Array)
    expect(signatures.some((line) => isSignedBy(line, victim.witness.key))).toBe(false)
    await log.close()
  })
})

describe('rule 6: two sequencers', () => {
  it('do not share a write-ahead log', async () => {
    const world = logWorld()
    const log = await world.open()
    expect(() => world.config()).toThrow(/holds its lease/)
    await log.close()
  })

  it('do not both sign: the loser of the compare-and-swap stops before a witness hears of it', async () => {
    const world = logWorld()
    // A copied folder: its lease, log and index are its own, so only the checkpoint store stands between the two.
    const winner = await world.open()
    const loser = await world.open({ wal: memoryWal(walDisk()), index: memoryIndex() })
    await winner.append([draftOf('a')])
    await expect(loser.append([draftOf('b')])).rejects.toEqual(UNCONFIRMED)
    expect(loser.stopped).toBe(true)
    expect(String(world.stops[0])).toMatch(/another sequencer was first/)
    expect(new Set(seenBy(world).map(({ rootHash }) => Buffer.from(rootHash).toString('hex'))).size).toBe(1)
    await winner.close()
  })
})

describe('rule 7: the clock goes back', () => {
  it('for a witness: its times do not', async () => {
    let now = 100_000
    const witness = testWitness(testSigner('witness.test/7', 7), () => now)
    const world = logWorld()
    const log = await world.open()
    const times: bigint[] = []
    for (const [name, ms] of [
      ['a', 100_000],
      ['b', 50_000],
      ['c', 101_000],
    ] as const) {
      now = ms
      const [receipt] = await log.append([draftOf(name)])
      const size = (await witness.store.read('log.test/a'))?.treeSize ?? 0n
      const path = await log.tree.consistency(Number(size), Number(receipt?.leafIndex) + 1)
      const { encodeAddCheckpoint } = await import('../witness/request.ts')
      const answer = await witness.link.addCheckpoint(
        encodeAddCheckpoint({ oldSize: size, path, note: receipt?.note as Uint8Array }),
        AbortSignal.timeout(1_000),
      )
      expect(answer.status, fromUtf8(answer.body)).toBe(200)
      times.push((await witness.store.read('log.test/a'))?.timeSeconds as bigint)
    }
    expect(times).toEqual([100n, 100n, 101n])
    await log.close()
  })

  it('for the log: the times of its leaves do not, also across a restart', async () => {
    const world = logWorld()
    const log = await world.open({ now: () => 9_000 })
    await log.append([draftOf('a')])
    await log.close()
    const reopened = await world.open({ now: () => 1_000 })
    const [receipt] = await reopened.append([draftOf('b')])
    expect(parseLeaf(receipt?.leaf as Uint8Array).timeMs).toBe(9_000)
    await reopened.close()
  })
})

describe('rule 8: every other write that fails is fatal', () => {
  for (const port of ['tiles', 'index'] as const) {
    for (const fault of ['fail', 'write-then-fail'] as const) {
      it(`${port} did "${fault}": no receipt leaves; after a restart the log is sound`, async () => {
        const world = logWorld()
        const log = await world.open()
        await log.append([draftOf('a', { addendum: utf8('about a') })])
        world[port].fault = fault
        await expect(log.append([draftOf('b')])).rejects.toEqual(UNCONFIRMED)
        expect(log.stopped).toBe(true)
        world.crash()
        await soundAfter(world, ['a', 'b', 'c'])
        expect(world.disk.entries).toHaveLength(3)
      })
    }
  }

  it('a signer that fails stops the log before anything is signed', async () => {
    const world = logWorld()
    const broken = { ...logSigner, sign: () => Promise.reject(new Error('no such device')) }
    const log = await world.open({ signer: broken })
    await expect(log.append([draftOf('a')])).rejects.toEqual(UNCONFIRMED)
    expect(await world.checkpoints.read('log.test/a')).toBeUndefined()
    world.crash()
    await soundAfter(world, ['a'])
  })
})

describe('rule 9: a damaged tile', () => {
  it('is found, and made again from the entries without a signature', async () => {
    const world = logWorld()
    const log = await world.open()
    await log.append(Array.from({ length: 600 }, (_, i) => draftOf(`${i}`)))
    const note = log.published()?.note
    await log.close()
    const [full, missing] = ['tile/0/001', 'tile/1/000.p/2']
    const sound = world.tiles.files.get(full) as Uint8Array
    world.tiles.files.set(
      full,
      sound.map((byte, i) => (i === 4_000 ? byte ^ 1 : byte)),
    )
    world.tiles.files.delete(missing)
    const report = await verifyLog(readerOf(world, note), trust)
    expect(report.findings.map(({ where }) => where)).toEqual([full, missing])
    expect(await repairTiles(report, world.tiles)).toBe(2)
    expect(world.tiles.files.get(full)).toEqual(sound)
    expect((await verifyLog(readerOf(world, note), trust)).findings).toEqual([])
  })
})
