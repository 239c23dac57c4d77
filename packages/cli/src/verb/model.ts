/**
 * `weave model`: the model files on this machine.
 *
 * @module
 */
import { CATALOGUE } from '@mystranet/agent/models/catalogue'
import { inspectModel } from '@mystranet/agent/models/inspect'
import { type PullProgress, pull } from '@mystranet/agent/models/pull'
import { listModels, showModel } from '@mystranet/agent/models/store'
import { toHex } from '@mystranet/sdk/bytes'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { columns, printable, progressBar, type Terminal } from '../terminal.ts'

export const model: Command = {
  name: 'model',
  summary: 'Pull, list and show model files. A file is taken only with the very SHA-256 that the catalogue names.',
  usage: ['pull NAME [--file FILE]', 'ls', 'show NAME|FILE'],
  settings: ['models'],
  flags: { file: { type: 'string', placeholder: 'FILE', about: 'With pull: a copy at hand, used where it lies.' } },
  examples: [
    ['weave model pull smollm2-135m-instruct', 'fetch it; goes on where it was interrupted'],
    ['weave model ls', 'what is here, and what could be'],
    ['weave model show smollm2-135m-instruct', 'digests, architecture, quantisation, licence'],
  ],
  async run(call) {
    const [action, name, ...rest] = call.args
    if (rest.length > 0) throw new UsageError(['weave model takes one model. See weave model --help.'])
    if (action === 'pull' && name !== undefined) return pullOne(call, name)
    if (action === 'ls' && name === undefined) return list(call)
    if (action === 'show' && name !== undefined) return show(call, name)
    throw new UsageError(['weave model takes pull NAME, ls or show NAME. See weave model --help.'])
  },
}

/** Pulls with a progress bar on stderr, and scans what came: a digest says which file it is, not that it is harmless. */
export async function pullShown(
  name: string,
  options: {
    readonly models: string
    readonly file?: string | undefined
    readonly signal: AbortSignal
    readonly terminal: Terminal
  },
) {
  const { models: cacheDir, file, signal, terminal } = options
  const bar = progressBar(terminal, name)
  const onProgress = (progress: PullProgress) => {
    if (progress.type === 'bytes') return bar.show(progress.done, progress.total)
    bar.end()
    if (progress.type === 'source') terminal.err(`  from ${printable(progress.source)}\n`)
    else terminal.err(`  ${printable(progress.source)} failed: ${printable(progress.reason)}\n`)
  }
  try {
    const pulled = await pull(name, { cacheDir, file, signal, onProgress })
    return { ...pulled, scan: await inspectModel(pulled.path) }
  } finally {
    bar.end()
  }
}

async function pullOne({ config, flags, terminal, json, signal }: Call, name: string): Promise<number> {
  const {
    path,
    source,
    model: entry,
    scan,
  } = await pullShown(name, { models: config.models, file: textFlag(flags, 'file'), signal, terminal })
  if (json)
    terminal.out(
      toJson({ name: entry.name, path, source, bytes: entry.bytes, sha256: entry.sha256, scan: scan.verdict }),
    )
  else terminal.out(`${path}\n`)
  return EXIT_CODES.ok.code
}

async function list({ config, terminal, json }: Call): Promise<number> {
  const there = await listModels(config.models)
  const missing = CATALOGUE.filter(({ name }) => !there.some(({ catalogueName }) => catalogueName === name))
  if (json) {
    const files = there.map(({ digest, ...rest }) => ({ ...rest, sha256: toHex(digest) }))
    terminal.out(
      toJson({
        files,
        catalogue: CATALOGUE.map(({ name, bytes, sha256, licence }) => ({ name, bytes, sha256, licence })),
      }),
    )
    return EXIT_CODES.ok.code
  }
  const size = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
  terminal.out(
    columns([
      ...there.map(({ fileName, catalogueName, bytes, digest }) => [
        printable(catalogueName ?? fileName),
        size(bytes),
        'here',
        `sha256 ${toHex(digest).slice(0, 16)}…`,
      ]),
      ...missing.map(({ name, bytes, licence }) => [name, size(bytes), 'to pull', licence]),
    ]),
  )
  return EXIT_CODES.ok.code
}

async function show({ config, terminal, json }: Call, name: string): Promise<number> {
  const { facts, digest, ...stored } = await showModel(name, config.models)
  const { chatTemplate, ...shown } = facts
  if (json) {
    terminal.out(toJson({ ...stored, sha256: toHex(digest), ...shown, chatTemplate }))
    return EXIT_CODES.ok.code
  }
  const optional = (label: string, value: string | number | Uint8Array | undefined) =>
    value === undefined ? [] : [[label, value instanceof Uint8Array ? toHex(value) : printable(String(value))]]
  terminal.out(
    columns([
      ['file', stored.path],
      ['size', `${stored.bytes} bytes`],
      ['sha256', toHex(digest)],
      ...optional('catalogue', stored.catalogueName),
      ...optional('name', shown.name),
      ...optional('architecture', shown.architecture),
      ...optional('quantisation', shown.quantisation),
      ...optional('licence', shown.licence),
      ...optional('context', shown.contextTokens),
      ...optional('chat template', shown.chatTemplateDigest),
      ...optional('tokenizer', shown.tokenizerDigest),
    ]),
  )
  return EXIT_CODES.ok.code
}
