// Old leaves proven anew: under the checkpoint that is asked for, or the newest, and never worse than the first receipt.

import { PacketError } from '@mystranet/sdk/errors'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { parseNote, signNote } from '@mystranet/sdk/proof/note'
import { parseReceipt, type Receipt, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { testSigner } from '../../sdk/test/note-keys.ts'
import { draftOf, logWorld, trust } from '../test/log-world.ts'
import type { Log } from './log/log.ts'
import { packetLog } from './packet-log.ts'

const logs: Log[] = []
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
})

/** A log with a round for each number: so many leaves. Gives the first receipt of each leaf. */
async function setup(rounds: readonly number[]) {
  const log = await logWorld().open()
  logs.push(log)
  const receipts: Receipt[] = []
  const opened = packetLog(log, 2_000)
  for (const [round, count] of rounds.entries()) {
    const drafts = Array.from({ length: count }, (_, i) => draftOf(`${round} ${i}`, { kind: 'key-event' }))
    for (const bytes of await opened.commit(drafts)) receipts.push(parseReceipt(bytes))
  }
  const newest = log.published()?.note as Uint8Array
  return { log, opened, receipts, newest, at: (index: number) => receipts[index] as Receipt }
}

describe('prove()', () => {
  it('gives proofs of old leaves under the newest checkpoint, which verify', async () => {
    const { opened, receipts, newest } = await setup([1, 2, 300, 1])
    expect(new Set(receipts.map(({ checkpoint }) => checkpoint)).size).toBeGreaterThan(1)
    const anew = await opened.prove(receipts)
    expect(anew.every(({ checkpoint }) => checkpoint === newest)).toBe(true)
    for (const [i, receipt] of anew.entries()) {
      const { leafIndex, checkpoint } = await verifyReceipt(receipt, trust)
      expect([leafIndex, checkpoint.treeSize, receipt.leaf]).toEqual([BigInt(i), 304n, receipts[i]?.leaf])
    }
  })

  it('takes the checkpoint that is asked for where it covers the leaf, and else the newest', async () => {
    const { opened, at, newest } = await setup([1, 1, 1, 1])
    const [first, last] = await opened.prove([at(0), at(2)], at(1).checkpoint)
    expect(first?.checkpoint).toEqual(at(1).checkpoint)
    expect(last?.checkpoint).toEqual(newest)
    for (const receipt of [first, last]) await verifyReceipt(receipt as Receipt, trust)
  })

  it('leaves what is of another log of this name, or whose checkpoint another key signed, as it is', async () => {
    const { opened, at } = await setup([1, 1, 1])
    const leaf = at(0).leaf.map((byte, i) => (i === 20 ? byte ^ 1 : byte))
    const other = { ...at(0), leaf }
    const { text } = parseNote(at(0).checkpoint)
    const rekeyed = { ...at(0), checkpoint: await signNote(text, testSigner('log.test/a', 9)) }
    // A name that it has a proof for already: what is kept is kept of that leaf.
    await opened.prove([at(0)])
    expect(await opened.prove([other, rekeyed])).toEqual([other, rekeyed])
  })

  it('leaves a receipt as it is when a tile is lost, and hides no other fault', async () => {
    const { log, at } = await setup([1, 1])
    const failing = (cause: Error) =>
      packetLog(
        {
          append: log.append,
          find: log.find,
          published: log.published,
          tree: { ...log.tree, inclusion: () => Promise.reject(cause) },
        },
        2_000,
      )
    const lost = failing(new PacketError('STORE_FAILED', 'Cannot read a tile: it is missing'))
    expect(await lost.prove([at(0)])).toEqual([at(0)])
    await expect(failing(new TypeError('a bug')).prove([at(0)])).rejects.toThrow('a bug')
  })

  it('asks the tree once for a leaf and a checkpoint, and keeps no more than 4,096 proofs', async () => {
    const { log, receipts, at } = await setup([4_096, 1])
    const inclusion = vi.fn(log.tree.inclusion)
    const opened = packetLog(
      { append: log.append, find: log.find, published: log.published, tree: { ...log.tree, inclusion } },
      2_000,
    )
    await opened.prove(receipts.slice(0, 4_096))
    const [again] = await opened.prove([at(0)])
    expect(inclusion).toHaveBeenCalledTimes(4_096)
    expect(hashLeaf(again?.leaf as Uint8Array)).toEqual(hashLeaf(at(0).leaf))
    await opened.prove([at(4_096)])
    await opened.prove([at(0)])
    expect(inclusion).toHaveBeenCalledTimes(4_098)
  })

  it('gives back what it was given while nothing is published', async () => {
    const { at } = await setup([1])
    const empty = await logWorld().open()
    logs.push(empty)
    expect(await packetLog(empty, 2_000).prove([at(0)])).toEqual([at(0)])
  })
})
