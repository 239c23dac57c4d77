/** A session over a restart of its agent, whose end of it was in memory: what its sender sees, and that nothing is lost. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { openSession } from '../src/session.ts'
import { type Place, place, until } from './weave.ts'

let here: Place
beforeEach(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['a ', 'b ', 'c'] } })
})
afterEach(() => here.remove())

test('a packet of a session that its agent forgot is refused by its name, ran not, and goes through when asked again', async () => {
  const up = await here.up()
  const { client } = await openSession(readConfig({}, { state: here.state, router: up.url }))
  await client.enrol()
  const session = client.session('misty.weave')
  const ask = async () => {
    let text = ''
    for await (const event of session.ask({ messages: [{ role: 'user', content: 'Hi' }] }).events())
      if (event.type === 'text') text += event.text
    return text
  }
  expect(await ask()).toBe('a b c')
  expect(await ask()).toBe('a b c')
  const status = async () =>
    JSON.parse((await here.weave('status', '--json')).stdout) as { agentPid?: number; ready: boolean }
  const { agentPid } = await status()
  process.kill(agentPid as number, 'SIGKILL')
  await until('another agent', async () => (await status()).ready && (await status()).agentPid !== agentPid, 30_000)
  await expect(ask()).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' })
  expect(await ask()).toBe('a b c')
  expect((await here.journal()).filter((line) => line.endsWith('start'))).toHaveLength(3)
}, 90_000)
