/**
 * The model beside the rules: windows of requests to probabilities, and which features weighed.
 *
 * @module
 */
import type { ExpectedModel } from '../model/load.ts'
import type { ModelManifest } from '../model/manifest.ts'
import type { Scores } from '../model/scorer.ts'
import { HTTP_EXTRACTOR_VERSION, HTTP_FEATURES, HTTP_MODEL_FEATURES } from './feature.ts'

/** What `loadModel` and `modelServer` are to hold the artifact `models/l7` to. */
export const EXPECTED_HTTP_MODEL: ExpectedModel = {
  id: 'l7',
  extractor: { name: 'http-window', version: HTTP_EXTRACTOR_VERSION },
  features: HTTP_MODEL_FEATURES,
  thresholds: [['attack', 'fpr-1e-3']],
}

export interface HttpOpinion {
  readonly says: 'attack' | 'clear' | 'abstains'
  /** Why it abstains. */
  readonly reason?: string
  readonly probability: number
}

export interface HttpModel {
  /** @param features In the order of `HTTP_FEATURES`; read before it returns. Rejects as the scorer does. */
  judge(features: Float64Array): Promise<HttpOpinion>
  /** Which features raised its margin most, strongest first: each in turn set to what is usual. Costs as much as 50 windows. */
  explain(features: Float64Array): Promise<readonly string[]>
}

/** `ModelServer` and `LoadedModel` have these. */
interface Served {
  readonly manifest: ModelManifest
  score(rows: Float32Array, rowCount: number): Promise<Scores>
}

const TOP = 5
/** Places of the model's features among all. */
const PLACES = HTTP_FEATURES.flatMap(({ use }, at) => (use === 'model' ? [at] : []))

/**
 * @param served Made with {@link EXPECTED_HTTP_MODEL}.
 * @param thresholdAt Where the threshold stands now, if feedback has moved it; else where the manifest has it.
 */
export function httpModel(served: Served, thresholdAt?: () => number): HttpModel {
  const rowOf = (features: Float64Array) => Float32Array.from(PLACES, (place) => features[place]!)
  return {
    async judge(features) {
      const { manifest } = served
      const { probability: of } = await served.score(rowOf(features), 1)
      const probability = of[0]!
      const { low, high } = manifest.abstain
      if (low < probability && probability < high) {
        const reason = `its probability ${probability.toFixed(3)} lies between ${low} and ${high}`
        return { says: 'abstains', reason, probability }
      }
      const at = thresholdAt?.() ?? manifest.thresholds.find(({ name }) => name === 'fpr-1e-3')?.at ?? 1
      return { says: probability >= at ? 'attack' : 'clear', probability }
    },
    async explain(features) {
      const row = rowOf(features)
      const usual = usualRow(served.manifest)
      const rows = new Float32Array(row.length * (row.length + 1))
      for (let at = 0; at <= row.length; at++) {
        rows.set(row, at * row.length)
        if (at > 0) rows[at * row.length + at - 1] = usual[at - 1]!
      }
      const { margin } = await served.score(rows, row.length + 1)
      const weights = Array.from(row, (_, at) => margin[0]! - margin[at + 1]!)
      const order = weights.map((weight, at) => ({ weight, at })).toSorted((a, b) => b.weight - a.weight)
      return order.slice(0, TOP).flatMap(({ weight, at }) => (weight > 0 ? [HTTP_MODEL_FEATURES[at]!] : []))
    },
  }
}

const usualRows = new WeakMap<ModelManifest, Float32Array>()

/** The median of each feature over the golden vectors that are no attack; NaN where most of those have none. */
function usualRow(manifest: ModelManifest): Float32Array {
  const known = usualRows.get(manifest)
  if (known !== undefined) return known
  const clear = manifest.golden.filter(({ probability }) => probability < 0.5)
  const row = Float32Array.from(HTTP_MODEL_FEATURES, (_, at) => {
    const values = clear.map(({ features }) => features[at] ?? Number.NEGATIVE_INFINITY).toSorted((a, b) => a - b)
    const middle = values[values.length >> 1] ?? Number.NaN
    return middle === Number.NEGATIVE_INFINITY ? Number.NaN : middle
  })
  usualRows.set(manifest, row)
  return row
}
