/**
 * What a scan says.
 *
 * @module
 */

import type { TemplateReport } from './check/templates.ts'
import { type Advisory, CHECK_IDS, CHECKS, type CheckId } from './checks.ts'
import type { Finding, Sheet } from './finding.ts'

export type Verdict = 'clean' | 'suspicious' | 'invalid' | 'incomplete'

/**
 * - `passed`: made, and nothing was found.
 * - `found`
 * - `not-reached`: the parse or a budget ended before.
 * - `undecidable`: no file can show it; ask where the model comes from.
 * - `not-asked`: needs something that the caller did not give.
 */
export type CheckOutcome = 'passed' | 'found' | 'not-reached' | 'undecidable' | 'not-asked'

export interface CheckReport {
  readonly id: CheckId
  readonly name: string
  readonly about: string
  readonly outcome: CheckOutcome
}

export interface ReportedFinding extends Finding {
  readonly check: string
  readonly advisories: readonly Advisory[]
}

export interface FileReport {
  readonly name: string
  readonly bytes: number
  readonly verdict: Verdict
  readonly checks: readonly CheckReport[]
  /** In the order in which they were found. */
  readonly findings: readonly ReportedFinding[]
  /** Findings beyond the first of each kind. */
  readonly omitted: number
  /** Why the scan did not come to its end. */
  readonly incomplete?: string
  readonly architecture?: string
  readonly version?: number
  readonly tensors?: number
  readonly templates: readonly TemplateReport[]
}

/** Names this form of a report. */
export const SCAN_FORMAT = 'weave-gguf-scan/1'

export interface ScanReport {
  readonly format: typeof SCAN_FORMAT
  /** The worst of all files'. */
  readonly verdict: Verdict
  /** The file is legal, and the engine cannot load it. */
  readonly unsupportedByEngine: boolean
  /** What no scan of a file can decide. */
  readonly undecided: readonly CheckReport[]
  readonly files: readonly FileReport[]
}

const WORST: readonly Verdict[] = ['invalid', 'incomplete', 'suspicious', 'clean']

export const worstOf = (verdicts: readonly Verdict[]): Verdict =>
  WORST.find((each) => verdicts.includes(each)) ?? 'clean'

export function verdictOf(findings: readonly Finding[], incomplete: string | undefined): Verdict {
  if (findings.some(({ structural }) => structural)) return 'invalid'
  if (incomplete !== undefined) return 'incomplete'
  return findings.length > 0 ? 'suspicious' : 'clean'
}

export const reported = (finding: Finding): ReportedFinding => ({
  ...finding,
  check: CHECKS[finding.id].name,
  advisories: CHECKS[finding.id].advisories,
})

export function checksOf({ findings, ran }: Sheet): readonly CheckReport[] {
  const found = new Set(findings.map(({ id }) => id))
  return CHECK_IDS.map((id) => {
    const { name, about } = CHECKS[id]
    const outcome: CheckOutcome = found.has(id)
      ? 'found'
      : id === 'G28'
        ? 'undecidable'
        : ran.has(id)
          ? 'passed'
          : id === 'G29'
            ? 'not-asked'
            : 'not-reached'
    return { id, name, about, outcome }
  })
}
