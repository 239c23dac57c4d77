/**
 * What the model says of a header, and which features it says it for.
 *
 * @module
 */
import type { LoadedModel } from '../model/load.ts'
import { headerModelRow, PE_HEADER_FEATURES } from './header-model.ts'
import type { Headers } from './parse/header.ts'

export interface TopFeature {
  readonly name: string
  readonly value: number
  /** What the margin would lose with the value that is usual in the model's golden rows: above 0 speaks for malware. */
  readonly weight: number
}

export interface ModelVote {
  /** `pe@1.0.0` */
  readonly model: string
  /** Calibrated on the model's own data, 0 to 1. */
  readonly probability: number
  readonly margin: number
  readonly threshold: number
  readonly unremarkableUpTo: number
  /** The five that move the margin most. */
  readonly top: readonly TopFeature[]
}

const TOP = 5

/** One call of the scorer: the row itself, and once for each feature with the usual value in its place. */
export async function voteOf({ manifest, scorer }: LoadedModel, headers: Headers): Promise<ModelVote> {
  const row = headerModelRow(headers)
  const width = row.length
  const rows = new Float32Array((width + 1) * width)
  for (let at = 0; at <= width; at++) rows.set(row, at * width)
  for (let feature = 0; feature < width; feature++) {
    const values = manifest.golden.map(({ features }) => features[feature] ?? 0).sort((a, b) => a - b)
    rows[(feature + 1) * width + feature] = values[values.length >> 1] ?? 0
  }
  const { margin, probability } = await scorer.score(rows, width + 1)
  const weights = PE_HEADER_FEATURES.map((name, feature) => ({
    name,
    value: row[feature] as number,
    weight: (margin[0] as number) - (margin[feature + 1] as number),
  }))
  const threshold = manifest.thresholds.find((one) => one.class === 'malware')
  return {
    model: `${manifest.id}@${manifest.version}`,
    probability: probability[0] as number,
    margin: margin[0] as number,
    threshold: Math.max(threshold?.at ?? 1, manifest.abstain.low),
    unremarkableUpTo: manifest.abstain.low,
    top: weights
      .filter(({ weight }) => weight !== 0)
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, TOP),
  }
}
