/**
 * Artifacts for tests: the fixture that training/fixture/make.py made, and others signed here.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pae } from '@mystranet/sdk/envelope/dsse'
import { createEd25519Key } from '@mystranet/sdk/keys/ed25519'
import type { ExpectedModel, ModelArtifact } from '../src/model/load.ts'
import type { ModelManifest } from '../src/model/manifest.ts'
import { readOnnx } from '../src/model/onnx.ts'
import { treeScorer } from '../src/model/tree-scorer.ts'
import { boosted, onnxFile, type TreeSpec } from './onnx-file.ts'

const file = (name: string) => new Uint8Array(readFileSync(new URL(`fixture/model/boosted/${name}`, import.meta.url)))

/** As sign.py signed it. */
export const FIXTURE: ModelArtifact = {
  onnx: file('model.onnx'),
  manifest: file('manifest.json'),
  signature: file('manifest.sig'),
}
export const FIXTURE_KEY = new TextDecoder().decode(file('publisher.txt')).trim()
export const FIXTURE_MANIFEST: ModelManifest = JSON.parse(new TextDecoder().decode(FIXTURE.manifest))
export const FIXTURE_EXPECTED: ExpectedModel = {
  id: 'boosted',
  extractor: { name: 'made-up', version: '1' },
  features: FIXTURE_MANIFEST.features.map(({ name }) => name),
  thresholds: [['odd', 'fpr-5e-2']],
}

const KEY = await createEd25519Key(new Uint8Array(32).fill(7))
/** The one key that signs here. */
export const TEST_PUBLISHERS = { boosted: [Buffer.from(KEY.publicKey).toString('hex')] }

/** Signs a manifest, or any bytes in its place. */
export async function signed(onnx: Uint8Array, manifest: unknown): Promise<ModelArtifact> {
  const bytes = manifest instanceof Uint8Array ? manifest : new TextEncoder().encode(JSON.stringify(manifest))
  const signature = await KEY.sign(pae('application/vnd.mystranet.detector-model.v1+json', bytes))
  const text = `${Buffer.from(signature).toString('hex')}\n`
  return { onnx, manifest: bytes, signature: new TextEncoder().encode(text) }
}

/** The manifest that fits a file: digest and golden vectors are its own. */
export async function manifestOf(onnx: Uint8Array, changes: Partial<ModelManifest> = {}): Promise<ModelManifest> {
  const { featureCount } = readOnnx(onnx)
  const features = FIXTURE_MANIFEST.golden.map((vector) => vector.features.slice(0, featureCount))
  const rows = Float32Array.from(features.flat(), (value) => value ?? Number.NaN)
  const { margin, probability } = await treeScorer(readOnnx(onnx)).score(rows, features.length)
  return {
    ...FIXTURE_MANIFEST,
    onnxSha256: createHash('sha256').update(onnx).digest('hex'),
    onnxBytes: onnx.length,
    golden: features.map((row, at) => ({ features: row, margin: margin[at]!, probability: probability[at]! })),
    ...changes,
  }
}

/** A model that says of every row of the fixture's width what its one split of column 0 says. */
export const oneSplit = (threshold: number, low = -4, high = 4): Uint8Array => {
  const split: TreeSpec = { column: 0, threshold, nanLow: true, low, high }
  return onnxFile(boosted([split], FIXTURE_MANIFEST.features.length))
}
