/**
 * The agent's settings: `WEAVE_AGENT_*` of the environment, read once into one frozen object. Every setting has a row in
 * {@link SETTINGS}; the row is its documentation.
 *
 * @module
 */
import { fromHex } from '@mystranet/sdk/bytes'
import { isSuite, type Suite } from '@mystranet/sdk/keys/kem'

export type EngineName = 'llama' | 'openai' | 'scripted'
const ENGINES: readonly EngineName[] = ['llama', 'openai', 'scripted']

export interface AgentConfig {
  readonly stateFolder: string
  readonly trustFile: string
  readonly nats: string | undefined
  readonly router: string | undefined
  readonly invite: string | undefined
  readonly engine: EngineName
  readonly model: string | undefined
  readonly modelDigest: Uint8Array | undefined
  readonly url: string | undefined
  readonly apiKey: string | undefined
  readonly script: string | undefined
  readonly journal: string | undefined
  readonly slots: number | undefined
  readonly threads: number | undefined
  readonly contextTokens: number | undefined
  readonly maxRunning: number | undefined
  readonly gpu: 'auto' | false
  readonly suites: readonly Suite[]
  readonly name: string | undefined
  readonly tags: readonly string[]
  readonly identityFile: string | undefined
  readonly delegation: string | undefined
  readonly authorization: string | undefined
  readonly registryEntry: string | undefined
}

interface Setting<T> {
  readonly env: string
  readonly about: string
  /** @throws Error saying what was wanted. */
  read(text: string | undefined): T
}

type Settings = { readonly [Name in keyof AgentConfig]: Setting<AgentConfig[Name]> }

const setting = <T>(env: string, about: string, read: (text: string | undefined) => T): Setting<T> => ({
  env,
  about,
  read,
})
const wanted = (what: string): never => {
  throw new Error(`wanted ${what}`)
}
const path = (text: string | undefined): string => text ?? wanted('a path')
const optional = (text: string | undefined): string | undefined => text
const count =
  (most: number) =>
  (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    return value >= 1 && value <= most ? value : wanted(`a whole number from 1 to ${most}`)
  }

const isBroker = (text: string): boolean => URL.canParse(text) && /^(nats|tls):$/.test(new URL(text).protocol)

