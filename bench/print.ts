/**
 * The table for people.
 *
 * @module
 */
import type { Machine } from './machine.ts'
import { type Line, type Row, reaches } from './table.ts'

const HEAD = ['', 'id', 'median', 'unit', 'goal', 'min – max', 'n', 'peer']

const number = (value: number): string => {
  const [whole = '', ...rest] = String(value).split('.')
  return [whole.replace(/\B(?=(\d{3})+$)/g, ' '), ...rest].join('.')
}

function cellsOf(row: Row, line: Line): string[] {
  const { id, value, unit, goal, min, max, n, peer } = row
  const reached = reaches(row, line)
  const sign = row.better === 'higher' ? '≥' : line.strict ? '<' : '≤'
  return [
    reached === undefined ? '–' : reached ? '✓' : '✗',
    id,
    value === null ? '–' : number(value),
    unit,
    `${sign} ${number(goal)}`,
    min === null || max === null ? '–' : `${number(min)} – ${number(max)}`,
    n === 0 ? '–' : String(n),
    peer ? `${peer.name} ${peer.version}: ${number(peer.value)}` : '',
  ]
}

/** One row a line, what it means below it, the machine last. */
export function drawTable(
  rows: readonly (readonly [Row, Line])[],
  { cpu, cores, memoryGb, os, node, loadBefore, loadAfter }: Machine,
): string {
  const cells = rows.map(([row, line]) => cellsOf(row, line))
  const widths = HEAD.map((head, i) => Math.max(head.length, ...cells.map((each) => each[i]?.length ?? 0)))
  const draw = (each: readonly string[]) =>
    each
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  const lines = cells.flatMap((each, i) => {
    const note = rows[i]?.[0].note
    return note === undefined ? [draw(each)] : [draw(each), `   ${note}`]
  })
  const about = `${cpu}, ${cores} cores, ${memoryGb} GB, ${os}, Node ${node}, load ${loadBefore} before, ${loadAfter} after`
  return [draw(HEAD), ...lines, '', about, ''].join('\n')
}
