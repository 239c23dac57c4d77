/**
 * `weave scan` of a Windows program: what the header says, and what a model makes of it.
 *
 * @module
 */
import type { ByteSource } from '@mystranet/detector/gguf'
import { peObservation } from '@mystranet/detector/loop'
import { loadModel } from '@mystranet/detector/model'
import { readArtifact, shippedModel } from '@mystranet/detector/model/node'
import { PE_MODEL, type PeReport, type PeVerdict, scanPe } from '@mystranet/detector/pe'
import { peSarifOf } from '@mystranet/detector/pe/sarif'
import { toHex } from '@mystranet/sdk/bytes'
import { type Call, toJson } from '../command.ts'
import { EXIT_CODES } from '../exit.ts'
import { tell } from '../tell.ts'
import { type Colours, columns, printable } from '../terminal.ts'

/** Odd is not malware, so that findings alone do not make the command fail. */
const EXITS: Readonly<Record<PeVerdict, number>> = {
  unremarkable: EXIT_CODES.ok.code,
  abstain: EXIT_CODES.ok.code,
  malware: EXIT_CODES.failed.code,
  invalid: EXIT_CODES.usage.code,
  incomplete: EXIT_CODES.usage.code,
}
const WORST: readonly PeVerdict[] = ['invalid', 'incomplete', 'malware', 'abstain', 'unremarkable']

/** Whether a file begins as a PE file does. */
export async function beginsAsPe(source: ByteSource): Promise<boolean> {
  const [first, second] = await source.read(0, Math.min(2, source.size))
  return first === 0x4d && second === 0x5a
}

/** @param digests SHA-256 of local files, by name. @returns The exit code of the worst verdict. */
export async function scanPeFiles(
  sources: readonly ByteSource[],
  digestsOf: () => Promise<ReadonlyMap<string, Uint8Array>>,
  call: Call,
): Promise<number> {
  const { terminal, flags, json } = call
  const model = await loadModel(await readArtifact(shippedModel(PE_MODEL.id)), PE_MODEL)
  const reports: PeReport[] = []
  for (const source of sources) reports.push(await scanPe(source, { model }))
  const digests = await digestsOf()
  if (flags['sarif'] === true) terminal.out(`${JSON.stringify(peSarifOf(reports), null, 2)}\n`)
  else if (json)
    terminal.out(toJson({ files: reports.map((report) => ({ ...report, sha256: digests.get(report.name) })) }))
  else for (const report of reports) terminal.out(textOf(report, digests.get(report.name), terminal.outColours))
  const hexOf = (digest: Uint8Array | undefined) => digest && toHex(digest)
  await tell(
    call,
    reports.map((report) => peObservation(report, Date.now(), hexOf(digests.get(report.name)))),
  )
  return EXITS[WORST.find((verdict) => reports.some((report) => report.verdict === verdict)) ?? 'abstain']
}

const PAINT: Readonly<Record<PeVerdict, keyof Colours>> = {
  unremarkable: 'green',
  abstain: 'yellow',
  malware: 'red',
  invalid: 'red',
  incomplete: 'red',
}

function textOf(report: PeReport, digest: Uint8Array | undefined, colours: Colours): string {
  const { name, verdict, because, findings, vote } = report
  const lines = [`${colours[PAINT[verdict]](verdict.toUpperCase())}  ${printable(name)}\n`]
  if (digest !== undefined) lines.push(`  sha256 ${Buffer.from(digest).toString('hex')}\n`)
  lines.push(`  ${printable(because)}\n`)
  if (vote !== undefined && vote.top.length > 0) {
    const named = vote.top.map(
      ({ name, value, weight }) => `${name} = ${value} (${weight > 0 ? '+' : ''}${weight.toFixed(2)})`,
    )
    lines.push(`  What moves it most: ${named.join(', ')}\n`)
  }
  const rows = findings.filter(({ id }) => id !== 'P00')
  lines.push(
    columns(
      rows.map(({ id, severity, message }) => [id, severity, printable(message)]),
      '  ',
    ),
  )
  return lines.join('')
}
