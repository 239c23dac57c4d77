/** @module The table of `pnpm faults`. */
import type { Series } from './series.ts'
import { STAGES } from './stages.ts'
import { type Counts, sum } from './tally.ts'

const COLUMNS = ['sent', 'answered', 'reported', 'lost', 'doubled', 'truncated'] as const

export function drawFaults(all: readonly Series[]): { readonly text: string; readonly isSound: boolean } {
  const rows: string[][] = [['part killed', 'stage', 'kills', ...COLUMNS]]
  const line = (part: string, stage: string, kills: string, counts: Counts) =>
    rows.push([part, stage, kills, ...COLUMNS.map((name) => String(counts[name]))])
  for (const { name, kills, tally } of all) {
    for (const stage of STAGES) line(name, stage, String(kills[stage]), tally.rows.get(`${name} ${stage}`) ?? sum([]))
    line(name, 'met no kill', '', tally.rows.get('none') ?? sum([]))
  }
  const total = sum(all.map(({ tally }) => tally.total))
  const kills = all.flatMap((each) => Object.values(each.kills)).reduce((a, b) => a + b, 0)
  line('all', '', String(kills), total)
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length))) as number[]
  const text = rows.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number)))
      .join('  '),
  )
  const faults = all.flatMap(({ name, tally, findings }) => [
    ...tally.faults.map((fault) => `✗ ${name}: ${fault}`),
    ...findings.map(({ what, where }) => `✗ ${name}: the log: ${what}: ${where}`),
  ])
  const codes = all.map(({ name, tally, findings, entries, seconds }) => {
    const said = Object.entries(tally.codes).map(([code, count]) => `${code} ${count}`)
    const log = findings.length > 0 ? `${findings.length} findings in the log` : 'the log verifies from scratch'
    return `${name}: reported ${said.join(', ') || 'nothing'}; ${log}, ${entries} entries; ${Math.round(seconds)} s`
  })
  return { text: `${[...text, '', ...codes, ...faults].join('\n')}\n`, isSound: faults.length === 0 }
}
