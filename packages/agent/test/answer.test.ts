import { afterEach, describe, expect, it } from 'vitest'
import { memoryAttempts, memoryKeys } from '../src/adapters/memory-stores.ts'
import { type Script, scriptedEngine } from '../src/adapters/scripted-engine.ts'
import { type Agent, type AgentOptions, startAgent } from '../src/agent.ts'
import { loggingRouter } from './logging-router.ts'

const agents: Agent[] = []
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.drain()
})

async function start(script: Script, options: Partial<AgentOptions> = {}) {
  let shiftMs = 0
  const clock = { now: () => Date.now() + shiftMs }
  const router = await loggingRouter(clock)
  const engine = scriptedEngine({ script, slots: 2 })
  const parts = { engine, keys: memoryKeys(), attempts: memoryAttempts(), trust: router.trust, clock, ...options }
  const agent = await startAgent(parts, router.connect().link)
  agents.push(agent)
  await agent.ready
  return { router, agent, ...parts, shift: (ms: number) => (shiftMs += ms) }
}

describe('an answer', () => {
  it('comes whole', async () => {
    const { router } = await start({ '*': { pieces: ['Hello', ' ', 'there', '.'] } })
    const request = await router.ask('hi')
    const lease = await router.deliver(request)
    expect(await router.settled(lease)).toBe('finished')
    expect(await router.read(request)).toMatchObject({ text: 'Hello there.', finish: 'STOP' })
  })
})
