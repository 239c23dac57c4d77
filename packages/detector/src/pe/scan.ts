/**
 * The scan of a PE file: read → parse → findings → model. Nothing of it is run, no signature is verified.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import type { ByteSource } from '../gguf/source.ts'
import type { LoadedModel } from '../model/load.ts'
import { checkOf, PE_CHECK_IDS, PE_CHECKS, type PeCheckId, type PeSeverity } from './checks.ts'
import { histogramOf } from './feature/byte.ts'
import { emberFeatures } from './feature/features.ts'
import { createMeter, type Meter, NotPe, Spent } from './parse/bytes.ts'
import { type PeFile, parsePe } from './parse/file.ts'
import type { Warning } from './parse/warning.ts'
import { type ModelVote, voteOf } from './vote.ts'

export { PE_CHECKS, type PeCheckId, type PeSeverity } from './checks.ts'
export { EMBER_EXTRACTOR, EMBER_FEATURE_COUNT, EMBER_GROUPS } from './feature/features.ts'
export { PE_MODEL } from './header-model.ts'
export type { ModelVote, TopFeature } from './vote.ts'

/**
 * - `malware`: the model's probability reaches its threshold.
 * - `unremarkable`: the header looks like those of benign files more than like the others. It is not cleared.
 * - `abstain`: neither, or there is no model.
 * - `invalid`: no PE file that could be read.
 * - `incomplete`: a budget was spent.
 */
export type PeVerdict = 'malware' | 'unremarkable' | 'abstain' | 'invalid' | 'incomplete'

export interface PeFinding {
  readonly id: PeCheckId
  readonly check: string
  readonly severity: PeSeverity
  /** One sentence, for people. */
  readonly message: string
}

/** What the file says of itself. Text of the file is not cleaned of control characters. */
export interface PeSummary {
  readonly kind: 'pe32' | 'pe32+' | undefined
  readonly machine: number
  readonly sections: number
  readonly libraries: number
  readonly importedFunctions: number
  readonly exports: number
  readonly resources: number
  readonly hasTls: boolean
  readonly hasDebug: boolean
  /** There is a certificate table: what it holds is not looked into. */
  readonly hasCertificates: boolean
  readonly overlayBytes: number
}

/** Names this form of a report. */
export const PE_SCAN_FORMAT = 'weave-pe-scan/1'

export interface PeReport {
  readonly format: typeof PE_SCAN_FORMAT
  readonly name: string
  readonly bytes: number
  readonly verdict: PeVerdict
  /** Why it is this verdict, in a sentence. */
  readonly because: string
  readonly findings: readonly PeFinding[]
  /** What the model said, when it was asked. */
  readonly vote?: ModelVote
  readonly summary?: PeSummary
}

export interface PeBudget {
  /** Milliseconds. Default 10,000. */
  readonly timeMs: number
  /** The largest file that is read. Default 256 MiB. */
  readonly maxBytes: number
  /** Bytes and entries that are looked at, however often. Default 2^31. */
  readonly workUnits: number
}

export const DEFAULT_PE_BUDGET: PeBudget = { timeMs: 10_000, maxBytes: 256 * 1024 * 1024, workUnits: 2 ** 31 }

export interface PeScanOptions {
  /** Loaded for {@link PE_MODEL}; without it, every readable file gets `abstain`. */
  readonly model?: LoadedModel | undefined
  readonly budget?: Partial<PeBudget> | undefined
  /** Milliseconds; only differences count. */
  readonly nowMs?: (() => number) | undefined
}

/** The sentence that goes with every verdict of the model. */
export const PE_LIMITS =
  'The model sees header fields only, not what the program does; odd is not malware, and unremarkable is not clean.'

/**
 * Scans one file. It is held in memory, up to the budget.
 *
 * @throws {DetectorError} what the source raises; nothing that is wrong in the file.
 */
export async function scanPe(source: ByteSource, options: PeScanOptions = {}): Promise<PeReport> {
  const budget = { ...DEFAULT_PE_BUDGET, ...options.budget }
  const base = { format: PE_SCAN_FORMAT, name: source.name, bytes: source.size, findings: [] } as const
  if (source.size > budget.maxBytes) {
    return {
      ...base,
      verdict: 'incomplete',
      because: `It has ${source.size} bytes, and at most ${budget.maxBytes} are read.`,
    }
  }
  const bytes = await whole(source)
  try {
    const meter = createMeter(budget.workUnits, budget.timeMs, options.nowMs ?? (() => performance.now()))
    const file = parse(bytes, meter)
    const vote = options.model && (await voteOf(options.model, file.headers))
    const { verdict, because } = verdictOf(vote)
    const findings = findingsOf(file, bytes, verdict === 'malware' ? because : undefined)
    return { ...base, verdict, because, findings, summary: summaryOf(file, bytes), ...(vote && { vote }) }
  } catch (cause) {
    if (cause instanceof NotPe) return { ...base, verdict: 'invalid', because: cause.message }
    if (cause instanceof Spent)
      return { ...base, verdict: 'incomplete', because: `The scan ended early: ${cause.message}.` }
    throw cause
  }
}

