/** The same, with a real GGUF model: SmolLM2-135M, pulled once into the model folder. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ended, type Place, place, spawnWeave, type Up, until, weave } from './weave.ts'

const QUESTION = 'Why is the sky blue? Answer in one short sentence.'
const PYTHON =
  process.env['WEAVE_PYTHON_OPENAI'] ??
  fileURLToPath(new URL('../../../.cache/python-openai-3.54.0/bin/python', import.meta.url))
const PYTHON_CLIENT = fileURLToPath(new URL('openai-client.py', import.meta.url))

let here: Place
let up: Up
let openai: OpenAI
const sampling = { temperature: 0, max_tokens: 64, seed: 7 }
const ask = (content: string, more: object = sampling) => ({
  model: 'misty.weave',
  messages: [{ role: 'user' as const, content }],
  ...more,
})

beforeAll(async () => {
  const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
  here = await place()
  up = await here.up(['--model', path, '--slots', '1'])
  openai = new OpenAI({ baseURL: up.proxyUrl, apiKey: up.token, maxRetries: 0 })
}, 300_000)
afterAll(() => here.remove())

test('OpenAI’s client for JavaScript: whole and streamed give the same verified text', async () => {
  const { data, response } = await openai.chat.completions.create(ask(QUESTION)).withResponse()
  const text = data.choices[0]?.message.content ?? ''
  expect(text.length).toBeGreaterThan(20)
  expect(data.choices[0]?.finish_reason).toBe('stop')
  expect(response.headers.get('x-weave-verdict')).toBe('VERIFIED under "local"')
  let streamed = ''
  for await (const chunk of await openai.chat.completions.create({ ...ask(QUESTION), stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? ''
  }
  expect(streamed).toBe(text)
  const cut = await openai.chat.completions.create(ask(QUESTION, { ...sampling, max_tokens: 3 }))
  expect(cut).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 3 } })
}, 120_000)

test('OpenAI’s client for Python: whole and streamed give the same text', async () => {
  const { code, stdout, stderr } = await ended(
    spawn(PYTHON, [PYTHON_CLIENT, 'real', up.proxyUrl, up.token], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { whole, streamed } = JSON.parse(stdout) as { whole: [string, string]; streamed: [string, string[]] }
  expect(whole[1]).toBe('stop')
  expect(streamed).toEqual([whole[0], ['stop']])
}, 120_000)

test('a client that hangs up frees the one slot: the next question does not wait for the long story', async () => {
  const story = await openai.chat.completions.create({
    ...ask('Tell me a very long story about a dragon.', { max_tokens: 1_500 }),
    stream: true,
  })
  for await (const chunk of story) if (chunk.choices[0]?.delta.content) break
  const leftMs = performance.now()
  story.controller.abort()
  await openai.chat.completions.create(ask('Hi', { max_tokens: 1 }))
  // 1,500 tokens take this machine ten times as long.
  expect(performance.now() - leftMs).toBeLessThan(3_000)
}, 120_000)

test('the agent is killed in the middle: an error, and never a short answer', async () => {
  const finishes: unknown[] = []
  const reading = async () => {
    for await (const chunk of await openai.chat.completions.create({
      ...ask('Tell me a very long story.', { max_tokens: 1_500 }),
      stream: true,
    })) {
      got += chunk.choices[0]?.delta.content ?? ''
      finishes.push(...chunk.choices.flatMap(({ finish_reason }) => finish_reason ?? []))
    }
  }
  let got = ''
  const read = reading().then(
    () => undefined,
    (error: unknown) => error,
  )
  await until('text came', () => got !== '', 60_000)
  const { agentPid } = JSON.parse((await here.weave('status', '--json')).stdout) as { agentPid: number }
  process.kill(agentPid, 'SIGKILL')
  expect(await read).toBeInstanceOf(Error)
  expect(finishes).toEqual([])
}, 120_000)

test('weave demo --once: VERIFIED, FAILED after one changed byte, exit code 0; the curl line works', async () => {
  const state = here.path('demo')
  const child = await weave(['demo', '--once', '--state', state])
  expect(child.stdout).toContain('VERIFIED under "local"')
  expect(child.stdout).toMatch(/changed: FAILED under "local"\n\s+✗\s+answer-commitment/)
  expect(child.code).toBe(0)
  // Without --once it stays, for the page and the proxy, until it is told to end.
  const stays = spawnWeave(['demo', '--json', '--state', state])
  let said = ''
  stays.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const exit = new Promise((resolve) => stays.once('close', resolve))
  await until('the demo is through', () => said.endsWith('}\n'), 60_000)
  const document = JSON.parse(said) as { curl: string; page: string }
  expect(document).toMatchObject({ ok: true, status: 'VERIFIED', tampered: 'FAILED' })
  const curl = await ended(spawn('sh', ['-c', document.curl], { stdio: ['ignore', 'pipe', 'pipe'] }))
  expect(JSON.parse(curl.stdout)).toMatchObject({ object: 'chat.completion', model: 'misty.weave' })
  expect((await fetch(document.page)).status).toBe(200)
  stays.kill('SIGINT')
  expect(await exit).toBe(0)
}, 120_000)

test('without any source weave demo says what is missing and how to give a file, and exits 4', async () => {
  const noNetwork = new URL('no-network.mjs', import.meta.url).href
  const nowhere = { NODE_OPTIONS: `--import=${noNetwork}`, PATH: '/nonexistent', XDG_CACHE_HOME: here.path('empty') }
  const { code, stderr } = await weave(
    ['demo', '--once', '--model', here.path('none.gguf'), '--state', here.path('x')],
    nowhere,
  )
  expect(stderr).toContain('there is no such file')
  expect(stderr).toContain('--model <file>')
  expect(code).toBe(4)
}, 120_000)
