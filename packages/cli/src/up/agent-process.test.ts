import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentChannel } from '@mystranet/router'
import { afterEach, expect, test } from 'vitest'
import { until } from '../../test/weave.ts'
import { type AgentProcess, startAgentProcess } from './agent-process.ts'

const program = fileURLToPath(new URL('../../test/wing-agent.mjs', import.meta.url))
let running: AgentProcess | undefined
afterEach(() => running?.stop(0))

async function start(does: string) {
  const journal = join(await mkdtemp(join(tmpdir(), 'weave-wing-')), 'journal')
  const seen = {
    hellos: [] as Uint8Array[],
    lines: [] as string[],
    givenUp: [] as string[],
    lost: 0,
    channels: [] as AgentChannel[],
  }
  const agent = startAgentProcess({
    program,
    env: { WING_DOES: does, WING_JOURNAL: journal },
    backOffMs: 1,
    links: {
      attach: (channel) => {
        seen.channels.push(channel)
        return {
          receive: () => {},
          lost() {
            seen.lost += 1
          },
        }
      },
    },
    onHello: (instance) => seen.hellos.push(instance),
    onLine: (line) => seen.lines.push(line),
    onGivenUp: (reason) => seen.givenUp.push(reason),
  })
  running = agent
  const births = async () => (await readFile(journal, 'utf8').catch(() => '')).split('\n').length - 1
  return { agent, seen, births }
}

test('it is linked, may enrol, and its bytes arrive as bytes', async () => {
  const { seen } = await start('lives')
  await until('it said hello', () => seen.hellos.length === 1)
  expect(seen.hellos[0]).toEqual(new Uint8Array(32).fill(7))
  expect(seen.channels[0]?.mayEnrol).toBe(true)
})

test('killed, it is lost to the router and started again', async () => {
  const { agent, seen } = await start('lives')
  await until('it said hello', () => seen.hellos.length === 1)
  process.kill(agent.pid as number, 'SIGKILL')
  await until('it said hello again', () => seen.hellos.length === 2)
  expect([seen.lost, agent.restarts]).toEqual([1, 1])
  expect(seen.lines.join()).toContain('ended with SIGKILL')
  expect(() => seen.channels[0]?.send({ type: 'drain' })).toThrow('the agent is gone')
})

test('a wrong configuration is not tried twice, and its reason is told', async () => {
  const { seen, births } = await start('config')
  await until('it was given up', () => seen.givenUp.length === 1)
  expect(seen.givenUp[0]).toContain('WING_X is absent')
  expect(await births()).toBe(1)
})

test('what dies before its first word is given up after three times', async () => {
  const { seen, births } = await start('stillborn')
  await until('it was given up', () => seen.givenUp.length === 1)
  expect(await births()).toBe(3)
})

test('stopped, it ends and stays away; past its grace it is killed', async () => {
  const { agent, seen, births } = await start('lingers')
  await until('it said hello', () => seen.hellos.length === 1)
  await agent.stop(50)
  expect(agent.pid).toBeUndefined()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await births()).toBe(1)
})
