/**
 * How well the model of PE headers does on a table that it was not trained on, as its training measured it: training needs
 * Python and tables of others, so that this reads `evaluation/pe.json`.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Measured } from '../../../bench/table.ts'

interface Evaluation {
  readonly tables: readonly {
    readonly id: string
    readonly rows: readonly (readonly [string, number, number, number, number])[]
  }[]
}

/** The worse of the two directions between the two tables. */
export function peAucCross(): Measured {
  const text = readFileSync(new URL('../evaluation/pe.json', import.meta.url), 'utf8')
  const rows = (JSON.parse(text) as Evaluation).tables.find(({ id }) => id === 'pe-auc')?.rows ?? []
  const directions = rows.filter(([name]) => !name.startsWith('both'))
  const values = directions.map(([, , auc]) => auc)
  return {
    value: Math.min(...values),
    n: directions.length,
    min: Math.min(...values),
    max: Math.max(...values),
    note: `read from evaluation/pe.json: ${directions.map(([name, n, auc, low, high]) => `${name} ${auc} (${low} to ${high}, ${n} rows)`).join('; ')}. The shipped model saw both tables; a third was not at hand`,
  }
}
