/** The operational key's next key: announced, kept apart, and the only one that may follow. */
import { copyFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newSeeds } from '@mystranet/sdk'
import { plainIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Place, place, until } from './weave.ts'

let here: Place
let identity: string
let next: string
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['a ', 'b ', 'c'] } })
  await here.up()
  identity = join(here.state, 'user.identity')
  next = `${identity}.next`
}, 60_000)
afterAll(() => here.remove())

interface Shown {
  readonly operational: string
  readonly packet: string
  readonly events: readonly { readonly type: string; readonly key: string }[]
}
const shown = async (): Promise<Shown> => JSON.parse((await here.weave('keys', 'show', '--json')).stdout) as Shown
const delegations = async () => (await shown()).events.filter(({ type }) => type === 'delegation')
const mode = async (path: string) => (await stat(path)).mode & 0o777
/** Another key than the announced one. */
const otherNextKey = async () => {
  const path = here.path('other.next')
  const seeds = newSeeds().filter(({ kind }) => kind === 'operational')
  await writeFile(path, plainIdentityFile(seeds), { mode: 0o600 })
  return path
}

test('a rotation by the announced key is taken by router, agent and verifier, and announces another', async () => {
  const before = await shown()
  const announced = await readFile(next)
  expect(await mode(next)).toBe(0o600)
  const { code, stderr } = await here.weave('keys', 'rotate', '--operational')
  expect(stderr).toContain(`${next}: keep it offline`)
  expect(code).toBe(0)
  const after = await shown()
  expect(after.operational).not.toBe(before.operational)
  expect(after.packet).toBe(before.packet)
  expect((await delegations()).map(({ key }) => key)).toEqual([before.operational, after.operational])
  expect(await readFile(next)).not.toEqual(announced)
  expect(await mode(next)).toBe(0o600)
  const saved = here.path('rotated.weave')
  expect(await here.weave('ask', 'misty.weave', 'Hi', '--save', saved)).toMatchObject({ code: 0 })
  expect(await here.weave('verify', saved)).toMatchObject({ code: 0, stdout: expect.stringContaining('VERIFIED') })
}, 60_000)

test('a rotation to a key that was not announced is refused, and changes nothing', async () => {
  const before = await readFile(identity)
  const refused = await here.weave('keys', 'rotate', '--operational', '--next-key', await otherNextKey())
  expect(refused.stderr).toMatch(/its operational key is not the one that the delegation before announced/)
  expect(refused.stderr).toContain('KEY_EVENT_INVALID')
  expect(refused.code).toBe(1)
  expect(await readFile(identity)).toEqual(before)
  expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 0 })
}, 60_000)

test('after the operational key was revoked only the announced one brings the identity back', async () => {
  const { operational } = await shown()
  expect(await here.weave('keys', 'revoke', operational)).toMatchObject({ code: 0 })
  expect((await here.weave('ask', 'misty.weave', 'Hi')).stderr).toContain('KEY_REVOKED')
  const other = await here.weave('keys', 'rotate', '--operational', '--next-key', here.path('other.next'))
  expect(other.stderr).toContain('KEY_EVENT_INVALID')
  expect(await here.weave('keys', 'rotate', '--operational')).toMatchObject({ code: 0 })
  expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 0 })
}, 60_000)

test('an agent runs with what was lent to it: its root key is nowhere in its folder', async () => {
  const there = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['a ', 'b ', 'c'] } })
  try {
    // The trust file names the network; it is made at the first start.
    await (await there.up([], { waits: false })).stop('SIGKILL')
    await rm(join(there.state, 'agent'), { recursive: true, force: true })
    const root = there.path('agent-root.identity')
    expect(await there.weave('keys', 'new', '--identity', root)).toMatchObject({ code: 0 })
    const lent = await there.weave('keys', 'lend', '--identity', root, '--out', there.path('lent'))
    expect(lent.code).toBe(0)
    expect(await mode(there.path('lent/operational.identity'))).toBe(0o600)
    const env = Object.fromEntries(lent.stdout.split('\n').map((line) => line.split('=') as [string, string]))
    const up = await there.up([], { env })
    // The table of the first start names another agent; the next follows when the agent says who it is.
    const ask = async () =>
      (await there.weave('ask', 'misty.weave', 'Hi', '--save', there.path('lent.weave'))).code === 0
    await until('the agent answers', ask, 30_000)
    expect(await there.weave('verify', there.path('lent.weave'))).toMatchObject({ code: 0 })
    await up.stop()
    const db = new DatabaseSync(join(there.state, 'agent/keys.db'), { readOnly: true })
    expect(db.prepare("SELECT kind FROM key WHERE kind = 'root'").all()).toEqual([])
    db.close()
  } finally {
    await there.remove()
  }
}, 90_000)

test('a rotation that was cut short after the log had it is finished by the next, without another delegation', async () => {
  for (const [from, to] of [
    [identity, 'identity.before'],
    [next, 'next.before'],
  ] as const) {
    await copyFile(from, here.path(to))
  }
  expect(await here.weave('keys', 'rotate', '--operational')).toMatchObject({ code: 0 })
  const done = await shown()
  // As it was before the files were touched: the log has it all.
  await copyFile(next, `${next}.after`)
  await copyFile(here.path('identity.before'), identity)
  await copyFile(here.path('next.before'), next)
  const count = (await delegations()).length
  expect(await here.weave('keys', 'rotate', '--operational')).toMatchObject({ code: 0 })
  expect((await shown()).operational).toBe(done.operational)
  expect(await delegations()).toHaveLength(count)
  expect(await here.weave('ask', 'misty.weave', 'Hi')).toMatchObject({ code: 0 })
}, 60_000)
