/**
 * How many families of floods are caught, and how well the probability is calibrated.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Measured } from '../../../bench/table.ts'
import { readArtifact, shippedModel } from '../src/adapters/node/model-folder.ts'
import { EXPECTED_FLOOD_MODEL } from '../src/ensemble/watch.ts'
import { MODEL_FEATURES } from '../src/flow/feature.ts'
import { loadModel } from '../src/model/load.ts'

const evaluation = new URL('../evaluation/flood.json', import.meta.url)
const made = new URL('../../../.cache/detector-data/flood/', import.meta.url)
const GOAL = 0.95
const MAX_FPR = 1e-3
const BINS = 15

interface Part {
  readonly tables: readonly { id: string; columns: readonly string[]; rows: readonly (readonly unknown[])[] }[]
}

/** Rows of a table of the committed evaluation, by column. */
function tableOf(id: string): Record<string, unknown>[] {
  const part = JSON.parse(readFileSync(evaluation, 'utf8')) as Part
  const { columns, rows } = part.tables.find((table) => table.id === id)!
  return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])))
}

/** Of the eleven that the goal names. Models that leave a family out are trained to be measured: they are no artifacts. */
export function floodFamilies(): Measured {
  const eleven = tableOf('families').filter(({ family }) => family !== 'memcached-amplification')
  const reached = eleven.filter((row) => Number(row['recall']) >= GOAL && Number(row['false positives']) <= MAX_FPR)
  const value = reached.length
  return {
    value,
    n: eleven.length,
    min: value,
    max: value,
    note: `of ${eleven.length}; read from evaluation/flood.json`,
  }
}

/** Of the shipped trees on the frozen test, each kind weighing the same; from the evaluation where the data are not here. */
export async function floodEce(): Promise<Measured> {
  const isHere = ['windows.csv', 'frozen.json'].every((name) => existsSync(new URL(name, made)))
  if (!isHere) {
    const [trees] = tableOf('frozen')
    const value = Number(trees!['ECE'])
    return { value, n: Number(trees!['n']), min: value, max: value, note: 'read from evaluation/flood.json' }
  }
  const { rows, isAttack } = frozenRows()
  const model = await loadModel(await readArtifact(shippedModel('flood')), EXPECTED_FLOOD_MODEL)
  const { probability } = await model.scorer.score(rows, isAttack.length)
  const value = calibrationError(probability, isAttack)
  return {
    value,
    n: isAttack.length,
    min: value,
    max: value,
    note: 'recomputed with the shipped model on the frozen test',
  }
}

function frozenRows(): { rows: Float32Array; isAttack: boolean[] } {
  const frozen = new Set(JSON.parse(readFileSync(new URL('frozen.json', made), 'utf8')) as string[])
  const [header, ...lines] = readFileSync(new URL('windows.csv', made), 'utf8').trimEnd().split('\n')
  const columns = header!.split(',')
  const [file, kind, group] = ['file', 'kind', 'group'].map((name) => columns.indexOf(name))
  const places = MODEL_FEATURES.map((name) => columns.indexOf(name))
  const values: number[] = []
  const isAttack: boolean[] = []
  for (const line of lines) {
    const cells = line.split(',')
    if (cells[group!] !== 'destination' || !frozen.has(cells[file!]!)) continue
    isAttack.push(cells[kind!] === 'attack')
    for (const place of places) values.push(cells[place] === '' ? Number.NaN : Number(cells[place]))
  }
  return { rows: Float32Array.from(values), isAttack }
}

/** Mean gap between probability and share of attacks, over bins of equal width. */
function calibrationError(probability: Float32Array, isAttack: readonly boolean[]): number {
  const attacks = isAttack.filter(Boolean).length
  const weights = isAttack.map((is) => (is ? 0.5 / attacks : 0.5 / (isAttack.length - attacks)))
  const gaps = new Float64Array(BINS)
  for (const [at, p] of probability.entries()) {
    const bin = Math.min(BINS - 1, Math.floor(p * BINS))
    gaps[bin] = gaps[bin]! + weights[at]! * (p - Number(isAttack[at]))
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0)
}
