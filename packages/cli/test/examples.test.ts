/** The examples, each run as its README says. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
