/**
 * One call of `weave`: finds the verb, reads flags and configuration, runs it, and turns what it threw into a line and
 * an exit code.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { REFUSAL_TEXT } from '@mystranet/schemas/refusal-text'
import { type Command, helpOf, parseFlags, toJson } from './command.ts'
import { readConfig } from './config.ts'
import { codeOf, EXIT_CODES, exitCodeOf, UsageError } from './exit.ts'
import { columns, printable, type Terminal } from './terminal.ts'
import { VERBS, type VerbName } from './verbs.ts'

export interface World {
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  /** The program is to end. */
  readonly signal: AbortSignal
  /** Nobody reads standard output any more. */
  readonly unread: AbortSignal
}

/** @returns the exit code. Never rejects. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const { terminal } = world
  const [name, ...rest] = argv
  const isJson = argv.includes('--json')
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      const verb = rest.find((each) => !each.startsWith('-'))
      terminal.out(verb === undefined ? overview() : helpOf(await load(verb)))
      return name === undefined ? EXIT_CODES.usage.code : EXIT_CODES.ok.code
    }
    return await runVerb(await load(name), rest, world)
  } catch (error) {
    if ((world.signal.aborted || world.unread.aborted) && !(error instanceof UsageError)) {
      if (!isJson) terminal.err('\nweave: stopped\n')
      return EXIT_CODES.interrupted.code
    }
    terminal.err(isJson ? toJson(errorDocument(error)) : errorLine(error, terminal))
    return exitCodeOf(error)
  }
}

async function runVerb(command: Command, argv: readonly string[], world: World): Promise<number> {
  const { flags, args } = parseFlags(command, argv)
  if (flags['help'] === true) {
    world.terminal.out(helpOf(command))
    return EXIT_CODES.ok.code
  }
  const config = readConfig(world.env, flags)
  const { terminal, env, unread } = world
  const signal = command.serves === true ? world.signal : AbortSignal.any([world.signal, unread])
  return command.run({ terminal, env, signal, config, flags, args, json: flags['json'] === true })
}

async function load(name: string): Promise<Command> {
  if (Object.hasOwn(VERBS, name)) return VERBS[name as VerbName].load()
  throw new UsageError([`Unknown command ${JSON.stringify(name)}, wanted one of: ${Object.keys(VERBS).join(', ')}`])
}

function overview(): string {
  const verbs = Object.entries(VERBS).map(([name, { summary }]) => [name, summary])
  const codes = Object.values(EXIT_CODES).map(({ code, about }) => [String(code), about])
  return [
    'weave: language models whose every answer can be checked by the person who receives it\n\n',
    'Usage\n  weave COMMAND [arguments] [flags]\n\nCommands\n',
    columns(verbs, '  '),
    '\nExamples\n',
    columns(
      [
        ['weave demo', '# fetch a small model, ask it, and see every check'],
        ['weave up --model model.gguf', '# router, log, witness, page and proxy around a model'],
        ['weave ask misty.weave "Why is the sky blue?"', '# ask, and see the verdict'],
        ['weave help ask', '# flags and examples of one command'],
      ],
      '  ',
    ),
    '\nExit codes\n',
    columns(codes, '  '),
  ].join('')
}

function errorLine(error: unknown, { errColours }: Terminal): string {
  const lead = errColours.red('weave:')
  if (error instanceof UsageError) return error.faults.map((fault) => `${lead} ${printable(fault)}\n`).join('')
  const code = codeOf(error)
  if (code === undefined)
    return `${lead} ${printable(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`
  return `${lead} ${printable((error as Error).message)}\n       ${code}: ${REFUSAL_TEXT[code]}\n`
}

function errorDocument(error: unknown): unknown {
  const code = codeOf(error)
  const exit = exitCodeOf(error)
  if (error instanceof UsageError) return { error: { code: 'USAGE', faults: error.faults, exit } }
  const message = error instanceof Error ? error.message : String(error)
  return {
    error:
      code === undefined
        ? { code: 'INTERNAL', message, exit }
        : { code, message, sentence: REFUSAL_TEXT[code], fate: CODES[code].fate, remedy: CODES[code].remedy, exit },
  }
}
