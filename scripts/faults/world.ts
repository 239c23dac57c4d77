/**
 * What is killed: `weave up` with its agent as a child, or `weave up`, a broker and agents that dial in there. All of it
 * as a user starts it, in a folder and on ports of its own.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askAdmin } from '../../packages/cli/src/admin/client.ts'
import { stateFolder } from '../../packages/cli/src/state.ts'
import { type Broker, startBroker } from '../broker/server.ts'
import { freePort } from '../runtime/free-port.ts'
import { followJournal, type Journal, startWeave, untilGone, type Weave } from './process.ts'
import { SCRIPT, TAG } from './script.ts'
import type { Whereabouts } from './stages.ts'

export type Part = 'up' | 'agent' | 'broker'

export interface World {
  readonly state: string
  readonly url: string
  readonly trustFile: string
  /** Lines `⟨packet⟩ start|finish|failed|cancelled` of the engine, over all its processes. */
  readonly effects: readonly string[]
  /** Kills with -9, at once. @returns when it is gone, and all that was written before is read. */
  strike(part: Part): Promise<void>
  /** Starts again what was struck, and waits until it runs; what it does about packets goes on meanwhile. */
  revive(part: Part): Promise<void>
  /** Throws when something ended that nobody killed. */
  check(): void
  close(): Promise<void>
}

export interface WorldOptions {
  readonly whereabouts: Whereabouts
  /** Agents over a broker; 0: no broker, and one agent as a child of `weave up`. */
  readonly remoteAgents: number
}

/** Faster than the defaults, so that a lease or a back-off is not what a run spends its time on. */
const ROUTER_ENV = {
  WEAVE_LEASE_MS: '2000',
  WEAVE_BACK_OFF_MS: '100',
  WEAVE_ACCEPT_MS: '3000',
  WEAVE_SENDER_PER_MINUTE: '1000000',
  WEAVE_SENDER_BURST: '1000000',
  WEAVE_ADDRESS_PER_MINUTE: '10000000',
  WEAVE_ADDRESS_BURST: '1000000',
}
const SLOTS = '4'
const READY_MS = 60_000
/** `weave up` waits longer after each death of its agent; so many deaths, and it is started anew itself. */
const CHILD_DEATHS = 3

interface RemoteAgent {
  readonly number: number
  weave: Weave
  pid: number
  isStruck: boolean
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const undo: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await build(options, undo)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** @param undo Gets what ends each thing that was started. */
async function build(
  { whereabouts, remoteAgents }: WorldOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<World, 'close'>> {
  const folder = await mkdtemp(join(tmpdir(), 'weave-faults-'))
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 40, retryDelay: 50 }))
  const state = join(folder, 's')
  const script = join(folder, 'script.json')
  await writeFile(script, JSON.stringify(SCRIPT))
  const broker = remoteAgents > 0 ? await startBroker() : undefined
  undo.push(async () => broker?.remove())
  const port = await freePort()
  const engine = ['--engine', 'scripted', '--script', script, '--slots', SLOTS]
  // Code that was compiled once starts in half the time.
  const compiled = { NODE_COMPILE_CACHE: join(folder, 'compiled') }
  const env = { ...ROUTER_ENV, ...compiled, WEAVE_AGENT_JOURNAL: join(folder, 'effects') }
  const journal = followJournal(env.WEAVE_AGENT_JOURNAL, whereabouts.noted)
  undo.push(async () => journal.close())
  const start = (args: readonly string[], onLine?: (line: string) => void) => {
    const weave = startWeave(args, env, onLine)
    undo.push(async () => {
      weave.signal('SIGKILL')
      await weave.gone
    })
    return weave
  }
  const flags = ['--json', '--state', state, '--port', String(port), '--proxy-port', '0', '--tag', TAG]
  const fabric = broker === undefined ? engine : ['--nats', broker.url]
  const startUp = async () => {
    const weave = start(['up', ...flags, '--log-level', 'info', ...fabric], whereabouts.traced)
    const { url } = await weave.said<{ url: string }>()
    return { weave, url }
  }
  // Only a program that ends in peace leaves what it compiled.
  const first = await startUp()
  first.weave.signal('SIGTERM')
  await first.weave.gone
  const started = await startUp()
  const { url } = started
  const trustFile = join(state, 'trust/local.trust')
  const startAgent = async (number: number, invite: readonly string[] = []): Promise<RemoteAgent> => {
    const place = ['--json', '--state', join(folder, `agent-${number}`), '--router', url, '--trust', trustFile]
    const weave = start(['agent', ...place, '--tag', TAG, ...fabric, ...engine, ...invite])
    const { agentPid } = await weave.said<{ agentPid: number }>()
    const agent: RemoteAgent = { number, weave, pid: agentPid, isStruck: false }
    void follow(agent)
    return agent
  }
  const admin = stateFolder(state)
  const agents: RemoteAgent[] = []
  for (let number = 0; number < remoteAgents; number += 1) {
    const { token } = await askAdmin<{ token: string }>(admin, 'POST', '/invite/agent')
    agents.push(await startAgent(number, ['--invite', token]))
  }
  const parts = { up: started.weave, agents, broker, journal, startUp, startAgent, state }
  const world = broker === undefined ? await withChild(parts) : withBroker({ ...parts, broker })
  await untilReady(state)
  return { ...world, state, url, trustFile, effects: journal.lines }
}

