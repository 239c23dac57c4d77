/**
 * What a scan notes down.
 *
 * @module
 */
import { CHECKS, type CheckId, type Severity } from './checks.ts'

export interface Finding {
  readonly id: CheckId
  readonly severity: Severity
  /** A rule of the format is broken: the file's verdict is `invalid`. */
  readonly structural: boolean
  /** Byte of the file that it is about. */
  readonly offset: number
  /** One sentence, for people. Text of the file in it is shortened, and not cleaned of control characters. */
  readonly message: string
  /** What it is about: a key, a tensor. */
  readonly subject?: string
  /** The file is legal, and the engine cannot load it. */
  readonly unsupportedByEngine?: true
}

export type FindingDetail = Partial<Pick<Finding, 'severity' | 'subject' | 'unsupportedByEngine'>>

/** Breaks off the parse of a file: the finding that it carries is structural. Never reaches a caller of a scan. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly finding: Finding
  /** It is the end of the file that breaks the rule. */
  readonly isShort: boolean

  constructor(id: CheckId, offset: number, message: string, subject?: string, isShort = false) {
    super(message)
    this.isShort = isShort
    this.finding = {
      id,
      severity: CHECKS[id].severity,
      structural: true,
      offset,
      message,
      ...(subject !== undefined && { subject: short(subject) }),
    }
  }
}

/** The notes of one file. */
export interface Sheet {
  readonly findings: readonly Finding[]
  /** Findings that were one too many of their check. */
  readonly omitted: number
  readonly ran: ReadonlySet<CheckId>
  /** The check was made, whatever it found. */
  run(...ids: readonly CheckId[]): void
  /** A finding that leaves the file readable. */
  found(id: CheckId, offset: number, message: string, detail?: FindingDetail): void
  /** A broken rule, after which reading goes on. */
  broken(id: CheckId, offset: number, message: string, subject?: string): void
  add(finding: Finding): void
}

/** A file with a million faults is told by the first of them. */
const MAX_EACH = 16

export function createSheet(): Sheet {
  const findings: Finding[] = []
  const counts = new Map<CheckId, number>()
  const ran = new Set<CheckId>()
  let omitted = 0
  const add = (finding: Finding) => {
    ran.add(finding.id)
    const count = (counts.get(finding.id) ?? 0) + 1
    counts.set(finding.id, count)
    // A worse one is never the one that is left out.
    const isNew = !findings.some((one) => one.id === finding.id && one.severity === finding.severity)
    if (count > MAX_EACH && !isNew && !(finding.structural && !findings.some((one) => one.structural))) omitted += 1
    else findings.push(finding)
  }
  return {
    findings,
    get omitted() {
      return omitted
    },
    ran,
    run: (...ids) => {
      for (const id of ids) ran.add(id)
    },
    found: (id, offset, message, detail = {}) =>
      add({ id, severity: CHECKS[id].severity, structural: false, offset, message, ...detail }),
    broken: (id, offset, message, subject) => add(new Fault(id, offset, message, subject).finding),
    add,
  }
}

/** Text of a file, short enough for a sentence. */
export const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)
