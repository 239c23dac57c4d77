/** The examples, each run as its README says. */
import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium as launcher } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../../../scripts/broker/server.ts'
import { chromium, deno } from '../../../scripts/runtime/program.ts'
import { startWorkerd } from './edges.ts'
import { cleanEnv, ended, type Place, place, type Up, until } from './weave.ts'

let here: Place
let up: Up
beforeAll(async () => {
  here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['Because', ' of', ' scattering.'] } })
  up = await here.up()
})
afterAll(() => here.remove())

const example = (path: string, args: readonly string[], env: Record<string, string> = {}) => {
  const file = fileURLToPath(new URL(`../../../examples/${path}`, import.meta.url))
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  return ended(
    spawn(process.execPath, ['--conditions=@mystranet/source', file, ...args], {
      env: { ...process.env, ...env },
      stdio: [...stdio],
    }),
  )
}

test('node-ask streams an answer and prints its verdict', async () => {
  const trust = ['--trust', `${here.state}/trust/local.trust`, '--identity', `${here.state}/user.identity`]
  const { code, stdout, stderr } = await example('node-ask/ask.ts', ['--router', up.url, ...trust, 'Why?'])
  expect(stderr).toBe('')
  expect(stdout).toContain('Because of scattering.\n\nVERIFIED under "local"\n')
  expect(stdout.match(/ {2}pass {4}/g)?.length).toBeGreaterThanOrEqual(20)
  expect(code).toBe(0)
})

test('openai-client talks through the proxy as it talks to OpenAI', async () => {
  const env = { OPENAI_BASE_URL: up.proxyUrl, OPENAI_API_KEY: up.token }
  const { code, stdout } = await example('openai-client/chat.ts', ['Why?'], env)
  expect(stdout).toBe('Because of scattering.\n[stop]\n')
  expect(code).toBe(0)
})

test('edge-worker carries a question through workerd, over a broker, to its verdict', async () => {
  const broker = await startBroker()
  const there = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['By', ' the', ' edge.'] } })
  try {
    const nexus = await there.up(['--nats', broker.url])
    const trust = `${there.state}/trust/local.trust`
    const edge = await startWorkerd({ WEAVE_NATS_URL: broker.webSocketUrl, WEAVE_TRUST: await readFile(trust, 'utf8') })
    const flags = ['--router', edge.url, '--trust', trust, '--identity', `${there.state}/user.identity`]
    const { code, stdout } = await example('node-ask/ask.ts', [...flags, 'Why?'])
    expect(stdout).toContain('By the edge.\n\nVERIFIED under "local"\n')
    expect(code).toBe(0)
    await edge.stop()
    await nexus.stop()
  } finally {
    await there.remove()
    await broker.remove()
  }
}, 60_000)

test('browser-verify, built by Vite: VERIFIED with the text, FAILED without it after one changed byte', async () => {
  const file = here.path('answer.weave')
  expect((await here.weave('ask', 'misty.weave', 'Why?', '--save', file)).code).toBe(0)
  const changed = await readFile(file)
  const at = changed.length >> 1
  changed[at] = (changed[at] as number) ^ 1
  await writeFile(here.path('changed.weave'), changed)
  const folder = fileURLToPath(new URL('../../../examples/browser-verify/', import.meta.url))
  const vite = join(folder, 'node_modules/vite/bin/vite.js')
  const args = [vite, 'build', '--outDir', here.path('page'), '--logLevel', 'error']
  expect(await ended(spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }))).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1)
    response.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8')
    createReadStream(join(here.path('page'), name))
      .on('error', () => response.writeHead(404).end())
      .pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const executablePath = chromium()
  if (executablePath === undefined)
    throw new Error('no chromium on this machine: install it, or name one in WEAVE_CHROMIUM')
  const browser = await launcher.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.setInputFiles('#trust', `${here.state}/trust/local.trust`)
    await page.setInputFiles('#answer', file)
    await page.getByText('VERIFIED under "local"', { exact: true }).waitFor({ timeout: 10_000 })
    expect(await page.textContent('#text')).toBe('Because of scattering.')
    expect(await page.locator('#checks tr').count()).toBeGreaterThanOrEqual(20)
    await page.setInputFiles('#answer', here.path('changed.weave'))
    await page.getByText('FAILED under "local"', { exact: true }).waitFor({ timeout: 10_000 })
    expect(await page.textContent('#text')).toBe('')
  } finally {
    await browser.close()
    server.close()
  }
}, 60_000)

test('deno-agent answers for a router over a broker, with the permissions that its README names', async () => {
  const program = deno()
  if (program === undefined) throw new Error('no Deno on this machine: pnpm install brings it')
  const broker = await startBroker()
  const house = await place()
  try {
    const other = await house.up(['--nats', broker.url], { waits: false })
    const { token } = JSON.parse((await house.weave('agent', 'invite', '--json')).stdout) as { token: string }
    const folder = fileURLToPath(new URL('../../../examples/deno-agent/', import.meta.url))
    const { tasks } = JSON.parse(await readFile(join(folder, 'deno.json'), 'utf8')) as { tasks: { agent: string } }
    const permissions = tasks.agent.split(' ').filter((word) => word.startsWith('--allow'))
    expect(permissions).toContain('--allow-write=state')
    const flags = [
      'run',
      '--conditions=@mystranet/source',
      `--config=${folder}deno.json`,
      ...permissions,
      `${folder}agent.ts`,
    ]
    const fabric = ['--nats', broker.url, '--router', other.url, '--trust', `${house.state}/trust/local.trust`]
    // The model server is the proxy of the other house.
    const args = [...flags, ...fabric, '--invite', token, '--server', up.proxyUrl, '--model', 'misty.weave']
    const child = spawn(program, args, {
      cwd: house.folder,
      env: { ...cleanEnv(), OPENAI_API_KEY: up.token, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ran = ended(child)
    const isReady = async () =>
      (JSON.parse((await house.weave('status', '--json')).stdout || '{}') as { ready?: boolean }).ready === true
    await until('the house is ready', async () => child.exitCode !== null || (await isReady()), 30_000)
    const { code, stdout, stderr } = await house.weave('ask', 'misty.weave', 'Why?')
    child.kill('SIGTERM')
    const end = await ran
    expect(end, end.stderr).toMatchObject({ code: 0, stdout: 'ready\n' })
    expect(stdout).toBe('Because of scattering.\n')
    expect(stderr).toContain('VERIFIED under "local"')
    expect(code).toBe(0)
  } finally {
    await house.remove()
    await broker.remove()
  }
}, 60_000)
