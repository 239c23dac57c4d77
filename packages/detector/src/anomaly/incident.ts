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

/** Lets the first finding of an incident through. `end` of an incident: its kind's `holdMs` without another. */
export function incidents(onFinding: OnFinding): OnFinding {
  const lastMs = recentMap<number>(INCIDENTS)
  return (finding) => {
    const { id, source, atMs } = finding
    const name = `${id} ${source}`
    const holdMs = id in INVARIANTS ? INVARIANT_HOLD_MS : PATTERNS[id as keyof typeof PATTERNS].holdMs
    const before = lastMs.get(name)
    lastMs.set(name, atMs)
    if (before === undefined || atMs > before + holdMs) onFinding(finding)
  }
}
