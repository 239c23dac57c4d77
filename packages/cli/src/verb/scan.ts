/**
 * `weave scan`: a model file looked through before anything loads it, or a Windows program before anybody runs it.
 *
 * @module
 */
import { type ByteSource, type FileReport, type ScanReport, scanGguf, type Verdict } from '@mystranet/detector/gguf'
import { sarifOf } from '@mystranet/detector/gguf/sarif'
import { httpSource } from '@mystranet/detector/http'
import { scanObservation } from '@mystranet/detector/loop'
import { digestFile, type OpenFile, openFile } from '@mystranet/detector/node'
import { toHex } from '@mystranet/sdk/bytes'
import { type Call, type Command, textFlag, toJson } from '../command.ts'
import { EXIT_CODES, UsageError } from '../exit.ts'
import { TELL, tell } from '../tell.ts'
import { type Colours, columns, printable, progressBar, type Terminal } from '../terminal.ts'
import { beginsAsPe, scanPeFiles } from './scan-pe.ts'

export const scan: Command = {
  name: 'scan',
  summary:
    'Look for what is wrong with a GGUF file, or at the header of a Windows program (it begins with MZ). Nothing of it is run. ' +
    'Exits with 0 when it is clean, 1 on findings, 2 when it is invalid or could not be scanned to its end. Of programs: 1 only ' +
    'when the verdict is malware, 0 when there is none (abstain), for odd is not malware and unremarkable is not clean.',
  usage: ['FILE|URL [SHARD…]'],
  settings: ['state'],
  flags: {
    tell: TELL,
    sarif: { type: 'boolean', about: 'One SARIF 2.1.0 document on stdout.' },
    'for-engine': {
      type: 'string',
      placeholder: 'NAME@VERSION',
      about: 'The engine that is to load it, as llama.cpp@b6543: what it is known to fall for becomes a finding.',
    },
  },
  examples: [
    ['weave scan model.gguf', 'a file, with its SHA-256'],
    ['weave scan https://example.org/model.gguf', 'on a web server: only what is looked at is fetched'],
    ['weave scan model-00001-of-00002.gguf model-00002-of-00002.gguf', 'all shards of a model'],
    ['weave scan model.gguf --sarif > model.sarif', 'for a tool that shows findings'],
    ['weave scan model.gguf --tell', 'and sign and log what was found'],
    ['weave scan setup.exe', 'a Windows program: what a model makes of its header, or that it abstains'],
  ],
  async run(call) {
    if (call.args.length === 0) throw new UsageError(['weave scan takes a file or a URL. See weave scan --help.'])
    const engine = engineOf(textFlag(call.flags, 'for-engine'))
    const opened: OpenFile[] = []
    try {
      const sources: ByteSource[] = []
      for (const name of call.args) sources.push(await open(name, opened, call.signal))
      const programs = await Promise.all(sources.map(beginsAsPe))
      if (programs.every((isOne) => isOne)) return await scanPeFiles(sources, () => digestsOf(opened, call), call)
      if (programs.some((isOne) => isOne))
        throw new UsageError(['weave scan takes model files or Windows programs, wanted not both at once.'])
      const { terminal } = call
      const report = await scanGguf(sources, { engine, onProgress: progressOn(terminal) })
      const digests = await digestsOf(opened, call)
      print(report, digests, call)
      await tell(
        call,
        report.files.map((file) => scanObservation(file, Date.now(), hexOf(digests.get(file.name)))),
      )
      return EXITS[report.verdict]
    } finally {
      for (const file of opened) await file.close()
    }
  },
}

const hexOf = (digest: Uint8Array | undefined) => digest && toHex(digest)

const EXITS: Readonly<Record<Verdict, number>> = {
  clean: EXIT_CODES.ok.code,
  suspicious: EXIT_CODES.failed.code,
  invalid: EXIT_CODES.usage.code,
  incomplete: EXIT_CODES.usage.code,
}

async function open(name: string, opened: OpenFile[], signal: AbortSignal): Promise<ByteSource> {
  if (/^https?:\/\//i.test(name)) return httpSource(name, { signal })
  const file = await openFile(name)
  opened.push(file)
  return file
}

function engineOf(text: string | undefined): { name: string; version: string } | undefined {
  if (text === undefined) return undefined
  const [, name, version] = /^([\w.-]+)@([\w.-]*\d[\w.-]*)$/.exec(text) ?? []
  if (name === undefined || version === undefined) {
    throw new UsageError([`--for-engine is ${JSON.stringify(text)}, wanted NAME@VERSION, as llama.cpp@b6543`])
  }
  return { name, version }
}

const progressOn =
  ({ isInteractive, err }: Terminal) =>
  ({ file, stage }: { file: string; stage: string }) => {
    if (isInteractive) err(stage === 'done' ? '\r\u001b[K' : `\r\u001b[K  ${printable(file).slice(-60)}: ${stage}`)
  }

/** Of local files: what was scanned has a name that others can check. */
async function digestsOf(
  files: readonly OpenFile[],
  { terminal, signal }: Call,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const digests = new Map<string, Uint8Array>()
  for (const { name, size } of files) {
    const bar = progressBar(terminal, 'sha256')
    const onBytes = (done: number) => (size > 256e6 ? bar.show(done, size) : undefined)
    digests.set(name, await digestFile(name, { signal, onBytes }))
    bar.end()
  }
  return digests
}

function print(report: ScanReport, digests: ReadonlyMap<string, Uint8Array>, { terminal, flags, json }: Call) {
  if (flags['sarif'] === true) return terminal.out(`${JSON.stringify(sarifOf(report), null, 2)}\n`)
  if (json) {
    const files = report.files.map((file) => ({ ...file, sha256: digests.get(file.name) }))
    return terminal.out(toJson({ ...report, files }))
  }
  for (const file of report.files) terminal.out(textOf(file, digests.get(file.name), terminal.outColours))
  for (const { id, about } of report.undecided) terminal.out(`Not decided: ${id}. ${about}\n`)
}

const PAINT: Readonly<Record<Verdict, keyof Colours>> = {
  clean: 'green',
  suspicious: 'yellow',
  invalid: 'red',
  incomplete: 'red',
}

function textOf(file: FileReport, digest: Uint8Array | undefined, colours: Colours): string {
  const { name, verdict, findings, checks, omitted, incomplete } = file
  const made = checks.filter(({ outcome }) => outcome === 'passed' || outcome === 'found').length
  const lines = [
    `${colours[PAINT[verdict]](verdict.toUpperCase())}  ${printable(name)}, ${made} of ${checks.length} checks\n`,
  ]
  if (digest !== undefined) lines.push(`  sha256 ${Buffer.from(digest).toString('hex')}\n`)
  if (incomplete !== undefined) lines.push(`  The scan ended early: ${incomplete}.\n`)
  lines.push(
    columns(
      findings.map(({ id, severity, offset, subject, message, advisories }) => [
        id,
        severity,
        `byte ${offset}`,
        printable(`${subject === undefined ? '' : `${subject}: `}${message}`).replaceAll('\n', ' ') +
          (advisories.length > 0 ? ` (${advisories.map((each) => each.id).join(', ')})` : ''),
      ]),
      '  ',
    ),
  )
  if (omitted > 0) lines.push(`  and ${omitted} more of these.\n`)
  return lines.join('')
}