interface Parts {
  up: Weave
  readonly agents: RemoteAgent[]
  readonly broker: Broker | undefined
  readonly journal: Journal
  readonly state: string
  startUp(): Promise<{ weave: Weave }>
  startAgent(number: number): Promise<RemoteAgent>
}

type Struck = Pick<World, 'strike' | 'revive' | 'check'>

const fate = ({ lastWords, isGone }: Weave, name: string) => {
  if (isGone) throw new Error(`Cannot go on: ${name} ended by itself with ${lastWords()}`)
}

/** An agent whose router is gone leaves, and its parent starts another one. */
async function follow(agent: RemoteAgent): Promise<void> {
  try {
    for (;;) agent.pid = (await agent.weave.said<{ agentPid: number }>()).agentPid
  } catch {
    // It is gone, and has no more to say.
  }
}

/** The agent is a child of `weave up`. */
async function withChild(parts: Parts): Promise<Struck> {
  const { journal, state, startUp } = parts
  let pid = 0
  let deaths = 0
  const find = async () => {
    const until = Date.now() + READY_MS
    for (let found: number | undefined; ; await sleep(20)) {
      found = (await statusOf(state))?.agentPid
      if (found !== undefined && found !== pid) {
        pid = found
        return
      }
      fate(parts.up, 'weave up')
      if (Date.now() > until) throw new Error(`Cannot go on: no new agent within ${READY_MS} ms`)
    }
  }
  const up = async () => {
    parts.up = (await startUp()).weave
    deaths = 0
    await find()
  }
  await find()
  return {
    async strike(part) {
      if (part === 'up') {
        parts.up.signal('SIGKILL')
        await parts.up.gone
        await untilGone(pid)
      } else {
        process.kill(pid, 'SIGKILL')
        await untilGone(pid)
      }
      journal.read()
    },
    async revive(part) {
      if (part === 'up') return up()
      deaths += 1
      if (deaths < CHILD_DEATHS) return find()
      parts.up.signal('SIGTERM')
      await parts.up.gone
      await up()
    },
    check: () => fate(parts.up, 'weave up'),
  }
}

/** Each part is a process that dials the others. */
function withBroker(parts: Parts & { readonly broker: Broker }): Struck {
  const { journal, agents, broker, startUp, startAgent } = parts
  let turn = 0
  return {
    async strike(part) {
      if (part === 'broker') await broker.stop('SIGKILL')
      else if (part === 'up') {
        parts.up.signal('SIGKILL')
        await parts.up.gone
      } else {
        const agent = agents[turn++ % agents.length] as RemoteAgent
        agent.isStruck = true
        // Its parent too: it would start another one.
        process.kill(agent.pid, 'SIGKILL')
        agent.weave.signal('SIGKILL')
        await Promise.all([agent.weave.gone, untilGone(agent.pid)])
      }
      journal.read()
    },
    async revive(part) {
      if (part === 'broker') await broker.start()
      else if (part === 'up') parts.up = (await startUp()).weave
      else {
        for (const [at, { isStruck, number }] of agents.entries()) {
          if (isStruck) agents[at] = await startAgent(number)
        }
      }
    },
    check() {
      fate(parts.up, 'weave up')
      for (const { weave, number } of agents) fate(weave, `agent ${number}`)
    },
  }
}

const statusOf = (state: string) =>
  askAdmin<{ agentPid?: number; ready: boolean }>(stateFolder(state), 'GET', '/status').catch(() => undefined)

async function untilReady(state: string): Promise<void> {
  const until = Date.now() + READY_MS
  while (!(await statusOf(state))?.ready) {
    if (Date.now() > until) throw new Error(`Cannot begin: not ready after ${READY_MS} ms`)
    await sleep(50)
  }
}
