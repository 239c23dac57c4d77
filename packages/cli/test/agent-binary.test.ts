/** The agent as one program, as `pnpm --filter @mystranet/agent binary` makes it: what works in it, and what must lie beside it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { buildAgentBinary } from '../../../scripts/build/agent-binary.ts'
import { ended, type Place, place, type Up, until } from './weave.ts'

const AGENT = fileURLToPath(new URL('../../agent/', import.meta.url))
const LLAMA = join(AGENT, 'node_modules', 'node-llama-cpp')

let broker: Broker
let here: Place
let up: Up
let binary: string
let children: ChildProcess[] = []
beforeAll(async () => {
  broker = await startBroker()
  here = await place()
  binary = here.path('weave-agent')
  buildAgentBinary(binary)
  up = await here.up(['--nats', broker.url], { waits: false })
  await writeFile(here.path('script.json'), '{"*": {"pieces": ["Out", " of", " a", " binary."]}}')
}, 120_000)
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await here.remove()
  await broker.remove()
})

/** Nothing of this machine's Node is in reach. */
function run(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(binary, args, { cwd: here.folder, env: { PATH: '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

async function env(name: string, more: Record<string, string>): Promise<Record<string, string>> {
  const { token } = JSON.parse((await here.weave('agent', 'invite', '--json')).stdout) as { token: string }
  return {
    WEAVE_AGENT_STATE: here.path(name),
    WEAVE_AGENT_TRUST: join(here.state, 'trust/local.trust'),
    WEAVE_AGENT_NATS: broker.url,
    WEAVE_AGENT_ROUTER: up.url,
    WEAVE_AGENT_INVITE: token,
    WEAVE_AGENT_TAGS: 'misty.weave',
    ...more,
  }
}

/** Starts it, asks it and ends it as a terminal would. */
async function answerOf(settings: Record<string, string>): Promise<{ stdout: string; exitCode: unknown }> {
  const child = run([], settings)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (said += text))
  const exit = new Promise((resolve) => child.once('close', resolve))
  await until(`it is ready: ${said}`, () => said.includes('ready: agent '), 20_000)
  await until(
    'the fabric is ready',
    async () => (JSON.parse((await here.weave('status', '--json')).stdout) as { ready: boolean }).ready,
    20_000,
  )
  const { code, stdout, stderr } = await here.weave('ask', 'misty.weave', 'Hi', '--temperature', '0')
  expect(stderr).toContain('VERIFIED under "local"')
  expect(code).toBe(0)
  child.kill('SIGINT')
  const exitCode = await exit
  children = children.filter((each) => each !== child)
  return { stdout, exitCode }
}

test('says what it is, its settings, and what is wrong with them', async () => {
  const { version } = JSON.parse(await readFile(join(AGENT, 'package.json'), 'utf8')) as { version: string }
  expect(await ended(run(['--version']))).toMatchObject({ code: 0, stdout: `${version}\n` })
  expect((await ended(run(['--help']))).stdout).toMatch(/WEAVE_AGENT_NATS +Broker to dial/)
  const { code, stderr } = await ended(run([]))
  expect(stderr).toContain('WEAVE_AGENT_TRUST is absent')
  expect(code).toBe(2)
})

test('answers over a broker, VERIFIED, and leaves on Ctrl-C with code 0', async () => {
  const script = { WEAVE_AGENT_ENGINE: 'scripted', WEAVE_AGENT_SCRIPT: here.path('script.json') }
  expect(await answerOf(await env('scripted', script))).toEqual({ stdout: 'Out of a binary.\n', exitCode: 0 })
}, 60_000)

test('runs a real model with node-llama-cpp beside it, and without says what is missing', async () => {
  const { path } = await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })
  const settings = await env('llama', {
    WEAVE_AGENT_MODEL: path,
    WEAVE_AGENT_THREADS: '1',
    WEAVE_AGENT_GPU: 'off',
    WEAVE_AGENT_SLOTS: '1',
  })
  const { code, stderr } = await ended(run([], settings))
  expect(stderr).toContain('wanted node-llama-cpp installed beside this program')
  expect(code).toBe(1)
  await mkdir(here.path('node_modules'))
  await symlink(LLAMA, here.path('node_modules/node-llama-cpp'))
  const { stdout, exitCode } = await answerOf(settings)
  expect(stdout.length).toBeGreaterThan(5)
  expect(exitCode).toBe(0)
}, 300_000)
