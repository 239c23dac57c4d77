/**
 * The manifest of a model: what it is, how to use it and how to test it. models/README.md is normative.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import { count, list, malformed, number, oneOf, type Reader, record, text } from './json-shape.ts'

/** `output` ≥ `at` means the class, at a false-positive rate of `fpr`. Feedback moves `at` within `low` to `high`. */
export interface Threshold {
  readonly class: string
  readonly name: string
  readonly fpr: number
  readonly output: 'margin' | 'probability'
  readonly at: number
  readonly low: number
  readonly high: number
}

export interface ManifestFeature {
  readonly name: string
  readonly unit: string
  /** When a value is NaN, or `never`. */
  readonly nan: string
}

/** What the model gave on its publisher's machine; NaN is null. */
export interface GoldenVector {
  readonly features: readonly (number | null)[]
  readonly margin: number
  readonly probability: number
}

export interface ModelManifest {
  readonly id: string
  readonly version: string
  /** RFC 3339, UTC. */
  readonly createdAt: string
  readonly onnxSha256: string
  readonly onnxBytes: number
  readonly opset: Readonly<Record<'ai.onnx' | 'ai.onnx.ml', number>>
  readonly extractor: { readonly name: string; readonly version: string }
  /** In the order of the input. */
  readonly features: readonly ManifestFeature[]
  /** A sentence each. */
  readonly outputs: { readonly margin: string; readonly probability: string }
  readonly thresholds: readonly Threshold[]
  /** No verdict when the probability lies between them. */
  readonly abstain: { readonly low: number; readonly high: number }
  /** How much another version may differ on live rows before it serves. */
  readonly shadow: ShadowBound
  readonly data: readonly { readonly name: string; readonly sha256: string }[]
  /** With 95 % intervals. */
  readonly metrics: readonly Metric[]
  readonly golden: readonly GoldenVector[]
}

export interface ShadowBound {
  readonly rows: number
  readonly meanDifference: number
  readonly flips: number
}

interface Metric {
  readonly name: string
  readonly value: number
  readonly low: number
  readonly high: number
  readonly n: number
}

const MAX_BYTES = 4 * 1024 * 1024
const GOLDEN = 100
const MAX_FEATURES = 4096

const NAME = text(/^[\x20-\x7e]{1,200}$/, 'a name of 1 to 200 printable ASCII characters')
const PROSE = text(/^[^\p{Cc}]{1,400}$/u, 'a sentence of 1 to 400 characters')
const SHA256 = text(/^[0-9a-f]{64}$/, '64 hex digits')
const FINITE = number()
const SHARE = number(0, 1)
const VALUE: Reader<number | null> = (value, where) => (value === null ? null : FINITE(value, where))

const MANIFEST = record<ModelManifest>({
  id: text(/^[a-z][a-z0-9-]{0,31}$/, 'a name in small letters'),
  version: text(/^(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}$/, 'major.minor.patch'),
  createdAt: text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'a time in UTC, to the second'),
  onnxSha256: SHA256,
  onnxBytes: count(1, MAX_BYTES),
  opset: record({ 'ai.onnx': count(1, 99), 'ai.onnx.ml': count(1, 99) }),
  extractor: record({ name: NAME, version: NAME }),
  features: list(record<ManifestFeature>({ name: NAME, unit: NAME, nan: PROSE }), 1, MAX_FEATURES),
  outputs: record({ margin: PROSE, probability: PROSE }),
  thresholds: list(
    record<Threshold>({
      class: NAME,
      name: NAME,
      fpr: number(Number.MIN_VALUE, 1 - Number.EPSILON),
      output: oneOf('margin', 'probability'),
      at: FINITE,
      low: FINITE,
      high: FINITE,
    }),
    1,
    64,
  ),
  abstain: record({ low: SHARE, high: SHARE }),
  shadow: record<ShadowBound>({ rows: count(1, 65_536), meanDifference: SHARE, flips: SHARE }),
  data: list(record({ name: PROSE, sha256: SHA256 }), 0, 4096),
  metrics: list(record<Metric>({ name: NAME, value: FINITE, low: FINITE, high: FINITE, n: count(0, 2 ** 48) }), 0, 256),
  golden: list(
    record<GoldenVector>({ features: list(VALUE, 1, MAX_FEATURES), margin: FINITE, probability: SHARE }),
    GOLDEN,
    GOLDEN,
  ),
})

/**
 * Reads exact bytes, of anyone: at most 4 MiB.
 *
 * @throws {DetectorError} `DOCUMENT_MALFORMED` for another shape, `MODEL_THRESHOLDS_INVALID` for thresholds or an abstain
 * band that contradict themselves.
 */
export function parseManifest(bytes: Uint8Array): ModelManifest {
  if (bytes.length > MAX_BYTES) malformed('it', `at most ${MAX_BYTES} bytes`)
  const manifest = MANIFEST(parseJson(bytes), 'it')
  const { features, golden, metrics } = manifest
  if (new Set(features.map(({ name }) => name)).size !== features.length)
    malformed('it.features', 'no name that stands twice')
  if (golden.some((vector) => vector.features.length !== features.length))
    malformed('it.golden', `${features.length} features in each vector`)
  if (metrics.some(({ value, low, high }) => value < low || value > high))
    malformed('it.metrics', 'each value within its interval')
  checkThresholds(manifest)
  return manifest
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    return malformed('it', 'JSON in UTF-8', { cause })
  }
}

function checkThresholds({ thresholds, abstain }: ModelManifest): void {
  const refuse = (state: string): never => {
    throw new DetectorError('MODEL_THRESHOLDS_INVALID', `Cannot use the model's thresholds: ${state}`)
  }
  const seen = new Set<string>()
  for (const { class: of, name, output, at, low, high } of thresholds) {
    const place = JSON.stringify([of, name])
    if (seen.has(place)) refuse(`${of} has two thresholds ${name}, wanted one`)
    seen.add(place)
    if (!(low <= at && at <= high)) refuse(`${of} at ${name} is ${at}, wanted within its bounds ${low} to ${high}`)
    if (output === 'probability' && (low < 0 || high > 1)) refuse(`${of} at ${name} reaches beyond 0 to 1`)
  }
  if (abstain.low > abstain.high) refuse(`no verdict from ${abstain.low} to ${abstain.high}, wanted an ascending band`)
}
