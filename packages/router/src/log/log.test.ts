import { utf8 } from '@mystranet/sdk/bytes'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import { describe, expect, it } from 'vitest'
import { draftOf, logWorld, verifyReceipt } from '../../test/log-world.ts'

const BUSY = expect.objectContaining({ code: 'LOG_BUSY' })
const UNCONFIRMED = expect.objectContaining({ code: 'LOG_UNCONFIRMED' })

describe('append()', () => {
  it('gives receipts that verify from their files', async () => {
    const log = await logWorld().open()
    const receipts = await log.append([draftOf('a'), draftOf('b', { attempt: 1, kind: 'attempt' })])
    for (const [i, receipt] of receipts.entries()) {
      expect((await verifyReceipt(receipt)).leafIndex).toBe(BigInt(i))
    }
    await log.close()
  })

  it('links the leaves of a partition, across batches', async () => {
    const log = await logWorld().open({ now: () => 1_000 })
    const addendum = utf8('who spoke to whom')
    const [first] = await log.append([draftOf('a', { addendum })])
    const [second, third, other] = await log.append([
      draftOf('b'),
      draftOf('c', { kind: 'ack', commitment: hashLeaf(utf8('c')) }),
      draftOf('d', { partition: hashLeaf(utf8('elsewhere')) }),
    ])
    const leaves = [first, second, third, other].map((receipt) => parseLeaf(receipt?.leaf as Uint8Array))
    expect(leaves.map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 1n])
    expect(leaves[0]?.previous).toEqual(new Uint8Array(32))
    expect(leaves[1]?.previous).toEqual(hashLeaf(first?.leaf as Uint8Array))
    expect(leaves[2]?.previous).toEqual(hashLeaf(second?.leaf as Uint8Array))
    expect(leaves[3]?.previous).toEqual(new Uint8Array(32))
    expect(leaves[0]).toMatchObject({ timeMs: 1_000, addendumDigest: sha256(addendum) })
    expect(first?.addendum).toEqual(addendum)
    await log.close()
  })

  it('never lets time go back', async () => {
    const times = [5_000, 3_000, 6_000]
    const log = await logWorld().open({ now: () => times.shift() as number })
    const stamped: number[] = []
    for (const name of ['a', 'b', 'c']) {
      const [receipt] = await log.append([draftOf(name)])
      stamped.push(parseLeaf(receipt?.leaf as Uint8Array).timeMs)
    }
    expect(stamped).toEqual([5_000, 5_000, 6_000])
    await log.close()
  })

  it('gathers a batch while a round is on its way', async () => {
    const world = logWorld()
    const log = await world.open()
    const names = Array.from({ length: 200 }, (_, i) => `${i}`)
    const receipts = await Promise.all(names.map(async (name) => (await log.append([draftOf(name)]))[0]))
    const notes = new Set(receipts.map((receipt) => Buffer.from(receipt?.note ?? []).toString()))
    expect(notes.size).toBeLessThan(20)
    expect(new Set(receipts.map((receipt) => receipt?.leafIndex)).size).toBe(200)
    await log.close()
  })

  it('lets patient drafts go with the next round, and begins one when nobody else does', async () => {
    const log = await logWorld().open()
    const patient = log.append([draftOf('a')], { patienceMs: 20_000 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    const [other] = await log.append([draftOf('b')])
    const [joined] = await patient
    expect(joined?.note).toEqual(other?.note)
    const begunMs = performance.now()
    const [alone] = await log.append([draftOf('c')], { patienceMs: 40 })
    expect(performance.now() - begunMs).toBeGreaterThan(35)
    expect(alone?.leafIndex).toBe(2n)
    await log.close()
  })

  it('does not let one who is in a hurry wait for a patient one with the same draft, nor the end of the log', async () => {
    const log = await logWorld().open()
    const patient = log.append([draftOf('a')], { patienceMs: 60_000 })
    const [hurried] = await log.append([draftOf('a')])
    expect(await patient).toEqual([hurried])
    const last = log.append([draftOf('b')], { patienceMs: 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await log.close()
    expect((await last)[0]?.leafIndex).toBe(1n)
  })

  it('gives the same draft the same receipt: at once, later, after a restart', async () => {
    const world = logWorld()
    const log = await world.open()
    const [twice, again] = await Promise.all([log.append([draftOf('a'), draftOf('a')]), log.append([draftOf('a')])])
    await log.append([draftOf('b')])
    const later = await log.append([draftOf('a', { addendum: utf8('another') })])
    await log.close()
    const reopened = await world.open()
    const found = await reopened.find(draftOf('a'))
    for (const receipt of [twice?.[1], again?.[0], later[0], found]) expect(receipt).toEqual(twice?.[0])
    expect(world.disk.entries).toHaveLength(2)
    await reopened.close()
  })

  it('finds a receipt in tiles that are no longer in memory', async () => {
    const world = logWorld()
    const log = await world.open({ trimEvery: 512 })
    const receipts = new Map<string, unknown>()
    for (let batch = 0; batch < 6; batch++) {
      const drafts = Array.from({ length: 150 }, (_, i) =>
        draftOf(`${batch}/${i}`, { addendum: utf8(`${batch}/${i}`) }),
      )
      for (const [i, receipt] of (await log.append(drafts)).entries()) receipts.set(`${batch}/${i}`, receipt)
    }
    await log.close()
    expect(world.disk.firstIndex).toBeGreaterThan(0)
    const reopened = await world.open({ trimEvery: 512 })
    for (const [name, receipt] of receipts) expect(await reopened.find(draftOf(name))).toEqual(receipt)
    expect(await reopened.find(draftOf('absent'))).toBeUndefined()
    await reopened.close()
  })

  it('refuses beyond the backlog with LOG_BUSY, and appends nothing of it', async () => {
    const world = logWorld()
    const log = await world.open({ maxBacklog: 2 })
    await expect(log.append([draftOf('a'), draftOf('b'), draftOf('c')])).rejects.toEqual(BUSY)
    expect(world.disk.entries).toEqual([])
    await log.append([draftOf('a'), draftOf('b')])
    await log.append([draftOf('c'), draftOf('d')])
    await log.close()
  })

  it('says LOG_UNCONFIRMED at the deadline, and the same draft gets its receipt later', async () => {
    const world = logWorld()
    const log = await world.open({ deadlineMs: 40 })
    for (const witness of world.witnesses.slice(0, 2)) witness.mode = 'silent'
    await expect(log.append([draftOf('a')])).rejects.toEqual(UNCONFIRMED)
    // No round begins while one hangs, so this one is in the log nowhere.
    await expect(log.append([draftOf('b')])).rejects.toEqual(BUSY)
    expect(world.disk.entries).toHaveLength(1)
    expect(log.published()).toBeUndefined()
    for (const witness of world.witnesses) witness.mode = 'answers'
    const [receipt] = await log.append([draftOf('a')], { deadlineMs: 5_000 })
    expect((await verifyReceipt(receipt as NonNullable<typeof receipt>)).leafIndex).toBe(0n)
    expect(world.disk.entries).toHaveLength(1)
    await log.close()
  })

  it('needs a quorum only, and takes a lagging witness back', async () => {
    const world = logWorld()
    const log = await world.open()
    const [first] = world.witnesses
    if (first === undefined) throw new Error('no witness')
    first.mode = 'silent'
    for (const name of ['a', 'b', 'c']) await log.append([draftOf(name)])
    first.mode = 'answers'
    await expect.poll(async () => (await first.store.read('log.test/a'))?.treeSize).toBe(3n)
    await log.close()
  })

  it('refuses a draft that cannot be encoded, before anything is queued', async () => {
    const log = await logWorld().open()
    await expect(log.append([draftOf('a', { subject: new Uint8Array(31) })])).rejects.toThrow(RangeError)
    await expect(log.append([draftOf('a', { attempt: -1 })])).rejects.toThrow(/no u32/)
    await log.close()
  })

  it('takes nothing after close()', async () => {
    const log = await logWorld().open()
    await log.close()
    await expect(log.append([draftOf('a')])).rejects.toEqual(BUSY)
  })
})
