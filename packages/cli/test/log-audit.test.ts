// `weave log audit` over the log of a real `weave up`: sound, then with leaves that do not belong, then with changed bytes.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openRouter } from '@mystranet/router'
import { afterAll, expect, test } from 'vitest'
import { stateFolder } from '../src/state.ts'
import { readKeys, readLocalTrust } from '../src/up/keys.ts'
import { type Place, place, weave } from './weave.ts'

let world: Place
afterAll(() => world.remove())

const audited = async () => {
  const { code, stdout, stderr } = await world.weave('log', 'audit', '--json')
  return { code, stderr, ...(JSON.parse(stdout) as { entries: number; damage: object[]; findings: { id: string }[] }) }
}

test('the log of weave up is sound, until something is done to it', async () => {
  world = await place({ '*': { pieces: ['Yes.'] }, cut: { pieces: ['So', { fault: 'fail' }] } })
  const up = await world.up()
  await world.weave('ask', 'misty.weave', 'Is it?')
  await world.weave('ask', 'misty.weave', 'cut')
  const running = await audited()
  expect(running).toMatchObject({ code: 0, damage: [], findings: [], stderr: '' })
  // Keys, statement, table, and two questions with all that follows from them.
  expect(running.entries).toBeGreaterThan(12)
  expect((await world.weave('log', 'audit')).stdout).toMatch(/^SOUND {2}\d+ leaves, 0 damages, 0 findings/)
  await up.stop()

  const again = await world.up()
  await world.weave('ask', 'misty.weave', 'And after a restart?')
  await again.stop()
  expect(await audited()).toMatchObject({ code: 0, damage: [], findings: [] })

  // The router itself logs an OPEN that no attempt allows, and an attempt of a request that there is none of.
  const state = stateFolder(world.state)
  const keys = await readKeys(state)
  const { trust } = await readLocalTrust(state, keys)
  const router = await openRouter({ stateDir: state.router, keys: keys.router, trust, env: {}, logTo: { write() {} } })
  const bytes = (fill: number) => new Uint8Array(32).fill(fill)
  await router.log.append([
    { kind: 'stream-open', partition: bytes(1), subject: bytes(2), attempt: 1 },
    { kind: 'attempt', partition: bytes(3), subject: bytes(4), attempt: 1, commitment: bytes(5) },
  ])
  await router.close()
  const incoherent = await audited()
  expect(incoherent).toMatchObject({ code: 1, damage: [] })
  expect(incoherent.findings.map(({ id }) => id)).toEqual([
    'no-request',
    'reply-without-attempt',
    'no-request',
    'table-unlogged',
  ])

  // A byte of an entry changes: what the checkpoint signs is not what lies there.
  const folder = join(state.router, 'log', 'tile', 'entries')
  const file = join(
    folder,
    (await readdir(folder, { recursive: true })).find(
      (name) => /\d$/.test(name) && name.endsWith(`p/${incoherent.entries}`),
    ) as string,
  )
  const tile = await readFile(file)
  tile[40] = (tile[40] as number) ^ 1
  await writeFile(file, tile)
  const damaged = await audited()
  expect(damaged.code).toBe(2)
  expect(damaged.damage.length).toBeGreaterThan(0)
}, 300_000)

test('what is not a log, and what is no word of it', async () => {
  expect(await world.weave('log')).toMatchObject({ code: 2, stdout: '' })
  expect(await weave(['log', 'audit', '--state', world.path('none')])).toMatchObject({ code: 2, stdout: '' })
})
