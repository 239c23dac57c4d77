/** Router, broker and agents, each a process of its own: what a fabric of several machines does on good and on bad days. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { ended, type Place, place, slowly, spawnWeave, type Up, until } from './weave.ts'

const SCRIPT = {
  canary: { pieces: ['ok'] },
  slow: slowly(60, 50),
  long: slowly(2_000, 50),
  '*': { pieces: ['An', ' answer.'] },
}

let broker: Broker
let here: Place
const children: ChildProcess[] = []
beforeAll(async () => {
  broker = await startBroker()
  here = await place()
  await writeFile(here.path('script.json'), JSON.stringify(SCRIPT))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => {
  await here.remove()
  await broker.remove()
})

interface RemoteAgent {
  readonly instance: string
  readonly agentPid: number
  readonly child: ChildProcess
  readonly stderr: () => string
}

async function invited(): Promise<string> {
  const { stdout } = await here.weave('agent', 'invite', '--json')
  return (JSON.parse(stdout) as { token: string }).token
}

function spawnAgent(up: Up, name: string, invite: string | undefined, url = broker.url): ChildProcess {
  const engine = ['--engine', 'scripted', '--script', here.path('script.json')]
  const fabric = ['--nats', url, '--router', up.url, '--trust', join(here.state, 'trust/local.trust')]
  const token = invite === undefined ? [] : ['--invite', invite]
  const child = spawnWeave(['agent', '--json', '--state', here.path(name), ...fabric, ...token, ...engine], {
    WEAVE_AGENT_JOURNAL: here.path('journal'),
  })
  children.push(child)
  return child
}

async function startAgent(up: Up, name: string, invite?: string, url?: string): Promise<RemoteAgent> {
  const child = spawnAgent(up, name, invite, url)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })[Symbol.asyncIterator]()
  const { value, done } = (await lines.next()) as IteratorResult<string>
  if (done) throw new Error(`weave agent ended: ${stderr}`)
  return { ...(JSON.parse(value) as Omit<RemoteAgent, 'child' | 'stderr'>), child, stderr: () => stderr }
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  return exit
}

const isReady = async () =>
  (JSON.parse((await here.weave('status', '--json')).stdout || '{}') as { ready?: boolean }).ready === true
/** How often each packet began, ended and so on: every effect that the engine had. */
async function effects(what: string, since = 0): Promise<number[]> {
  const counts = new Map<string, number>()
  for (const line of (await here.journal()).slice(since)) {
    const [packet = '', event] = line.split(' ')
    if (event === what && packet.length === 64) counts.set(packet, (counts.get(packet) ?? 0) + 1)
  }
  return [...counts.values()]
}

