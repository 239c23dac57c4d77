/**
 * Findings that the engine in use is known to fall for: G29.
 *
 * @module
 */
import { CHECKS } from '../checks.ts'
import type { Sheet } from '../finding.ts'

/** The engine that is to load the file. */
export interface EngineVersion {
  /** `llama.cpp`, `ollama`, `llama-cpp-python`. */
  readonly name: string
  /** `b6543`, `0.17.1`. */
  readonly version: string
}

export function checkEngine({ name, version }: EngineVersion, sheet: Sheet): void {
  sheet.run('G29')
  for (const { id, offset } of [...sheet.findings]) {
    for (const { id: advisory, safeFrom } of CHECKS[id].advisories) {
      if (safeFrom?.engine !== name || !isBefore(version, safeFrom.version)) continue
      const message = `${name} ${version} falls for what ${id} found (${advisory}), and is safe from ${safeFrom.version}.`
      sheet.found('G29', offset, message, { severity: 'critical', subject: advisory })
    }
  }
}

/** Number by number; a version without numbers is before every other. */
export function isBefore(version: string, other: string): boolean {
  const [a, b] = [version, other].map((text) => (text.match(/\d+/g) ?? []).map(Number))
  if (a === undefined || b === undefined) return true
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}
