import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { memoryAttempts, memoryKeys } from '../src/adapters/memory-stores.ts'
import { type Script, scriptedEngine } from '../src/adapters/scripted-engine.ts'
import { type Agent, type AgentOptions, startAgent } from '../src/agent.ts'
import { loggingRouter } from './logging-router.ts'

/** One slow answer: says something at once and then nothing until it is stopped. */
export const ENDLESS: Script = { '*': { pieces: ['one ', 'two ', { fault: 'hang' }] } }
export const HELLO: Script = { '*': { pieces: ['Hello', ' ', 'there', '.'] } }

const agents: Agent[] = []
const folders: string[] = []
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.drain()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

export type Started = Awaited<ReturnType<typeof startedAgent>>

/** An agent that is ready, on a router that logs. `ran()` counts what the engine began, by its own journal. */
export async function startedAgent(script: Script, options: Partial<AgentOptions> & { readonly slots?: number } = {}) {
  let shiftMs = 0
  const clock = { now: () => Date.now() + shiftMs }
  const folder = mkdtempSync(join(tmpdir(), 'weave-agent-'))
  folders.push(folder)
  const journal = join(folder, 'journal')
  const router = await loggingRouter(clock)
  const engine = scriptedEngine({ script, slots: options.slots ?? 2, journal })
  const keys = memoryKeys()
  const attempts = memoryAttempts()
  const parts = { engine, keys, attempts, trust: router.trust, clock, ...options }

  /** What the same host starts after a crash: same stores, a new process. */
  async function restart(): Promise<Agent> {
    const agent = await startAgent(parts, router.connect().link)
    agents.push(agent)
    await agent.ready
    return agent
  }

  const lines = (): string[] => {
    try {
      return readFileSync(journal, 'utf8').split('\n').filter(Boolean)
    } catch {
      return []
    }
  }
  return {
    router,
    agent: await restart(),
    engine,
    keys,
    attempts,
    clock,
    folder,
    restart,
    shift: (ms: number) => {
      shiftMs += ms
    },
    ran: () => lines().filter((line) => line.endsWith(' start')).length,
    journal: lines,
  }
}
