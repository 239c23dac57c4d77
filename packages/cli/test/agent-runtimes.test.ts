/**
 * `weave agent` on Node, Deno and Bun, each as a user starts it there: real broker, real llama.cpp, real model. The prompt is
 * greedy, so all three must say the same.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { DEMO_MODEL } from '@mystranet/agent/models/catalogue'
import { pull } from '@mystranet/agent/models/pull'
import { defaultModelFolder } from '@mystranet/agent/models/store'
import { createClient, openIdentity, parseTrustFile } from '@mystranet/sdk'
import { openIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { bun, deno } from '../../../scripts/runtime/program.ts'
import { cleanEnv, ended, type Place, place, spawnWeave, type Up, until } from './weave.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const SOURCE = '--conditions=@mystranet/source'
const RUNTIMES = [
  { name: 'Node', program: process.execPath, flags: [SOURCE] },
  { name: 'Deno', program: deno(), flags: ['run', '--allow-all', SOURCE] },
  { name: 'Bun', program: bun(), flags: ['run', SOURCE] },
]
const QUESTION = ['Why is the sky blue? Answer in one short sentence.', '--temperature', '0', '--max-tokens', '64']
const STORY = 'Tell me a very long story about a dragon.'
const TAG = 'misty.weave'

let broker: Broker
let modelPath: string
/** What each runtime's agent said, by its name. */
const texts = new Map<string, string>()
beforeAll(async () => {
  broker = await startBroker()
  modelPath = (await pull(DEMO_MODEL, { cacheDir: defaultModelFolder() })).path
}, 300_000)
afterAll(() => broker.remove())

interface RunningAgent {
  readonly pid: number
  /** Of the process that holds the model. */
  readonly agentPid: number
  readonly child: ChildProcess
}

describe.each(RUNTIMES)('weave agent on $name', ({ name, program, flags }) => {
  let here: Place
  let up: Up
  let agent: RunningAgent
  const ask = (...words: string[]) => spawnWeave(['ask', TAG, ...words, '--state', here.state])
  const isReady = async () =>
    (JSON.parse((await here.weave('status', '--json')).stdout || '{}') as { ready?: boolean }).ready === true

  async function start(...invite: string[]): Promise<RunningAgent> {
    if (program === undefined) throw new Error(`no ${name} on this machine: pnpm install brings it`)
    const fabric = ['--nats', broker.url, '--router', up.url, '--trust', join(here.state, 'trust/local.trust')]
    const engine = ['--model', modelPath, '--slots', '1', ...invite]
    const child = spawn(
      program,
      [...flags, MAIN, 'agent', '--json', '--state', here.path('agent'), ...fabric, ...engine],
      {
        env: { ...cleanEnv(), NO_COLOR: '1', WEAVE_AGENT_THREADS: '1', WEAVE_AGENT_GPU: 'off' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    for await (const line of createInterface({ input: child.stdout })) {
      return { ...(JSON.parse(line) as Omit<RunningAgent, 'child'>), child }
    }
    throw new Error(`weave agent ended: ${stderr}`)
  }

  beforeAll(async () => {
    here = await place()
    up = await here.up(['--nats', broker.url], { waits: false, env: { WEAVE_LEASE_MS: '2000' } })
    const { token } = JSON.parse((await here.weave('agent', 'invite', '--json')).stdout) as { token: string }
    agent = await start('--invite', token)
    await until('the fabric is ready', isReady, 20_000)
  }, 60_000)
  afterAll(async () => {
    for (const pid of [agent?.pid, agent?.agentPid]) if (pid !== undefined) endNow(pid)
    await here.remove()
  })

  test('answers in pieces as they are made, and the answer is VERIFIED', async () => {
    const child = ask(...QUESTION)
    let pieces = 0
    child.stdout?.on('data', () => pieces++)
    const { code, stdout, stderr } = await ended(child)
    expect(stderr).toContain('VERIFIED under "local"')
    expect(code).toBe(0)
    expect(stdout.length).toBeGreaterThan(20)
    expect(pieces).toBeGreaterThan(3)
    texts.set(name, stdout)
    expect([...texts.values()]).toEqual(Array(texts.size).fill(stdout))
  }, 60_000)

  test('stops the model when the asker cancels', async () => {
    const trust = parseTrustFile(await readFile(join(here.state, 'trust/local.trust')))
    const identity = await openIdentity(await openIdentityFile(await readFile(join(here.state, 'user.identity'))))
    const client = createClient({ router: up.url, identity, trust })
    await client.enrol()
    const answer = client.ask({ to: TAG, messages: [{ role: 'user', content: STORY }], sampling: { maxTokens: 1_500 } })
    let cancelledMs = 0
    const reading = async () => {
      for await (const _ of answer) {
        if (cancelledMs === 0) answer.cancel().catch(() => {})
        cancelledMs ||= performance.now()
      }
    }
    // Thrown when the agent's signed CLOSE is here: the model stands still by then.
    await expect(reading()).rejects.toMatchObject({ code: 'CANCELLED' })
    const tookMs = performance.now() - cancelledMs
    console.log(`${name}: ${Math.round(tookMs)} ms from cancel() to the signed CLOSE, over router and broker`)
    expect(tookMs).toBeLessThan(1_000)
    const { stdout } = await ended(ask('Hi', '--max-tokens', '1'))
    expect(stdout).not.toBe('')
    expect(performance.now() - cancelledMs).toBeLessThan(5_000)
  }, 60_000)

  test('killed in the middle and started again: closes what ran as aborted, and answers what waited, once', async () => {
    const story = ask(STORY, '--max-tokens', '1500')
    const begun = new Promise((resolve) => story.stdout?.once('data', resolve))
    const told = ended(story)
    await begun
    endNow(agent.pid)
    endNow(agent.agentPid)
    const waited = ended(ask(...QUESTION))
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    agent = await start()
    expect(await waited).toMatchObject({ code: 0, stdout: texts.get(name) })
    const { code, stderr } = await told
    expect(stderr).toMatch(/ABORTED|INTERRUPTED/)
    expect(code).not.toBe(0)
    const exit = new Promise((resolve) => agent.child.once('close', resolve))
    process.kill(agent.pid, 'SIGTERM')
    expect(await exit).toBe(0)
    const db = new DatabaseSync(join(here.path('agent'), 'agent/attempts.db'))
    const attempts = db.prepare('SELECT attempt, state FROM attempt ORDER BY recorded_ms').all()
    db.close()
    // The question, the cancelled story, `Hi`, the killed story, what waited.
    const states = ['finished', 'finished', 'finished', 'interrupted', 'finished']
    expect(attempts.map((row) => ({ ...row }))).toEqual(states.map((state) => ({ attempt: 1, state })))
  }, 90_000)
})

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
