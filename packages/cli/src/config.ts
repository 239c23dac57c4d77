/**
 * The settings of the `weave` command: flags and environment, read once into one frozen object. Every setting has a row
 * below; the row is its documentation, and `packages/cli/README.md` shows the same table.
 *
 * A flag wins over its environment name, and that over the fallback.
 *
 * @module
 */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { UsageError } from './exit.ts'

type Env = Readonly<Record<string, string | undefined>>

interface Row {
  readonly flag: string
  readonly env: string
  readonly kind: 'text' | 'path' | 'port' | 'count' | 'url' | 'broker' | 'tags' | 'choice'
  /** As the help shows it; what it is worth is in {@link readConfig}. */
  readonly fallback: string
  readonly about: string
  readonly choices?: readonly string[]
  readonly placeholder: string
}

const row = (
  flag: string,
  env: string,
  kind: Row['kind'],
  placeholder: string,
  fallback: string,
  about: string,
): Row => ({
  flag,
  env,
  kind,
  placeholder,
  fallback,
  about,
})

export const ENGINES = ['llama', 'openai', 'scripted'] as const
export type EngineName = (typeof ENGINES)[number]
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

export const SETTINGS = {
  state: row(
    'state',
    'WEAVE_STATE',
    'path',
    'DIR',
    '$XDG_STATE_HOME/mystranet-weave',
    'State folder: keys, log, queue, trust files.',
  ),
  host: row('host', 'WEAVE_HOST', 'text', 'ADDRESS', '127.0.0.1', 'Address that router and page listen on.'),
  port: row('port', 'WEAVE_PORT', 'port', 'N', '8470', 'Port of router and page; 0 takes a free one.'),
  proxyHost: row(
    'proxy-host',
    'WEAVE_PROXY_HOST',
    'text',
    'ADDRESS',
    '127.0.0.1',
    'Address that the OpenAI-compatible proxy listens on.',
  ),
  proxyPort: row(
    'proxy-port',
    'WEAVE_PROXY_PORT',
    'port',
    'N',
    '8471',
    'Port of the OpenAI-compatible proxy; 0 takes a free one.',
  ),
  tags: row(
    'tag',
    'WEAVE_TAG',
    'tags',
    'TAG',
    'misty.weave',
    'Tag that the model answers to; the flag may stand several times.',
  ),
  engine: {
    ...row(
      'engine',
      'WEAVE_ENGINE',
      'choice',
      'NAME',
      'llama',
      'What runs the model: llama, openai (any such server) or scripted.',
    ),
    choices: ENGINES,
  },
  model: row(
    'model',
    'WEAVE_MODEL',
    'text',
    'MODEL',
    '',
    'GGUF file or catalogue name; with --engine openai the name at the server.',
  ),
  url: row('url', 'WEAVE_URL', 'url', 'URL', '', 'Base URL of the model server, up to and with /v1.'),
  apiKeyFile: row(
    'api-key-file',
    'WEAVE_API_KEY_FILE',
    'path',
    'FILE',
    '',
    'File with the API key of the model server.',
  ),
  script: row(
    'script',
    'WEAVE_SCRIPT',
    'path',
    'FILE',
    '',
    'JSON script of --engine scripted; a built-in one without it.',
  ),
  slots: row('slots', 'WEAVE_SLOTS', 'count', 'N', '', 'Requests that the engine runs at once.'),
  models: row(
    'models',
    'WEAVE_MODELS',
    'path',
    'DIR',
    '$XDG_CACHE_HOME/mystranet-weave/models',
    'Folder of pulled models.',
  ),
  nats: row(
    'nats',
    'WEAVE_NATS',
    'broker',
    'URL',
    '',
    'Broker that carries queue and agents, such as nats://127.0.0.1:4222 or tls://….',
  ),
  router: row('router', 'WEAVE_ROUTER', 'url', 'URL', 'the one of `weave up`', 'Router to talk to.'),
  trust: row(
    'trust',
    'WEAVE_TRUST',
    'text',
    'FILE|NAME',
    'local',
    'Trust file, or the name of one that `weave trust add` took in.',
  ),
  identity: row('identity', 'WEAVE_IDENTITY', 'path', 'FILE', 'the local user’s', 'Identity file to sign with.'),
  passphraseFile: row(
    'passphrase-file',
    'WEAVE_PASSPHRASE_FILE',
    'path',
    'FILE',
    '',
    'File with the passphrase of a locked identity file.',
  ),
  logLevel: {
    ...row('log-level', 'WEAVE_LOG_LEVEL', 'choice', 'LEVEL', 'warn', 'Least level of the JSON log lines on stderr.'),
    choices: LOG_LEVELS,
  },
} as const satisfies Record<string, Row>

export type SettingName = keyof typeof SETTINGS

