/**
 * The scan of a model file: parse → layout → vocabulary → hyper-parameters → templates → tail → weights → shards → engine.
 *
 * @module
 */
import { checkEngine, type EngineVersion } from './check/engine.ts'
import { checkHyperParameters } from './check/hyper-parameters.ts'
import { checkLayout } from './check/layout.ts'
import { checkShard, checkShards, isShard } from './check/shards.ts'
import { checkTail } from './check/tail.ts'
import { checkTemplates, type TemplateReport } from './check/templates.ts'
import { checkVocabulary } from './check/vocabulary.ts'
import { checkWeights } from './check/weights.ts'
import { createSheet, Fault, type Sheet } from './finding.ts'
import { type GgufHeader, parseHeader } from './parse/header.ts'
import { checksOf, type FileReport, reported, SCAN_FORMAT, type ScanReport, verdictOf, worstOf } from './report.ts'
import { type Budget, type ByteSource, createMeter, DEFAULT_BUDGET, type Meter, Spent } from './source.ts'

export type { Advisory, CheckId, Severity } from './checks.ts'
export { CHECKS } from './checks.ts'
export type { CheckReport, FileReport, ReportedFinding, ScanReport, Verdict } from './report.ts'
export { SCAN_FORMAT } from './report.ts'
export { type Budget, type ByteSource, memorySource } from './source.ts'

export interface ScanOptions {
  /** What one file may take. */
  readonly budget?: Partial<Budget> | undefined
  /** The engine that is to load it: what it is known to fall for becomes a finding. */
  readonly engine?: EngineVersion | undefined
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined
  /** Milliseconds; only differences count. */
  readonly nowMs?: (() => number) | undefined
  /** Where samples of weights are taken; from 0 to below 1. */
  readonly random?: (() => number) | undefined
}

export interface ScanProgress {
  readonly file: string
  readonly stage: 'header' | 'templates' | 'weights' | 'done'
}

interface Scanned {
  readonly source: ByteSource
  readonly sheet: Sheet
  header?: GgufHeader
  templates: readonly TemplateReport[]
  incomplete?: string
}

/**
 * Scans a model: one file, or all its shards. Nothing of it is run or rendered. A header of 150,000 tokens takes some tens of
 * milliseconds; of the weights, samples are read.
 *
 * @param sources Attacker-controlled.
 * @throws {DetectorError} when the bytes cannot be had; never for what they are.
 */
export async function scanGguf(
  sources: ByteSource | readonly ByteSource[],
  options: ScanOptions = {},
): Promise<ScanReport> {
  const files: Scanned[] = []
  const all = 'read' in sources ? [sources] : sources
  for (const source of all) files.push(await scanFile(source, options, all.length === 1))
  if (files.length > 1) {
    checkShards(files.flatMap(({ header, sheet }) => (header === undefined ? [] : [{ header, sheet }])))
  }
  if (options.engine !== undefined) for (const { sheet } of files) checkEngine(options.engine, sheet)
  const reports = files.map(reportOf)
  return {
    format: SCAN_FORMAT,
    verdict: worstOf(reports.map(({ verdict }) => verdict)),
    unsupportedByEngine: reports.some(({ findings }) => findings.some((each) => each.unsupportedByEngine === true)),
    undecided: reports[0]?.checks.filter(({ outcome }) => outcome === 'undecidable') ?? [],
    files: reports,
  }
}

async function scanFile(source: ByteSource, options: ScanOptions, isAlone: boolean): Promise<Scanned> {
  const { budget, onProgress, nowMs = () => performance.now() } = options
  const meter = createMeter(source, { ...DEFAULT_BUDGET, ...budget }, nowMs)
  const scanned: Scanned = { source, sheet: createSheet(), templates: [] }
  const stage = (name: ScanProgress['stage']) => onProgress?.({ file: source.name, stage: name })
  try {
    await runChecks(scanned, meter, options, isAlone, stage)
  } catch (error) {
    if (error instanceof Fault) takeFault(error, scanned.sheet)
    else if (error instanceof Spent) scanned.incomplete = error.message
    else throw error
  }
  stage('done')
  return scanned
}

async function runChecks(
  scanned: Scanned,
  meter: Meter,
  { random = Math.random }: ScanOptions,
  isAlone: boolean,
  stage: (name: ScanProgress['stage']) => void,
): Promise<void> {
  const { sheet } = scanned
  stage('header')
  const header = await parseHeader(meter, sheet)
  scanned.header = header
  const layout = checkLayout(header, meter, sheet)
  checkVocabulary(header, sheet)
  checkShard(header, sheet)
  checkHyperParameters(header, sheet, isAlone && !isShard(header))
  stage('templates')
  scanned.templates = await checkTemplates(header, sheet)
  stage('weights')
  await checkTail(header, layout, meter, sheet)
  await checkWeights(header, layout, meter, sheet, random)
}

function takeFault({ finding, isShort }: Fault, sheet: Sheet): void {
  sheet.add(finding)
  if (!isShort || finding.id === 'G06') return
  sheet.broken('G06', finding.offset, 'The file ends before what it announces.')
}

function reportOf({ source, sheet, header, templates, incomplete }: Scanned): FileReport {
  const architecture = header?.entries.get('general.architecture')?.value
  return {
    name: source.name,
    bytes: source.size,
    verdict: verdictOf(sheet.findings, incomplete),
    checks: checksOf(sheet),
    findings: sheet.findings.map(reported),
    omitted: sheet.omitted,
    ...(incomplete !== undefined && { incomplete }),
    ...(typeof architecture === 'string' && { architecture }),
    ...(header !== undefined && { version: header.version, tensors: header.tensors.length }),
    templates,
  }
}
