/** @module What became of the asks, counted against the log and the engine's own journal of effects. */
import { CODES, type Code } from '../../packages/schemas/src/codes.ts'
import type { Request } from './audit-leaves.ts'
import type { Ask } from './load.ts'

export interface Counts {
  readonly sent: number
  readonly answered: number
  readonly reported: number
  /** No end, or one without a code. */
  readonly lost: number
  /** Ran more often than the log has attempts for it. */
  readonly doubled: number
  /** Shown as whole and not whole. */
  readonly truncated: number
  /** Reported as not run, and yet it ran; or as evidence against a router that only crashed. */
  readonly misreported: number
}

export interface Tally {
  /** By row: `⟨series⟩ ⟨stage⟩` of the first kill that met the ask, or `none`. */
  readonly rows: ReadonlyMap<string, Counts>
  readonly total: Counts
  /** How often each code was reported. */
  readonly codes: Readonly<Record<string, number>>
  /** One line for each ask that broke a rule. */
  readonly faults: readonly string[]
}

const NO_COUNTS: Counts = { sent: 0, answered: 0, reported: 0, lost: 0, doubled: 0, truncated: 0, misreported: 0 }

const add = (a: Counts, b: Counts): Counts =>
  Object.fromEntries(
    (Object.keys(NO_COUNTS) as (keyof Counts)[]).map((name) => [name, a[name] + b[name]]),
  ) as unknown as Counts

export const sum = (all: Iterable<Counts>): Counts => [...all].reduce(add, NO_COUNTS)

/** How often each packet began to run. */
export function startsOf(journal: readonly string[]): Map<string, number> {
  const starts = new Map<string, number>()
  for (const line of journal) {
    const [packet = '', what] = line.split(' ')
    if (what === 'start') starts.set(packet, (starts.get(packet) ?? 0) + 1)
  }
  return starts
}

/** @param journal Lines of the engine. */
export function tally(asks: readonly Ask[], requests: ReadonlyMap<string, Request>, journal: readonly string[]): Tally {
  const starts = startsOf(journal)
  const rows = new Map<string, Counts>()
  const codes: Record<string, number> = {}
  const faults: string[] = []
  const known = new Set<string>()
  for (const ask of asks) {
    for (const packet of ask.packets) known.add(packet)
    const counts = countsOf(ask, requests, starts)
    const row = ask.row ?? 'none'
    rows.set(row, add(rows.get(row) ?? NO_COUNTS, counts))
    if (ask.end?.as === 'reported') codes[ask.end.code] = (codes[ask.end.code] ?? 0) + 1
    const { lost, doubled, truncated, misreported } = counts
    if (lost + doubled + truncated + misreported > 0) {
      const ran = ask.packets.map(
        (id) => `${id}: ran ${starts.get(id) ?? 0}, attempts ${requests.get(id)?.attempts ?? 0}`,
      )
      faults.push(`ask ${ask.number} (${row}): ${JSON.stringify(ask.end ?? 'no end')}; ${ran.join('; ')}`)
    }
  }
  // An effect that nobody asked for.
  for (const packet of starts.keys()) if (!known.has(packet)) faults.push(`${packet} ran, and nobody asked it`)
  return { rows, total: sum(rows.values()), codes, faults }
}

function countsOf({ packets, end }: Ask, requests: ReadonlyMap<string, Request>, starts: Map<string, number>): Counts {
  const ran = packets.map((packet) => starts.get(packet) ?? 0)
  const isOver = packets.some((packet, at) => (ran[at] as number) > (requests.get(packet)?.attempts ?? 0))
  // Sealed anew only where the first packet came to nothing.
  const isTwice = ran.filter((count) => count > 0).length > 1
  const hasRun = ran.some((count) => count > 0)
  const { fate, remedy } = end?.as === 'reported' ? CODES[end.code as Code] : { fate: undefined, remedy: undefined }
  const isAccused = fate === 'kept' || remedy === 'stop'
  return {
    sent: 1,
    answered: Number(end?.as === 'answered'),
    reported: Number(end?.as === 'reported'),
    // An answer that no engine gave is none.
    lost: Number(end === undefined || end.as === 'broken' || (end.as === 'answered' && !hasRun)),
    doubled: Number(isOver || isTwice),
    truncated: Number(end?.as === 'short'),
    misreported: Number(isAccused || ((fate === 'nothing' || fate === 'logged') && hasRun)),
  }
}