/** What is in force. Paths are absolute. */
export interface Config {
  readonly state: string
  readonly host: string
  readonly port: number
  readonly proxyHost: string
  readonly proxyPort: number
  readonly tags: readonly string[]
  readonly engine: EngineName
  readonly model: string | undefined
  readonly url: string | undefined
  readonly apiKeyFile: string | undefined
  readonly script: string | undefined
  readonly slots: number | undefined
  readonly models: string
  readonly nats: string | undefined
  readonly router: string | undefined
  readonly trust: string
  readonly identity: string | undefined
  readonly passphraseFile: string | undefined
  readonly logLevel: string
}

/** Flags as `parseArgs` gives them. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

const TAG = /^[a-z0-9][a-z0-9._-]{0,127}$/

/**
 * Reads the configuration.
 *
 * @throws {UsageError} naming every fault at once.
 */
export function readConfig(env: Env, flags: FlagValues = {}, cwd: string = process.cwd()): Config {
  const faults: string[] = []
  const given = (name: SettingName): readonly string[] => {
    const { flag, env: variable } = SETTINGS[name]
    const value = flags[flag]
    if (value !== undefined) return [value].flat().map(String)
    const text = env[variable]
    if (text === undefined || text === '') return []
    return SETTINGS[name].kind === 'tags' ? text.split(',') : [text]
  }
  const spoken = (name: SettingName) =>
    flags[SETTINGS[name].flag] === undefined ? SETTINGS[name].env : `--${SETTINGS[name].flag}`
  const read = (name: SettingName): string | undefined => {
    const text = given(name).at(-1)
    const fault = text === undefined ? undefined : faultOf(SETTINGS[name], text)
    if (fault !== undefined) faults.push(`${spoken(name)} is ${JSON.stringify(text)}, wanted ${fault}`)
    return text
  }
  const path = (name: SettingName) => {
    const text = read(name)
    return text === undefined ? undefined : resolve(cwd, text)
  }
  const number = (name: SettingName) => {
    const text = read(name)
    return text === undefined ? undefined : Number(text)
  }
  const tags = given('tags')
  for (const tag of tags) {
    const fault = faultOf(SETTINGS.tags, tag)
    if (fault !== undefined) faults.push(`${spoken('tags')} is ${JSON.stringify(tag)}, wanted ${fault}`)
  }
  const config: Config = {
    state: path('state') ?? join(xdg(env, 'XDG_STATE_HOME', '.local/state'), 'mystranet-weave'),
    host: read('host') ?? '127.0.0.1',
    port: number('port') ?? 8470,
    proxyHost: read('proxyHost') ?? '127.0.0.1',
    proxyPort: number('proxyPort') ?? 8471,
    tags: Object.freeze(tags.length > 0 ? [...new Set(tags)] : ['misty.weave']),
    engine: (read('engine') ?? 'llama') as EngineName,
    model: read('model'),
    url: read('url'),
    apiKeyFile: path('apiKeyFile'),
    script: path('script'),
    slots: number('slots'),
    models: path('models') ?? join(xdg(env, 'XDG_CACHE_HOME', '.cache'), 'mystranet-weave', 'models'),
    nats: read('nats'),
    router: read('router')?.replace(/\/+$/, ''),
    trust: read('trust') ?? 'local',
    identity: path('identity'),
    passphraseFile: path('passphraseFile'),
    logLevel: read('logLevel') ?? 'warn',
  }
  if (faults.length > 0) throw new UsageError(faults)
  return Object.freeze(config)
}

/** What a text should have been, or undefined when it is that. */
function faultOf({ kind, choices }: Row, text: string): string | undefined {
  switch (kind) {
    case 'port':
      return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? undefined : 'a whole number from 0 to 65535'
    case 'count':
      return /^[1-9]\d{0,3}$/.test(text) ? undefined : 'a whole number from 1 to 9999'
    case 'url':
      return isHttpUrl(text) ? undefined : 'a URL such as http://127.0.0.1:8470'
    case 'broker':
      return isBroker(text) ? undefined : 'a URL such as nats://127.0.0.1:4222'
    case 'tags':
      return TAG.test(text) ? undefined : 'a tag such as misty.weave: a–z 0–9 . - _, at most 128 characters'
    case 'choice':
      return choices?.includes(text) ? undefined : `one of ${choices?.join(', ')}`
    default:
      return /^\s*$/.test(text) || text.includes('\0') ? 'some text' : undefined
  }
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === ''
}

const isBroker = (text: string): boolean => URL.canParse(text) && /^(nats|tls):$/.test(new URL(text).protocol)

/** The XDG rules: a relative path counts as not set. */
function xdg(env: Env, variable: string, fallback: string): string {
  const folder = env[variable]
  return folder !== undefined && isAbsolute(folder) ? folder : join(env['HOME'] || homedir(), fallback)
}
