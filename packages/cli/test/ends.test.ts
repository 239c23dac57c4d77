/** What does not end `weave up`, and what does: its output that nobody reads, signals of a terminal, a fault of its own. */
import type { ChildProcess } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ended, type Place, place, slowly, spawnWeave, until } from './weave.ts'

let here: Place
let running: ChildProcess | undefined
beforeEach(async () => {
  here = await place({ canary: { pieces: ['ok'] }, slow: slowly(20, 100), '*': { pieces: ['a ', 'b ', 'c'] } })
})
afterEach(async () => {
  running?.kill('SIGKILL')
  await here.remove()
})

/** `weave up`, once it has said where it is. */
async function start(env: Record<string, string> = {}) {
  const flags = ['--engine', 'scripted', '--script', here.path('script.json'), '--port', '0', '--proxy-port', '0']
  const journal = { WEAVE_AGENT_JOURNAL: here.path('journal') }
  const child = spawnWeave(['up', '--json', '--state', here.state, ...flags], { ...journal, ...env })
  running = child
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
  const first = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', (code) => reject(new Error(`weave up ended with ${code} before it was ready`)))
  })
  return { child, url: (JSON.parse(first) as { url: string }).url }
}
const isReady = async (url: string) => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200
const agentPid = async () =>
  (JSON.parse((await here.weave('status', '--json')).stdout) as { agentPid?: number }).agentPid

test('a reader who leaves standard output and standard error does not end it', async () => {
  const { child, url } = await start()
  // Before it says that it is ready, on standard output, and that its agent died, on standard error.
  child.stdout?.destroy()
  child.stderr?.destroy()
  await until('it is ready', () => isReady(url), 60_000)
  const pid = (await agentPid()) as number
  process.kill(pid, 'SIGKILL')
  await until('another agent', async () => ![pid, undefined].includes(await agentPid()) && (await isReady(url)), 60_000)
  expect(await here.weave('ask', 'misty.weave', 'x')).toMatchObject({ code: 0 })
  expect(child.exitCode).toBeNull()
  child.kill('SIGTERM')
  expect((await ended(child)).code).toBe(0)
}, 180_000)

test('whoever reads a question’s answer and leaves ends the question', async () => {
  const { url } = await start()
  await until('it is ready', () => isReady(url), 60_000)
  const asking = spawnWeave(['ask', 'misty.weave', 'slow', '--state', here.state])
  await new Promise((resolve) => asking.stdout?.once('data', resolve))
  asking.stdout?.destroy()
  expect((await ended(asking)).code).toBe(130)
  await until('the run ended', async () => (await here.journal()).at(-1)?.endsWith('cancelled') === true)
}, 180_000)

test('a fault that nobody caught ends it with 70 and its reason, and the next start goes on', async () => {
  const watch = `setInterval(() => existsSync(${JSON.stringify(here.path('fault'))}) && Promise.reject(new Error('planned fault')), 50)`
  const fault = `import { existsSync } from 'node:fs'; if (process.argv[2] === 'up') ${watch}.unref()`
  const { child } = await start({ NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(fault)}` })
  await writeFile(here.path('fault'), '')
  const { code, stderr } = await ended(child)
  expect(code).toBe(70)
  expect(stderr).toContain('weave: ended by a fault of its own, with 70: Error: planned fault')
  await rm(here.path('fault'))
  const { url } = await start()
  await until('it is ready', () => isReady(url), 60_000)
}, 180_000)

test('a terminal that closes lets the agent finish what runs', async () => {
  const { child, url } = await start()
  await until('it is ready', () => isReady(url), 60_000)
  const asking = here.weave('ask', 'misty.weave', 'slow')
  await until('it runs', async () => (await here.journal()).at(-1)?.endsWith('start') === true)
  // A closing terminal tells every process of it.
  process.kill((await agentPid()) as number, 'SIGHUP')
  child.kill('SIGHUP')
  expect(await asking).toMatchObject({ code: 0 })
  expect((await ended(child)).code).toBe(0)
}, 180_000)
