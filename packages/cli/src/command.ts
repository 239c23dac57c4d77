/**
 * What a verb is, how its flags are parsed and how its help reads.
 *
 * @module
 */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { type Config, type FlagValues, SETTINGS, type SettingName } from './config.ts'
import { UsageError } from './exit.ts'
import { columns, type Terminal } from './terminal.ts'

/** A flag of one verb only. */
export interface Flag {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  /** How the help shows its value. */
  readonly placeholder?: string
  readonly about: string
}

export interface Command {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** What stands after `weave ⟨name⟩`. */
  readonly usage: readonly string[]
  /** Settings of `config.ts` that it heeds. */
  readonly settings: readonly SettingName[]
  readonly flags?: Readonly<Record<string, Flag>>
  readonly examples: readonly (readonly [line: string, about: string])[]
  /** It is a server: that nobody reads its output any more does not end it. */
  readonly serves?: boolean
  /** Resolves to the exit code. */
  run(call: Call): Promise<number>
}

export interface Call {
  readonly config: Config
  readonly flags: FlagValues
  readonly args: readonly string[]
  readonly json: boolean
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, and when nobody reads what it prints, unless it serves. */
  readonly signal: AbortSignal
}

const COMMON: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', about: 'One JSON document on stdout; errors as JSON on stderr.' },
  help: { type: 'boolean', about: 'Show this.' },
}

/** @throws {UsageError} for a flag that the verb does not have, or that lacks its value. */
export function parseFlags(command: Command, argv: readonly string[]): { flags: FlagValues; args: string[] } {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { type, multiple = false }] of Object.entries({ ...COMMON, ...command.flags })) {
    options[name] = { ...options[name], type, multiple }
  }
  for (const name of command.settings) {
    options[SETTINGS[name].flag] = { type: 'string', multiple: SETTINGS[name].kind === 'tags' }
  }
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
    return { flags: values as FlagValues, args: positionals }
  } catch (cause) {
    throw new UsageError([`${(cause as Error).message.split('. ')[0]}. See weave ${command.name} --help.`])
  }
}

/** The page that `weave ⟨verb⟩ --help` prints. */
export function helpOf(command: Command): string {
  const own = Object.entries({ ...command.flags, ...COMMON }).map(([name, { placeholder, type, about }]) => [
    `--${name}${type === 'string' ? ` ${placeholder ?? 'TEXT'}` : ''}`,
    about,
  ])
  const settings = command.settings.map((name) => {
    const { flag, env, placeholder, about, fallback } = SETTINGS[name]
    return [`--${flag} ${placeholder}`, `${about}${fallback === '' ? '' : ` Default: ${fallback}.`} (${env})`]
  })
  const examples = command.examples.map(([line, about]) => [line, `# ${about}`])
  return [
    `${command.summary}\n\n`,
    'Usage\n',
    ...command.usage.map((usage) => `  weave ${command.name}${usage === '' ? '' : ` ${usage}`}\n`),
    '\nExamples\n',
    columns(examples, '  '),
    '\nFlags\n',
    columns([...own, ...settings], '  '),
  ].join('')
}

/** A whole number from a flag. @throws {UsageError} */
export function numberFlag(flags: FlagValues, name: string, least: number, most: number): number | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError([`--${name} is ${JSON.stringify(text)}, wanted a number from ${least} to ${most}`])
}

/** The text of a flag that may stand once. */
export const textFlag = (flags: FlagValues, name: string): string | undefined => {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

/** A document as JSON, `bigint` as decimal text, bytes as hex. */
export const toJson = (document: unknown): string =>
  `${JSON.stringify(
    document,
    (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    2,
  )}\n`
