/**
 * One part of the detector's evaluation, as the scripts that measure write it to `packages/detector/evaluation/`.
 *
 * @module
 */

export type Cell = string | number | boolean | null

export interface Table {
  readonly id: string
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  readonly note?: string
}

/** `low` and `high` are the ends of an interval, where there is one. */
export type Point = readonly [x: number | string, y: number, low?: number, high?: number]

export interface Plot {
  readonly id: string
  readonly title: string
  readonly kind: 'roc' | 'bar' | 'calibration' | 'line'
  readonly x: { readonly label: string; readonly log?: boolean }
  readonly y: { readonly label: string; readonly log?: boolean }
  readonly series: readonly { readonly name: string; readonly points: readonly Point[] }[]
}

export interface Part {
  /** Name of its file. */
  readonly part: string
  readonly title: string
  /** What measures it again. */
  readonly command: string
  readonly machine?: string
  readonly about: string
  readonly tables: readonly Table[]
  readonly plots: readonly Plot[]
  /** What was not measured or falls short, a sentence each. */
  readonly missing: readonly string[]
}

const KINDS: readonly unknown[] = ['roc', 'bar', 'calibration', 'line']

/**
 * Reads one part.
 *
 * @param where How to call it when it is wrong.
 * @throws {TypeError} at the first field of another shape: a figure that falls out of the report is worse than none.
 */
export function parsePart(json: string, where: string): Part {
  const wrong = (path: string, wanted: string) => new TypeError(`Cannot read ${where}: ${path}, wanted ${wanted}`)
  const record = (value: unknown, path: string): Record<string, unknown> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object')
    return value as Record<string, unknown>
  }
  const text = (value: unknown, path: string) => {
    if (typeof value !== 'string' || value === '') throw wrong(path, 'text')
  }
  const list = (value: unknown, path: string, each: (item: unknown, path: string) => void) => {
    if (!Array.isArray(value)) throw wrong(path, 'a list')
    for (const [at, item] of value.entries()) each(item, `${path}[${at}]`)
  }
  const part = record(JSON.parse(json), 'the file')
  for (const name of ['part', 'title', 'command', 'about']) text(part[name], name)
  list(part['missing'], 'missing', text)
  list(part['tables'], 'tables', (value, path) => {
    const { id, title, columns, rows } = record(value, path)
    text(id, `${path}.id`)
    text(title, `${path}.title`)
    list(columns, `${path}.columns`, text)
    list(rows, `${path}.rows`, (row, rowPath) => {
      if (!Array.isArray(row) || row.length !== (columns as unknown[]).length) throw wrong(rowPath, 'a cell a column')
      for (const [at, cell] of row.entries()) {
        if (typeof cell === 'object' && cell !== null) throw wrong(`${rowPath}[${at}]`, 'a number or text')
      }
    })
  })
  list(part['plots'], 'plots', (value, path) => {
    const { id, title, kind, x, y, series } = record(value, path)
    text(id, `${path}.id`)
    text(title, `${path}.title`)
    if (!KINDS.includes(kind)) throw wrong(`${path}.kind`, KINDS.join(', '))
    text(record(x, `${path}.x`)['label'], `${path}.x.label`)
    text(record(y, `${path}.y`)['label'], `${path}.y.label`)
    list(series, `${path}.series`, (one, seriesPath) => {
      const { name, points } = record(one, seriesPath)
      text(name, `${seriesPath}.name`)
      list(points, `${seriesPath}.points`, (point, pointPath) => {
        if (!Array.isArray(point) || point.length < 2 || typeof point[1] !== 'number') throw wrong(pointPath, '[x, y]')
      })
    })
  })
  return part as unknown as Part
}
