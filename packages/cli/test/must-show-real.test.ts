/** A real model that is left in the middle, killed in the middle, or stopped: what its clients and its operator see. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Place, place, type Up, until } from './weave.ts'

const PYTHON =
  process.env['WEAVE_PYTHON_OPENAI'] ??
  fileURLToPath(new URL('../../../.cache/python-openai-3.54.0/bin/python', import.meta.url))
const CLIENT = fileURLToPath(new URL('must-show-openai.py', import.meta.url))
const STORY = {
  model: 'misty.weave',
  messages: [{ role: 'user' as const, content: 'Tell me a very long story about a dragon.' }],
  max_tokens: 1_500,
}

let here: Place
let up: Up
let openai: OpenAI
/** Another one, whose engine is stopped while the other tests run: the wait is long. */
let stopped: Place
let unready: Promise<{ readonly afterMs: number; readonly missing: string; readonly healthStatus: number }>

beforeAll(async () => {
  const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
  ;[here, stopped] = [await place(), await place()]
  up = await here.up(['--model', path, '--slots', '2'])
  openai = new OpenAI({ baseURL: up.proxyUrl, apiKey: up.token, maxRetries: 0 })
  const other = await stopped.up(['--model', path, '--slots', '1'])
  unready = stopEngine(stopped, other)
  unready.catch(() => {})
}, 300_000)
afterAll(async () => {
  const pid = await agentOf(stopped).catch(() => undefined)
  if (pid !== undefined) process.kill(pid, 'SIGCONT')
  await Promise.all([here.remove(), stopped.remove()])
})

const agentOf = async (place: Place): Promise<number> =>
  (JSON.parse((await place.weave('status', '--json')).stdout) as { agentPid: number }).agentPid

async function stopEngine(place: Place, { url }: Up) {
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  const pid = await agentOf(place)
  process.kill(pid, 'SIGSTOP')
  const fromMs = performance.now()
  for (;;) {
    const response = await fetch(`${url}/readyz`)
    const afterMs = performance.now() - fromMs
    if (response.status !== 200 || afterMs > 90_000) {
      return { afterMs, missing: await response.text(), healthStatus: (await fetch(`${url}/health`)).status }
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Processor time of a process so far, of all its threads, in milliseconds. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  // Ticks of Linux are 10 ms to whoever asks.
  return (Number(user) + Number(system)) * 10
}

/** Share of one processor that a process takes over the next so many milliseconds. */
async function share(pid: number, ms: number): Promise<number> {
  const [fromMs, before] = [performance.now(), await cpuMs(pid)]
  await new Promise((resolve) => setTimeout(resolve, ms))
  return ((await cpuMs(pid)) - before) / (performance.now() - fromMs)
}

/** The engine computes now, and no more from 250 ms after somebody left. */
async function stopsWithin250Ms(pid: number, leave: () => void | Promise<void>): Promise<void> {
  // How much of a processor it gets is the machine's affair: other tests run beside this one.
  let busy = 0
  for (let tries = 0; tries < 10 && busy <= 0.1; tries++) busy = await share(pid, 300)
  expect(busy).toBeGreaterThan(0.1)
  await leave()
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(await share(pid, 600)).toBeLessThan(Math.min(0.15, busy / 2))
}

function python(what: string) {
  if (!existsSync(PYTHON)) {
    throw new Error(`Cannot test OpenAI's client for Python: there is no ${PYTHON}; scripts/prepare.mjs makes it`)
  }
  const child: ChildProcess = spawn(PYTHON, [CLIENT, what, up.proxyUrl, up.token], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) =>
    lines.push(JSON.parse(line) as Record<string, unknown>),
  )
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, lines, code }
}

describe.skipIf(process.platform !== 'linux')(
  'a client that leaves in the middle stops the engine within 250 ms',
  () => {
    test('JavaScript, streamed', async () => {
      const stream = await openai.chat.completions.create({ ...STORY, stream: true })
      const reading = stream[Symbol.asyncIterator]()
      for (;;) if ((await reading.next()).value?.choices[0]?.delta.content) break
      await stopsWithin250Ms(await agentOf(here), () => stream.controller.abort())
    }, 60_000)

    test('JavaScript, whole', async () => {
      const leave = new AbortController()
      const asked = openai.chat.completions.create(STORY, { signal: leave.signal }).then(
        () => 'whole',
        () => 'left',
      )
      const pid = await agentOf(here)
      await until('it computes', async () => (await share(pid, 100)) > 0.5)
      await stopsWithin250Ms(pid, () => leave.abort())
      expect(await asked).toBe('left')
    }, 60_000)

    test('Python, streamed', async () => {
      const pid = await agentOf(here)
      const { lines, code } = python('abort')
      await until('it began', () => lines.some(({ began }) => began === true), 30_000)
      await stopsWithin250Ms(pid, () => until('it left', () => lines.some(({ left }) => left === true), 30_000))
      expect(await code).toBe(0)
      expect(lines.at(-1)).toEqual({ error: null, finishes: [] })
    }, 60_000)
  },
)

test('the agent is killed in the middle: both clients get an error, whole and streamed, and never a short answer', async () => {
  const whole = openai.chat.completions.create(STORY).then(
    () => undefined,
    (error: unknown) => error,
  )
  const streamed = python('stream')
  await until('text came', () => streamed.lines.length > 0, 60_000)
  process.kill(await agentOf(here), 'SIGKILL')
  expect(await whole).toBeInstanceOf(APIError)
  expect(await whole).toMatchObject({ code: 'interrupted' })
  expect(await streamed.code).toBe(0)
  expect(streamed.lines.at(-1)).toMatchObject({ error: expect.stringContaining('Error'), finishes: [] })
  const late = python('whole')
  await until('the new agent runs it', async () => (await share(await agentOf(here), 200)) > 0.5, 60_000)
  process.kill(await agentOf(here), 'SIGKILL')
  expect(await late.code).toBe(0)
  expect(late.lines.at(-1)).toMatchObject({ error: expect.stringContaining('Error'), finishes: [] })
}, 120_000)

test('an engine stopped by SIGSTOP turns /readyz to 503 within 30 s, and to 200 again when it goes on', async () => {
  const { afterMs, missing, healthStatus } = await unready
  expect(missing).toContain('its engine gave no token')
  expect(afterMs).toBeLessThanOrEqual(30_000)
  expect(healthStatus).toBe(200)
  const status = JSON.parse((await stopped.weave('status', '--json')).stdout) as {
    ready: boolean
    running: { url: string }
  }
  expect(status.ready).toBe(false)
  process.kill(await agentOf(stopped), 'SIGCONT')
  await until('it is ready again', async () => (await fetch(`${status.running.url}/readyz`)).status === 200, 30_000)
}, 120_000)
