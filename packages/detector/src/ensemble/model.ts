/**
 * The two models of the ensemble: what they must be, a row for them, and which features of a row are unusual.
 *
 * @module
 */
import { EXTRACTOR_VERSION, FEATURES, MODEL_FEATURES } from '../flow/feature.ts'
import type { ExpectedModel } from '../model/load.ts'
import type { ModelManifest } from '../model/manifest.ts'
import type { Scores } from '../model/scorer.ts'
import { FLOOD_CLASSES, type FloodClass, LOOSE, STRICT } from './vote.ts'

const expected = (id: string): ExpectedModel => ({
  id,
  extractor: { name: 'flow-window', version: EXTRACTOR_VERSION },
  features: MODEL_FEATURES,
  thresholds: FLOOD_CLASSES.flatMap((of) => [[of, STRICT] as const, [of, LOOSE] as const]),
})

/** What `loadModel` and `modelServer` are to hold `models/flood` and `models/flood-outlier` to. */
export const EXPECTED_FLOOD_MODEL = expected('flood')
export const EXPECTED_OUTLIER_MODEL = expected('flood-outlier')

/** A model that serves; `modelServer` gives one. */
export interface FloodModel {
  readonly manifest: ModelManifest
  score(rows: Float32Array, rowCount: number): Promise<Scores>
}

/** Places of the models' features among all. */
const PLACES = Int32Array.from(FEATURES.flatMap(({ use }, at) => (use === 'model' ? [at] : [])))
export const ROW_LENGTH = PLACES.length

/** Copies the features that models may see. */
export function writeRow(features: Float64Array, rows: Float32Array, at: number): void {
  for (let i = 0; i < ROW_LENGTH; i++) rows[at + i] = features[PLACES[i]!]!
}

const placeOf = (name: string): number => MODEL_FEATURES.indexOf(name)
const SHARES: readonly (readonly [number, FloodClass])[] = [
  [placeOf('protocol.tcp'), 'tcp-flood'],
  [placeOf('protocol.udp'), 'udp-flood'],
  [placeOf('protocol.icmp'), 'icmp-flood'],
]

/** Half of the packets or more, TCP first. */
export function classOf(rows: Float32Array, at: number): FloodClass {
  let largest = SHARES[0]!
  for (const one of SHARES) if (rows[at + one[0]]! > rows[at + largest[0]]!) largest = one
  return rows[at + largest[0]]! >= 0.5 ? largest[1] : 'other-flood'
}

/** A feature that lies outside what is usual. */
export interface TopFeature {
  readonly name: string
  readonly value: number
  /** Where nine of ten ordinary windows lie. */
  readonly usual: readonly [low: number, high: number]
  /** How far outside, in widths of that range. */
  readonly distance: number
}

const TOP = 5

/**
 * Tells which features lie farthest outside the middle nine tenths of the benign golden vectors. A measure of how unusual
 * each is by itself, not of how the trees weighed it: attributions cost 40 times the score, and this is made for every
 * window.
 */
export function unusualFeatures({ golden }: ModelManifest): (rows: Float32Array, at: number) => readonly TopFeature[] {
  const benign = golden.filter(({ probability }) => probability < 0.5)
  const ranges = MODEL_FEATURES.map((_, column) =>
    rangeOf(benign.map(({ features }) => features[column] ?? Number.NaN)),
  )
  const distances = new Float64Array(ROW_LENGTH)
  return (rows, at) => {
    const order: number[] = []
    for (let column = 0; column < ROW_LENGTH; column++) {
      const value = rows[at + column]!
      const { low, high, width } = ranges[column]!
      // NaN is in no range and compares with nothing.
      const distance = Math.max(low - value, value - high) / width
      distances[column] = distance
      if (!(distance > 0)) continue
      let place = Math.min(order.length, TOP)
      while (place > 0 && distances[order[place - 1]!]! < distance) place--
      if (place < TOP) order.splice(place, 0, column)
      if (order.length > TOP) order.pop()
    }
    return order.map((column) => ({
      name: MODEL_FEATURES[column]!,
      value: rows[at + column]!,
      usual: [ranges[column]!.low, ranges[column]!.high],
      distance: distances[column]!,
    }))
  }
}

function rangeOf(values: readonly number[]): { low: number; high: number; width: number } {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort()
  const low = sorted[Math.floor(sorted.length * 0.05)] ?? Number.NaN
  const high = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN
  // A feature that hardly ever differs must not be infinitely far.
  return { low, high, width: Math.max(high - low, Math.abs(high) / 4, 0.05) }
}
