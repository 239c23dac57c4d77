/**
 * What a run found, as a table and as a verdict.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from './loop.ts'
import type { Target } from './target.ts'

/** Inputs of a full run that must reach each code. */
const LEAST = 100

export interface Report {
  readonly lines: readonly string[]
  readonly green: boolean
}

/** A code that came too rarely; in a short run, one that never came. */
export function missing({ codes, inputs }: Pick<Target, 'codes' | 'inputs'>, outcome: Outcome): readonly string[] {
  const least = outcome.inputs >= inputs ? LEAST : 1
  return codes.filter((code) => (outcome.counts[code] ?? 0) < least)
}

export function reportOf(targets: readonly Target[], outcomes: readonly Outcome[]): Report {
  const lines = [
    `${'target'.padEnd(18)} ${'inputs'.padStart(9)} ${'ok'.padStart(8)} ${'slowest'.padStart(9)} ${'alloc'.padStart(7)} ${'RSS'.padStart(7)}  refusals`,
  ]
  const faults: string[] = []
  let total = 0
  for (const outcome of outcomes) {
    const target = targets.find(({ name }) => name === outcome.target) as Target
    total += outcome.inputs
    lines.push(rowOf(outcome))
    for (const code of missing(target, outcome)) {
      faults.push(`${target.name}: ${code} came ${outcome.counts[code] ?? 0} times in ${outcome.inputs} inputs`)
    }
    if ((outcome.counts['ok'] ?? 0) === 0) faults.push(`${target.name}: no input was accepted`)
    for (const { index, seed, what, base64 } of outcome.crashes) {
      faults.push(
        `${target.name}: input ${index} of seed ${seed}: ${what}\n  pnpm fuzz --replay ${target.name} ${replayable(target.name, index, base64)}`,
      )
    }
  }
  const crashes = outcomes.reduce((sum, each) => sum + each.crashes.length, 0)
  lines.push(
    '',
    ...faults,
    `${total.toLocaleString('en')} inputs to ${outcomes.length} targets, ${crashes} crashes or hangs`,
  )
  return { lines, green: faults.length === 0 }
}

function rowOf({ target, inputs, counts, slowestMs, mostBytes, peakRssBytes }: Outcome): string {
  const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`.padStart(7)
  const refusals = Object.entries(counts)
    .filter(([code]) => code !== 'ok')
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([code, count]) => `${code} ${count}`)
    .join(' · ')
  const ok = `${counts['ok'] ?? 0}`.padStart(8)
  const slowest = `${slowestMs.toFixed(1)} ms`.padStart(9)
  return `${target.padEnd(18)} ${`${inputs}`.padStart(9)} ${ok} ${slowest} ${mib(mostBytes)} ${mib(peakRssBytes)}  ${refusals}`
}

/** What does not fit on a line of a terminal goes to a file. */
function replayable(target: string, index: number, base64: string): string {
  if (base64.length <= 2_000) return base64
  const folder = join('.cache', 'fuzz')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${target}-${index}.bin`)
  writeFileSync(file, Buffer.from(base64, 'base64'))
  return file
}