describe.each([
  ['in the router', '0'],
  ['on the broker', '1'],
])('a fabric over a broker, its answers %s', (_, natsAnswers) => {
  let up: Up
  let agent: RemoteAgent
  const env = { WEAVE_LEASE_MS: '2000', WEAVE_NATS_ANSWERS: natsAnswers }
  beforeAll(async () => {
    await here.remove()
    here = await place()
    await writeFile(here.path('script.json'), JSON.stringify(SCRIPT))
    up = await here.up(['--nats', broker.url], { waits: false, env })
    agent = await startAgent(up, 'agent', await invited())
    await until('the fabric is ready', isReady, 20_000)
    // These outlive single tests.
    children.length = 0
  }, 60_000)
  afterAll(async () => {
    agent.child.kill('SIGKILL')
    await up.stop('SIGKILL')
  })

  test('an agent in another process, let in by its token, answers, and the answer is VERIFIED', async () => {
    const { code, stdout, stderr } = await here.weave('ask', 'misty.weave', 'Hello')
    expect(stdout).toBe('An answer.\n')
    expect(stderr).toContain('VERIFIED under "local"')
    expect(code).toBe(0)
    const status = JSON.parse((await here.weave('status', '--json')).stdout) as { agents: { instance: string }[] }
    expect(status.agents.map(({ instance }) => instance)).toEqual([agent.instance])
  })

  test('a token lets one agent in; without one nobody comes in', async () => {
    const token = await invited()
    const second = await startAgent(up, 'second', token)
    expect(second.instance).not.toBe(agent.instance)
    for (const invite of [token, undefined]) {
      const third = await ended(spawnAgent(up, 'third', invite))
      expect(third.code).not.toBe(0)
      expect(third.stderr).toMatch(/NOT_PERMITTED|KEY_UNKNOWN/)
      await rm(here.path('third'), { recursive: true })
    }
    expect(await stop(second.child)).toBe(0)
  }, 60_000)

  test('a question as large as a packet may be, eight messages of the broker, is answered and runs once', async () => {
    const since = (await here.journal()).length
    const question = randomBytes(6_900_000 / 2).toString('hex')
    const ask = (text: string) => ended(spawnWeave(['ask', 'misty.weave', '-', '--state', here.state], {}, text))
    const { code, stdout, stderr } = await ask(question)
    expect(stdout).toBe('An answer.\n')
    expect(stderr).toContain('VERIFIED under "local"')
    expect(code).toBe(0)
    expect(await effects('start', since)).toEqual([1])
    const entries = async () => /^\d+$/m.exec(await (await fetch(`${up.url}/log/checkpoint`)).text())?.[0]
    const logged = await entries()
    expect(logged).toBeDefined()
    const refused = await ask(question + question.slice(0, 500_000))
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('PACKET_TOO_LARGE')
    expect(await entries()).toBe(logged)
    expect(await effects('start', since)).toEqual([1])
  }, 60_000)

  test('a delivery that is not taken in time is made again, and runs once', async () => {
    const since = (await here.journal()).length
    process.kill(agent.agentPid, 'SIGSTOP')
    const asked = here.weave('ask', 'misty.weave', 'Who is there?')
    // The lease runs out at least once.
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    process.kill(agent.agentPid, 'SIGCONT')
    expect(await asked).toMatchObject({ code: 0, stdout: 'An answer.\n' })
    const metrics = await (await fetch(`${up.url}/metrics`)).text()
    expect(Number(/^weave_deliveries_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(1)
    expect(await effects('start', since)).toEqual([1])
  }, 40_000)

  test('a broker that is killed in the middle of an answer and comes back: one effect, the answer arrives', async () => {
    const since = (await here.journal()).length
    const child = spawnWeave(['ask', 'misty.weave', 'slow', '--state', here.state])
    const begun = new Promise((resolve) => child.stdout?.once('data', resolve))
    const asked = ended(child)
    await begun
    await broker.stop('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await broker.start()
    const { code, stdout, stderr } = await asked
    expect(stdout).toBe(`${SCRIPT.slow.pieces.map(({ text }) => text).join('')}\n`)
    expect(stderr).toContain('VERIFIED under "local"')
    expect(code).toBe(0)
    expect(await effects('start', since)).toEqual([1])
    await until('the fabric is ready again', isReady, 20_000)
  }, 60_000)

  test('questions that are asked while the broker is away are answered when it is back, each once', async () => {
    const since = (await here.journal()).length
    await broker.stop('SIGKILL')
    const asked = Promise.all([1, 2, 3].map((at) => here.weave('ask', 'misty.weave', `Question ${at}`)))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await broker.start()
    expect((await asked).map(({ code, stdout }) => [code, stdout])).toEqual(Array(3).fill([0, 'An answer.\n']))
    expect(await effects('start', since)).toEqual([1, 1, 1])
  }, 60_000)

  test('an agent that is killed while it holds a lease: one effect, and its sender is told', async () => {
    await until('the fabric is ready', isReady, 20_000)
    const since = (await here.journal()).length
    const child = spawnWeave(['ask', 'misty.weave', 'long', '--state', here.state])
    const begun = new Promise((resolve) => child.stdout?.once('data', resolve))
    const asked = ended(child)
    await begun
    process.kill(agent.agentPid, 'SIGKILL')
    const { code, stdout, stderr } = await asked
    expect(code).not.toBe(0)
    expect(stdout).toContain('w0')
    expect(stderr).toMatch(/ABORTED|INTERRUPTED/)
    expect(await effects('start', since)).toEqual([1])
    await until('its successor is ready', isReady, 30_000)
    expect(await here.weave('ask', 'misty.weave', 'Hello again')).toMatchObject({ code: 0 })
    expect(await effects('start', since)).toEqual([1, 1])
  }, 90_000)

  test('a router that is killed and comes back finds its agents and its queue again', async () => {
    await up.stop('SIGKILL')
    const { port } = new URL(up.url)
    up = await here.up(['--nats', broker.url, '--port', port], { waits: false, env })
    await until('the agent has dialled again', isReady, 60_000)
    expect(await here.weave('ask', 'misty.weave', 'And now?')).toMatchObject({ code: 0, stdout: 'An answer.\n' })
  }, 90_000)
})

describe('a broker that is full', () => {
  let up: Up
  let agent: RemoteAgent
  let small: Broker
  beforeAll(async () => {
    small = await startBroker()
    await here.remove()
    here = await place()
    await writeFile(here.path('script.json'), JSON.stringify(SCRIPT))
    // Room for a few packets.
    up = await here.up(['--nats', small.url], { waits: false, env: { WEAVE_NATS_MAX_BYTES: '100000' } })
    agent = await startAgent(up, 'agent', await invited(), small.url)
    await until('the fabric is ready', isReady, 20_000)
    children.length = 0
  }, 60_000)
  afterAll(async () => {
    agent.child.kill('SIGKILL')
    await up.stop('SIGKILL')
    await small.remove()
  })

  test('says QUEUE_FULL, takes more once there is room, and every question runs once', async () => {
    const since = (await here.journal()).length
    process.kill(agent.agentPid, 'SIGSTOP')
    const questions = Array.from({ length: 10 }, (_, at) => `${at} ${randomBytes(12_000).toString('base64')}`)
    let hasEnded = false
    const asked = Promise.all(questions.map((question) => here.weave('ask', 'misty.weave', question))).finally(() => {
      hasEnded = true
    })
    const isFull = async () => {
      const text = await (await fetch(`${up.url}/metrics`)).text()
      return text.split('\n').some((line) => line.startsWith('weave_packets_total') && line.includes('"QUEUE_FULL"'))
    }
    await until('the broker is full', isFull, 20_000)
    expect(hasEnded).toBe(false)
    process.kill(agent.agentPid, 'SIGCONT')
    const ran = await asked
    expect(ran.map(({ code, stderr }) => ({ code, full: stderr.includes('QUEUE_FULL') }))).toEqual(
      Array(10).fill({ code: 0, full: false }),
    )
    expect(ran.map(({ stdout }) => stdout)).toEqual(Array(10).fill('An answer.\n'))
    expect(await effects('start', since)).toEqual(Array(10).fill(1))
  }, 90_000)
})
