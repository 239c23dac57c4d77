/** The examples, each run as its README says. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../../../scripts/broker/server.ts'
import { startWorkerd } from './edges.ts'
import { ended, type Place, place, type Up } from './weave.ts'

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
