/**
 * From three files to a model that may serve: signature, manifest, features, digest, graph, golden vectors, in this order.
 * Whatever fails, nothing of the artifact is used.
 *
 * @module
 */
import { equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { pae } from '@mystranet/sdk/envelope/dsse'
import { verifyEd25519 } from '@mystranet/sdk/keys/ed25519'
import { type DetectorCode, DetectorError } from '../errors.ts'
import { type ModelManifest, parseManifest } from './manifest.ts'
import { readOnnx } from './onnx.ts'
import { PUBLISHERS } from './publisher.ts'
import type { Scorer } from './scorer.ts'
import { treeScorer } from './tree-scorer.ts'

/** The exact bytes of the three files of `models/<id>`. */
export interface ModelArtifact {
  readonly onnx: Uint8Array
  readonly manifest: Uint8Array
  readonly signature: Uint8Array
}

/** What the program that will use the model computes and asks for. */
export interface ExpectedModel {
  readonly id: string
  readonly extractor: { readonly name: string; readonly version: string }
  /** Names in the order of the input. */
  readonly features: readonly string[]
  /** Thresholds that must be there, as [class, name]. */
  readonly thresholds?: readonly (readonly [className: string, name: string])[]
}

export interface LoadOptions {
  /** Keys that may sign, in hex, by model id; those of this release unless given. */
  readonly publishers?: Readonly<Record<string, readonly string[]>>
  /** Makes the scorer of a file whose digest and graph were checked; `treeScorer` unless given. */
  readonly scorerOf?: (onnx: Uint8Array, featureCount: number) => Promise<Scorer>
}

declare const tested: unique symbol

/** A model that passed every check; only {@link loadModel} makes one. */
export interface LoadedModel {
  readonly [tested]: true
  readonly manifest: ModelManifest
  readonly scorer: Scorer
}

const PAYLOAD_TYPE = 'application/vnd.mystranet.detector-model.v1+json'
/** How far a score may lie from its golden one; margins relative to their size from 1 on. */
const TOLERANCE = 1e-6

/**
 * Checks an artifact, and gives what may serve. About 30 ms for a model of 430 kB.
 *
 * @throws {DetectorError} `KEY_UNKNOWN` when nobody may publish this id; `SIGNATURE_INVALID`; `DOCUMENT_MALFORMED`;
 * `MODEL_THRESHOLDS_INVALID`; `MODEL_FEATURES_MISMATCH`; `MODEL_DIGEST_MISMATCH`; `MODEL_GRAPH_UNSUPPORTED`;
 * `MODEL_GOLDEN_MISMATCH`; and what the scorer's maker throws.
 */
export async function loadModel(
  artifact: ModelArtifact,
  expected: ExpectedModel,
  { publishers = PUBLISHERS, scorerOf }: LoadOptions = {},
): Promise<LoadedModel> {
  await checkSignature(artifact, expected.id, publishers)
  const manifest = parseManifest(artifact.manifest)
  checkExpected(manifest, expected)
  await checkDigest(artifact.onnx, manifest)
  const graph = readOnnx(artifact.onnx)
  if (graph.featureCount !== manifest.features.length)
    refuse('MODEL_FEATURES_MISMATCH', `its graph takes ${graph.featureCount}, wanted ${manifest.features.length}`)
  if (
    graph.opset['ai.onnx'] !== manifest.opset['ai.onnx'] ||
    graph.opset['ai.onnx.ml'] !== manifest.opset['ai.onnx.ml']
  )
    refuse('MODEL_GRAPH_UNSUPPORTED', 'its operator sets are not those that the manifest names')
  const scorer = await (scorerOf?.(artifact.onnx, graph.featureCount) ?? treeScorer(graph))
  try {
    await checkGolden(scorer, manifest)
  } catch (error) {
    await scorer.release()
    throw error
  }
  return { manifest, scorer } as LoadedModel
}

function refuse(code: DetectorCode, state: string): never {
  throw new DetectorError(code, `Cannot load the model: ${state}`)
}

async function checkSignature(
  { manifest, signature }: ModelArtifact,
  id: string,
  publishers: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const keys = Object.hasOwn(publishers, id) ? publishers[id]! : []
  if (keys.length === 0) refuse('KEY_UNKNOWN', `nobody is known to publish ${id}, wanted a pinned key`)
  const text = String.fromCharCode(...signature.subarray(0, 130))
  const raw = text.length === 129 && text.endsWith('\n') ? fromHex(text.slice(0, 128)) : undefined
  if (raw === undefined)
    refuse('SIGNATURE_INVALID', 'manifest.sig is no signature, wanted 128 hex digits and a line feed')
  const message = pae(PAYLOAD_TYPE, manifest)
  for (const key of keys) {
    const publicKey = fromHex(key)
    if (publicKey !== undefined && (await verifyEd25519(publicKey, message, raw))) return
  }
  refuse('SIGNATURE_INVALID', `no publisher of ${id} signed this manifest`)
}

function checkExpected(manifest: ModelManifest, expected: ExpectedModel): void {
  const mismatch = (state: string) => refuse('MODEL_FEATURES_MISMATCH', state)
  const { name, version } = manifest.extractor
  if (manifest.id !== expected.id) mismatch(`it is ${manifest.id}, wanted ${expected.id}`)
  if (name !== expected.extractor.name || version !== expected.extractor.version)
    mismatch(`it needs ${name} ${version}, wanted ${expected.extractor.name} ${expected.extractor.version}`)
  if (manifest.features.length !== expected.features.length)
    mismatch(`it takes ${manifest.features.length} features, wanted ${expected.features.length}`)
  for (const [at, feature] of manifest.features.entries()) {
    if (feature.name !== expected.features[at])
      mismatch(`its feature ${at} is ${feature.name}, wanted ${expected.features[at]}`)
  }
  for (const [of, threshold] of expected.thresholds ?? []) {
    if (!manifest.thresholds.some((one) => one.class === of && one.name === threshold))
      refuse('MODEL_THRESHOLDS_INVALID', `it has no threshold ${threshold} for ${of}`)
  }
}

async function checkDigest(onnx: Uint8Array, { onnxSha256, onnxBytes }: ModelManifest): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', onnx.slice()))
  if (onnx.length !== onnxBytes || !equalBytes(digest, fromHex(onnxSha256)!))
    refuse('MODEL_DIGEST_MISMATCH', `model.onnx is ${toHex(digest)}, wanted ${onnxSha256}`)
}

async function checkGolden(scorer: Scorer, { golden, features }: ModelManifest): Promise<void> {
  const rows = new Float32Array(golden.length * features.length)
  for (const [at, vector] of golden.entries())
    rows.set(
      vector.features.map((value) => value ?? Number.NaN),
      at * features.length,
    )
  const { margin, probability } = await scorer.score(rows, golden.length)
  for (const [at, vector] of golden.entries()) {
    const size = Math.max(1, Math.abs(vector.margin))
    const isNear =
      Math.abs(margin[at]! - Math.fround(vector.margin)) <= TOLERANCE * size &&
      Math.abs(probability[at]! - Math.fround(vector.probability)) <= TOLERANCE
    if (!isNear)
      refuse(
        'MODEL_GOLDEN_MISMATCH',
        `golden vector ${at} gives ${margin[at]} and ${probability[at]}, wanted ${vector.margin} and ${vector.probability}`,
      )
  }
}
