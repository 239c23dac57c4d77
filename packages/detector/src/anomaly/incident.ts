/**
 * One finding an incident: what goes on is not said again.
 *
 * @module
 */
import type { OnFinding } from './finding.ts'
import { INVARIANTS } from './invariant/table.ts'
import { PATTERNS } from './patterns.ts'
import { recentMap } from './recent.ts'

const INCIDENTS = 16_384
/** A broken invariant about one source is told again after so long. */
const INVARIANT_HOLD_MS = 24 * 3_600_000

/** What goes on is told again once its score is so many times the one that was told: something came on top. */
const GROWTH = 1.5

/** Lets the first finding of an incident through, and one that is much worse. `end` of an incident: its kind's `holdMs` without another. */
export function incidents(onFinding: OnFinding): OnFinding {
  const open = recentMap<{ readonly lastMs: number; readonly told: number }>(INCIDENTS)
  return (finding) => {
    const { id, source, atMs, evidence } = finding
    const name = `${id} ${source}`
    const holdMs = id in INVARIANTS ? INVARIANT_HOLD_MS : PATTERNS[id as keyof typeof PATTERNS].holdMs
    const score = Math.abs(Number(evidence['score'] ?? 0))
    const before = open.get(name)
    const isNew = before === undefined || atMs > before.lastMs + holdMs
    const isWorse = before !== undefined && score > GROWTH * before.told
    open.set(name, { lastMs: atMs, told: isNew || isWorse ? score : before.told })
    if (isNew || isWorse) onFinding(finding)
  }
}
