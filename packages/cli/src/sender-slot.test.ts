import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newSeeds, openIdentity } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { expect, test } from 'vitest'
import { SLOTS, slotKeys, takeSlot } from './sender-slot.ts'
import { stateFolder } from './state.ts'

async function wish() {
  const seeds = newSeeds()
  return {
    state: stateFolder(await mkdtemp(join(tmpdir(), 'weave-slot-'))),
    seeds,
    identity: await openIdentity(seeds),
  }
}

test('programs that run at once sign with different keys; what is given back is taken again', async () => {
  const given = await wish()
  const short = [await takeSlot({ ...given, stays: false }), await takeSlot({ ...given, stays: false })]
  const stays = await takeSlot({ ...given, stays: true })
  expect([...short, stays].map(({ number }) => number)).toEqual([0, 1, SLOTS - 1])
  expect(new Set([...short, stays].map(({ packet }) => toHex(packet.publicKey))).size).toBe(3)
  expect(short[0]?.packet).toBe(given.identity.packet)
  short[0]?.release()
  expect((await takeSlot({ ...given, stays: false })).number).toBe(0)
})

test('the same number has the same key next time; another packet key gives others', async () => {
  const given = await wish()
  const keys = async (seeds = given.seeds) =>
    (await slotKeys(given.identity, seeds)).map(({ publicKey }) => toHex(publicKey))
  expect(await keys()).toEqual(await keys())
  expect(new Set(await keys()).size).toBe(SLOTS)
  const rotated = [...given.seeds, ...newSeeds().filter(({ kind }) => kind === 'packet')]
  expect((await keys(rotated))[1]).not.toBe((await keys())[1])
})

test('who finds all taken waits until he is stopped', async () => {
  const given = await wish()
  for (let at = 0; at < SLOTS; at++) await takeSlot({ ...given, stays: false })
  await expect(takeSlot({ ...given, stays: false, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'CANCELLED',
  })
})

test('an identity without its operational key has its own packet key only', async () => {
  const given = await wish()
  const seeds = given.seeds.filter(({ kind }) => kind !== 'operational')
  const identity = await openIdentity(seeds)
  expect((await takeSlot({ ...given, seeds, identity, stays: true })).packet).toBe(identity.packet)
})