/** What one request to a server brings: it ends before the request's time does. */
const PART_BYTES = 4 * 1024 * 1024

async function whole(source: ByteSource): Promise<Uint8Array> {
  if (!source.isFar) return source.read(0, source.size)
  const bytes = new Uint8Array(source.size)
  for (let at = 0; at < bytes.length; at += PART_BYTES)
    bytes.set(await source.read(at, Math.min(PART_BYTES, bytes.length - at)), at)
  return bytes
}

function parse(bytes: Uint8Array, meter: Meter): PeFile {
  meter.work(bytes.length)
  return parsePe(bytes, histogramOf(bytes), { warnings: new Set<Warning>(), meter })
}

/**
 * The 2,568 numbers of EMBER's feature set, version 3; of bytes that are no PE file, those that need none. No model here uses them.
 *
 * @throws {DetectorError} `DOCUMENT_MALFORMED`: there are no bytes, or a budget was spent.
 */
export function extractPeFeatures(
  bytes: Uint8Array,
  options: Pick<PeScanOptions, 'budget' | 'nowMs'> = {},
): Float32Array {
  const budget = { ...DEFAULT_PE_BUDGET, ...options.budget }
  const refuse = (state: string) => new DetectorError('DOCUMENT_MALFORMED', `Cannot compute the features: ${state}`)
  if (bytes.length === 0) throw refuse('there are no bytes, wanted at least one')
  const meter = createMeter(budget.workUnits, budget.timeMs, options.nowMs ?? (() => performance.now()))
  try {
    const histogram = histogramOf(bytes)
    const notes = { warnings: new Set<Warning>(), meter }
    let file: PeFile | undefined
    try {
      file = parsePe(bytes, histogram, notes)
    } catch (cause) {
      if (!(cause instanceof NotPe)) throw cause
    }
    return emberFeatures(bytes, histogram, file, meter.work)
  } catch (cause) {
    if (cause instanceof Spent) throw refuse(`${cause.message}, wanted less`)
    throw cause
  }
}

function verdictOf(vote: ModelVote | undefined): Pick<PeReport, 'verdict' | 'because'> {
  if (vote === undefined) return { verdict: 'abstain', because: 'No model was asked.' }
  const { probability, threshold, unremarkableUpTo, model } = vote
  const said = `${model} gives a probability of ${probability.toFixed(4)}`
  if (probability >= threshold)
    return { verdict: 'malware', because: `${said}, which reaches ${threshold}. ${PE_LIMITS}` }
  if (probability <= unremarkableUpTo)
    return { verdict: 'unremarkable', because: `${said}, at most ${unremarkableUpTo}. ${PE_LIMITS}` }
  return {
    verdict: 'abstain',
    because: `${said}, between ${unremarkableUpTo} and ${threshold}: too little to decide on.`,
  }
}

function findingsOf(file: PeFile, bytes: Uint8Array, malware: string | undefined): readonly PeFinding[] {
  const said = new Map<PeCheckId, string[]>()
  const add = (id: PeCheckId, what: string) => said.set(id, [...(said.get(id) ?? []), what])
  if (malware !== undefined) add('P00', malware)
  for (const warning of file.warnings) {
    const id = checkOf(warning)
    if (id !== undefined) add(id, warning)
  }
  const { certificates, overlayOffset } = file
  const end = certificates && certificates.offset + certificates.size
  if (end !== undefined && end > bytes.length) add('P14', `it ends at byte ${end}, the file at ${bytes.length}`)
  if (overlayOffset !== undefined && overlayOffset !== certificates?.offset)
    add('P13', `${bytes.length - overlayOffset} bytes from byte ${overlayOffset}`)
  return PE_CHECK_IDS.flatMap((id) => {
    const what = said.get(id)
    if (what === undefined) return []
    const { name, severity, about } = PE_CHECKS[id]
    return [{ id, check: name, severity, message: `${about} (${what.join(', ')})` }]
  })
}

const summaryOf = (file: PeFile, bytes: Uint8Array): PeSummary => ({
  kind: file.headers.kind,
  machine: file.headers.coff.Machine,
  sections: file.sections.length,
  libraries: file.imports.length + file.delayImports.length,
  importedFunctions: [...file.imports, ...file.delayImports].reduce((sum, { symbols }) => sum + symbols.length, 0),
  exports: file.exports?.length ?? 0,
  resources: file.resources?.entries ?? 0,
  hasTls: file.hasTls,
  hasDebug: file.debugKinds.length > 0,
  hasCertificates: file.certificates !== undefined,
  overlayBytes: file.overlayOffset === undefined ? 0 : bytes.length - file.overlayOffset,
})
