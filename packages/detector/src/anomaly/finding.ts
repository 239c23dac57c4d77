/**
 * What is said about a log and its traffic.
 *
 * @module
 */

/** A broken invariant is a fact about the records; a rate or a pattern is unusual, which may have a good reason. */
export type FindingGroup = 'invariant' | 'rate' | 'pattern'

/** One anomaly. The same one again, while it lasts, is not said again. */
export interface LogFinding {
  /** A key of `INVARIANTS` or of `PATTERNS`. */
  readonly id: string
  readonly group: FindingGroup
  /** Whom or what it is about: a partition, a sender, an agent or a series; hashes in hex. */
  readonly source: string
  /** 1 to 10, as `ai.anomalies.v1` has it. */
  readonly severity: number
  /** 0 to 1; 1 of a broken invariant. */
  readonly confidence: number
  /** When it was noticed, by the clock of the records. Unix milliseconds. */
  readonly atMs: number
  /** A sentence for people. */
  readonly message: string
  /** Indices of the leaves that show it; at most 8. */
  readonly leaves: readonly number[]
  /** What was measured, and against what. */
  readonly evidence: Readonly<Record<string, string | number>>
}

export type OnFinding = (finding: LogFinding) => void
