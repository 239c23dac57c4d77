/**
 * The agent as a child process. Its parent forks this file with `serialization: 'advanced'` and the settings of
 * `config.ts` in the environment, and speaks `@mystranet/schemas/link` over the channel.
 *
 * - SIGTERM, or the message `drain`: finishes what runs, then leaves with code 0. A second SIGTERM leaves at once.
 * - The parent is gone: leaves at once; what ran is interrupted, and the next process says so.
 * - SIGINT is left to the parent, which a terminal sends it to as well.
 * - Exit code 2: the configuration is wrong; 1: anything else. The reason is one line on standard error.
 *
 * @module
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseIdentity } from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import { parseTrustFile } from '@mystranet/sdk/proof/trust-file'
import { parentLink } from './adapters/parent-link.ts'
import type { Script } from './adapters/scripted-engine.ts'
import { sqliteAttempts } from './adapters/sqlite-attempts.ts'
import { sqliteKeys } from './adapters/sqlite-keys.ts'
import { startAgent } from './agent.ts'
import { type AgentConfig, ConfigError, readConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { reasonOf } from './reply.ts'

/** Each engine's code is loaded only where it is wanted: `llama` brings a native library. */
const ENGINES: Readonly<Record<AgentConfig['engine'], (config: AgentConfig) => Promise<Engine>>> = {
  async llama({ model, modelDigest, threads, slots, contextTokens, gpu, stateFolder }) {
    const { llamaEngine } = await import('./adapters/llama-engine.ts')
    const options = { expectedDigest: modelDigest, threads, slots, contextTokens, gpu, cacheDir: stateFolder }
    return llamaEngine({ modelPath: model as string, ...options })
  },
  async openai({ url, model, apiKey, slots, contextTokens }) {
    const { openaiEngine } = await import('./adapters/openai-engine.ts')
    return openaiEngine({ url: url as string, model, apiKey, slots, contextTokens })
  },
  async scripted({ script, journal, slots, contextTokens }) {
    const { scriptedEngine } = await import('./adapters/scripted-engine.ts')
    const rows = JSON.parse(await readFile(script as string, 'utf8')) as Script
    return scriptedEngine({
      script: rows,
      ...(slots !== undefined && { slots }),
      ...(contextTokens !== undefined && { contextTokens }),
      ...(journal !== undefined && { journal }),
    })
  },
}

async function rootSeedOf(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined
  const text = new TextDecoder().decode(await readIdentityFile(path, { plain: true }))
  return parseIdentity(text).find(({ kind }) => kind === 'root')?.bytes
}

const readOptional = async (path: string | undefined) =>
  path === undefined ? undefined : new Uint8Array(await readFile(path))

async function main(): Promise<void> {
  const config = readConfig(process.env)
  // First, so that nothing is missed while the model loads.
  const link = parentLink()
  const { stateFolder, identityFile } = config
  await mkdir(stateFolder, { recursive: true, mode: 0o700 })
  const trust = parseTrustFile(new Uint8Array(await readFile(config.trustFile)))
  const rootSeed = await rootSeedOf(identityFile)
  const documents = {
    authorization: await readOptional(config.authorization),
    registryEntry: await readOptional(config.registryEntry),
  }
  const keys = sqliteKeys(join(stateFolder, 'keys.db'))
  const attempts = sqliteAttempts(join(stateFolder, 'attempts.db'))
  const engine = await ENGINES[config.engine](config)
  const { name, tags, suites, maxRunning } = config
  const options = { name, tags, suites, maxRunning, rootSeed, keys, attempts, engine, trust, documents }
  const agent = await startAgent(options, link)

  let isLeaving = false
  process.on('SIGTERM', () => {
    if (isLeaving) process.exit(1)
    isLeaving = true
    agent.drain().catch(fail)
  })
  await Promise.race([agent.ready.then(() => agent.ended), agent.ended])
  await Promise.all([attempts.close(), keys.close()])
  // An engine may take its time to stop what runs; nobody waits for that any more.
  process.exit(0)
}

function fail(error: unknown): never {
  process.stderr.write(`weave agent: ${reasonOf(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}

process.on('SIGINT', () => {})
main().catch(fail)
