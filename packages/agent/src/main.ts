#!/usr/bin/env node
/**
 * The agent as a program, on Node, Deno and Bun. Its settings are those of `config.ts` in the environment; `--help` lists them.
 *
 * As a child, its parent forks this file with `serialization: 'advanced'` and speaks `@mystranet/schemas/link` over the
 * channel. With `WEAVE_AGENT_NATS` it dials a broker instead, and needs no parent; one that is there gets one `hello` over
 * the channel, once all is ready, and else it is a line on standard output.
 *
 * - SIGTERM, or the message `drain`: finishes what runs, then leaves with code 0. A second SIGTERM leaves at once.
 * - The parent is gone: leaves at once; what ran is interrupted, and the next process says so.
 * - SIGINT and SIGHUP are left to the parent, which a terminal sends them to as well.
 * - Exit code 2: the configuration is wrong; 1: anything else. The reason is one line on standard error.
 *
 * @module
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '@mystranet/sdk/bytes'
import { parseIdentity } from '@mystranet/sdk/keys/identity-file'
import { readIdentityFile } from '@mystranet/sdk/keys/identity-file/node'
import type { SeedKind } from '@mystranet/sdk/keys/name'
import { parseTrustFile } from '@mystranet/sdk/proof/trust-file'
import { evidenceFiles } from './adapters/evidence-files.ts'
import { parentLink } from './adapters/parent-link.ts'
import type { Script } from './adapters/scripted-engine.ts'
import { sqliteAttempts } from './adapters/sqlite-attempts.ts'
import { sqliteKeys } from './adapters/sqlite-keys.ts'
import { type AgentOptions, startAgent } from './agent.ts'
import { type AgentConfig, ConfigError, readConfig, SETTINGS } from './config.ts'
import type { Engine } from './engine.ts'
import { enrolAt } from './enrol.ts'
import type { Link } from './ports.ts'
import { reasonOf } from './reply.ts'
import { VERSION } from './version.ts'

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

/** The root key, or what a root key elsewhere delegated. */
async function keysGiven({
  identityFile,
  delegation,
}: AgentConfig): Promise<Pick<AgentOptions, 'rootSeed' | 'delegated'>> {
  if (identityFile === undefined) return {}
  const seeds = parseIdentity(new TextDecoder().decode(await readIdentityFile(identityFile, { plain: true })))
  const seedOf = (wanted: SeedKind) => seeds.find(({ kind }) => kind === wanted)?.bytes
  if (delegation === undefined) return { rootSeed: seedOf('root') }
  const seed = seedOf('operational')
  if (seed === undefined)
    throw new ConfigError([`${identityFile} holds no operational key, wanted that of the delegation`])
  return { delegated: { seed, event: new Uint8Array(await readFile(delegation)) } }
}

const readOptional = async (path: string | undefined) =>
  path === undefined ? undefined : new Uint8Array(await readFile(path))

async function main(): Promise<void> {
  const config = readConfig(process.env)
  // First, so that nothing is missed while the model loads.
  const dial = config.nats === undefined ? parentLink() : await brokerDial(config.nats)
  const { stateFolder } = config
  await mkdir(stateFolder, { recursive: true, mode: 0o700 })
  const trust = parseTrustFile(new Uint8Array(await readFile(config.trustFile)))
  const given = await keysGiven(config)
  const documents = {
    authorization: await readOptional(config.authorization),
    registryEntry: await readOptional(config.registryEntry),
  }
  const keys = sqliteKeys(join(stateFolder, 'keys.db'))
  const attempts = sqliteAttempts(join(stateFolder, 'attempts.db'))
  const engine = await ENGINES[config.engine](config)
  const { name, tags, suites, maxRunning } = config
  const { router, nats, invite } = config
  const enrol = router === undefined || nats === undefined ? undefined : enrolAt(router, invite)
  const keepEvidence = evidenceFiles(join(stateFolder, 'evidence'))
  const kept = { keys, attempts, keepEvidence }
  const options = { name, tags, suites, maxRunning, ...given, ...kept, engine, trust, documents, enrol }
  const agent = await startAgent(options, dial)
  if (config.nats !== undefined) {
    const { slots: count, model } = engine.description
    const hello = { type: 'hello', instance: agent.instance, slots: count, models: [model] }
    const say = () => (process.send ? process.send(hello) : console.log(`ready: agent ${toHex(agent.instance)}`))
    agent.ready.then(say).catch(() => {})
  }

  let isLeaving = false
  const leave = () => {
    if (isLeaving) process.exit(1)
    isLeaving = true
    agent.drain().catch(fail)
  }
  process.on('SIGTERM', leave)
  if (!hasParent) process.on('SIGINT', leave)
  await Promise.race([agent.ready.then(() => agent.ended), agent.ended])
  await Promise.all([attempts.close(), keys.close()])
  // A link that ends by itself is to be dialled again, by a process that begins anew.
  if (config.nats !== undefined && !isLeaving) throw new Error('the router is gone; what ran is interrupted')
  // An engine may take its time to stop what runs; nobody waits for that any more.
  process.exit(0)
}

/** Dials the broker; leaves with the parent, as {@link parentLink} does. */
async function brokerDial(url: string): Promise<(instance: Uint8Array) => Promise<Link>> {
  process.on('disconnect', () => process.exit(0))
  const { natsLink } = await import('./adapters/nats-link.ts')
  return (instance) => natsLink({ url, instance })
}

function fail(error: unknown): never {
  process.stderr.write(`weave agent: ${reasonOf(error)}\n`)
  process.exit(error instanceof ConfigError ? 2 : 1)
}

/** Every setting with its meaning. */
function help(): string {
  const rows = Object.values(SETTINGS).map(({ env, about }) => `  ${env.padEnd(28)}${about}\n`)
  return `weave agent ${VERSION}: runs one model for a router. Its settings are read from the environment:\n\n${rows.join('')}`
}

const hasParent = process.send !== undefined
// A terminal sends these to a whole family: the parent decides.
if (hasParent) for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
if (process.argv.includes('--help')) process.stdout.write(help())
else if (process.argv.includes('--version')) process.stdout.write(`${VERSION}\n`)
else main().catch(fail)