/** One row a setting: its variable, and what it means. */
export const SETTINGS: Settings = {
  stateFolder: setting('WEAVE_AGENT_STATE', 'Folder of keys.db and attempts.db; made with mode 0700. Required.', path),
  trustFile: setting('WEAVE_AGENT_TRUST', 'Trust file under which routers are believed. Required.', path),
  nats: setting(
    'WEAVE_AGENT_NATS',
    'Broker to dial, such as nats://host:4222. Default: the parent process’s channel.',
    (text) => (text === undefined || isBroker(text) ? text : wanted('a URL such as nats://host:4222')),
  ),
  router: setting('WEAVE_AGENT_ROUTER', 'Router to enrol at over HTTP; with a broker only.', (text) =>
    text === undefined || /^https?:\/\//.test(text) ? text : wanted('an http or https URL'),
  ),
  invite: setting('WEAVE_AGENT_INVITE', 'Token that lets this agent enrol, once.', optional),
  engine: setting(
    'WEAVE_AGENT_ENGINE',
    'llama, openai or scripted. Default llama.',
    (text = 'llama') => ENGINES.find((engine) => engine === text) ?? wanted(`one of ${ENGINES.join(' ')}`),
  ),
  model: setting(
    'WEAVE_AGENT_MODEL',
    'llama: a GGUF file. openai: the name that the server knows; default its only one.',
    optional,
  ),
  modelDigest: setting('WEAVE_AGENT_MODEL_DIGEST', 'llama: refuse a file with another SHA-256.', (text) =>
    text === undefined
      ? undefined
      : text.length === 64
        ? (fromHex(text) ?? wanted('64 lowercase hex digits'))
        : wanted('64 lowercase hex digits'),
  ),
  url: setting('WEAVE_AGENT_URL', 'openai: the server, up to and with /v1.', (text) =>
    text === undefined || /^https?:\/\//.test(text) ? text : wanted('an http or https URL'),
  ),
  apiKey: setting('WEAVE_AGENT_API_KEY', 'openai: bearer token.', optional),
  script: setting('WEAVE_AGENT_SCRIPT', 'scripted: a JSON file, the script by the last message’s text.', optional),
  journal: setting('WEAVE_AGENT_JOURNAL', 'scripted: a file that gets a line for each run.', optional),
  slots: setting('WEAVE_AGENT_SLOTS', 'Generations at once. Default: the engine’s.', count(256)),
  threads: setting('WEAVE_AGENT_THREADS', 'llama: threads. Default: measured.', count(1_024)),
  contextTokens: setting(
    'WEAVE_AGENT_CONTEXT_TOKENS',
    'Tokens of prompt and answer together. Default: the engine’s.',
    count(10_000_000),
  ),
  maxRunning: setting(
    'WEAVE_AGENT_MAX_RUNNING',
    'Packets at once, those that wait included. Default: 8 for each slot.',
    count(100_000),
  ),
  gpu: setting('WEAVE_AGENT_GPU', 'llama: auto or off. Default auto.', (text = 'auto') =>
    text === 'auto' ? 'auto' : text === 'off' ? false : wanted('auto or off'),
  ),
  suites: setting(
    'WEAVE_AGENT_SUITES',
    'Cipher suites to publish prekeys of, comma-separated. Default 1,2.',
    (text = '1,2') => {
      const suites = text.split(',').map(Number)
      const isFine = suites.every(isSuite) && new Set(suites).size === suites.length
      return isFine ? (suites as Suite[]) : wanted('1, 2 or both')
    },
  ),
  name: setting('WEAVE_AGENT_NAME', 'A name that the delegation claims.', optional),
  tags: setting(
    'WEAVE_AGENT_TAGS',
    'Tags that the delegation claims, comma-separated.',
    (text) => text?.split(',') ?? [],
  ),
  identityFile: setting(
    'WEAVE_AGENT_IDENTITY',
    'A plain identity file whose root seed a new state folder begins with; with a delegation, whose operational seed it is for.',
    optional,
  ),
  delegation: setting(
    'WEAVE_AGENT_DELEGATION',
    'The delegation of a root key that stays elsewhere, as weave keys lend writes it.',
    optional,
  ),
  authorization: setting('WEAVE_AGENT_AUTHORIZATION', 'A signed authorization to run this model.', optional),
  registryEntry: setting('WEAVE_AGENT_REGISTRY_ENTRY', 'A publisher’s signed entry on this model.', optional),
}

/** All faults of a configuration at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`Cannot configure the agent: ${faults.join('; ')}`)
    this.faults = faults
  }
}

/**
 * Reads the configuration. An empty variable is absent.
 *
 * @throws {ConfigError} naming every fault, unknown `WEAVE_AGENT_*` variables among them.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const faults: string[] = []
  const known = new Set(Object.values(SETTINGS).map(({ env: name }) => name))
  for (const name of Object.keys(env)) {
    if (name.startsWith('WEAVE_AGENT_') && !known.has(name)) faults.push(`${name} is no setting`)
  }
  const entries = Object.entries(SETTINGS).map(([name, { env: variable, read }]) => {
    const text = env[variable] === '' ? undefined : env[variable]
    try {
      return [name, read(text)]
    } catch (error) {
      // A secret is never repeated.
      const state =
        text === undefined ? 'absent' : /_(KEY|INVITE|NATS)$/.test(variable) ? 'set' : JSON.stringify(text.slice(0, 80))
      faults.push(`${variable} is ${state}, ${(error as Error).message}`)
      return [name, undefined]
    }
  })
  const config = Object.fromEntries(entries) as AgentConfig
  if (config.nats !== undefined && config.router === undefined)
    faults.push('WEAVE_AGENT_ROUTER is absent, wanted the router to enrol at')
  if (config.delegation !== undefined && config.identityFile === undefined)
    faults.push('WEAVE_AGENT_IDENTITY is absent, wanted the file with the operational key of the delegation')
  if (config.engine === 'llama' && config.model === undefined)
    faults.push('WEAVE_AGENT_MODEL is absent, wanted a GGUF file')
  if (config.engine === 'openai' && config.url === undefined) faults.push('WEAVE_AGENT_URL is absent, wanted a server')
  if (config.engine === 'scripted' && config.script === undefined)
    faults.push('WEAVE_AGENT_SCRIPT is absent, wanted a file')
  if (faults.length > 0) throw new ConfigError(faults)
  return Object.freeze(config)
}
