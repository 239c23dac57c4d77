import { describe, expect, it } from 'vitest'
import {
  FIXTURE,
  FIXTURE_EXPECTED,
  FIXTURE_KEY,
  FIXTURE_MANIFEST,
  manifestOf,
  oneSplit,
  signed,
  TEST_PUBLISHERS,
} from '../../test/artifact.ts'
import { boosted, onnxFile } from '../../test/onnx-file.ts'
import { type ExpectedModel, type LoadOptions, loadModel, type ModelArtifact } from './load.ts'
import type { ModelManifest } from './manifest.ts'
import type { Scorer } from './scorer.ts'

const codeOf = (artifact: ModelArtifact, expected: ExpectedModel = FIXTURE_EXPECTED, options: LoadOptions = {}) =>
  loadModel(artifact, expected, { publishers: TEST_PUBLISHERS, ...options }).then(
    () => 'loaded',
    (error: { code?: string }) => error.code ?? String(error),
  )
const changed = (changes: Partial<ModelManifest>, onnx = FIXTURE.onnx) =>
  signed(onnx, { ...FIXTURE_MANIFEST, ...changes })
const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

describe('loadModel', () => {
  it('takes what sign.py signed with a pinned key', async () => {
    const model = await loadModel(FIXTURE, FIXTURE_EXPECTED, { publishers: { boosted: [FIXTURE_KEY] } })
    expect([model.manifest.version, model.scorer.featureCount]).toEqual(['1.0.0', 6])
  })

  it('takes one of several keys', async () => {
    const artifact = await changed({})
    const publishers = { boosted: [FIXTURE_KEY, ...TEST_PUBLISHERS.boosted] }
    expect(await codeOf(artifact, FIXTURE_EXPECTED, { publishers })).toBe('loaded')
  })

  describe('refuses as SIGNATURE_INVALID', () => {
    it('a manifest that was changed', async () => {
      const artifact = await changed({})
      expect(await codeOf({ ...artifact, manifest: flip(artifact.manifest, 200) })).toBe('SIGNATURE_INVALID')
    })

    it('a signature of another key', async () => {
      expect(await codeOf(FIXTURE)).toBe('SIGNATURE_INVALID')
    })

    it('a signature over the bare bytes, without their type', async () => {
      const { createEd25519Key } = await import('@mystranet/sdk/keys/ed25519')
      const key = await createEd25519Key(new Uint8Array(32).fill(7))
      const signature = Buffer.from(`${Buffer.from(await key.sign(FIXTURE.manifest)).toString('hex')}\n`)
      expect(await codeOf({ ...FIXTURE, signature })).toBe('SIGNATURE_INVALID')
    })

    it.each([
      ['no line feed', (text: string) => text.trim()],
      ['more after it', (text: string) => `${text}\n`],
      ['capital letters', (text: string) => text.toUpperCase()],
      ['nothing', () => ''],
    ])('a signature file with %s', async (_, change) => {
      const artifact = await changed({})
      const signature = Buffer.from(change(Buffer.from(artifact.signature).toString()))
      expect(await codeOf({ ...artifact, signature })).toBe('SIGNATURE_INVALID')
    })
  })

  it.each([
    ['has no key', {}],
    ['has an empty list', { boosted: [] }],
    ['is a word of the prototype', Object.create(TEST_PUBLISHERS)],
  ])('refuses an id that %s as KEY_UNKNOWN', async (_, publishers) => {
    expect(await codeOf(await changed({}), FIXTURE_EXPECTED, { publishers })).toBe('KEY_UNKNOWN')
  })

  it('refuses a manifest of another shape as DOCUMENT_MALFORMED', async () => {
    expect(await codeOf(await signed(FIXTURE.onnx, { id: 'boosted' }))).toBe('DOCUMENT_MALFORMED')
  })

  describe('refuses as MODEL_FEATURES_MISMATCH', () => {
    const [first, second, ...rest] = FIXTURE_EXPECTED.features as [string, string, ...string[]]
    it.each<readonly [string, Partial<ExpectedModel>]>([
      ['another order', { features: [second, first, ...rest] }],
      ['another name', { features: ['other', second, ...rest] }],
      ['one feature more', { features: [first, second, ...rest, 'more'] }],
      ['one feature less', { features: [first, second, ...rest.slice(1)] }],
      ['another version of the extractor', { extractor: { name: 'made-up', version: '2' } }],
      ['another extractor', { extractor: { name: 'other', version: '1' } }],
    ])('%s', async (_, expected) => {
      expect(await codeOf(await changed({}), { ...FIXTURE_EXPECTED, ...expected })).toBe('MODEL_FEATURES_MISMATCH')
    })

    it('a model of another id', async () => {
      expect(await codeOf(await changed({ id: 'other' }))).toBe('MODEL_FEATURES_MISMATCH')
    })

    it('a graph of another width than its manifest', async () => {
      const onnx = onnxFile(boosted([1], 2))
      const manifest = await manifestOf(onnx, { golden: FIXTURE_MANIFEST.golden })
      expect(await codeOf(await signed(onnx, manifest))).toBe('MODEL_FEATURES_MISMATCH')
    })
  })

  describe('refuses as MODEL_THRESHOLDS_INVALID', () => {
    const [threshold] = FIXTURE_MANIFEST.thresholds
    it('a threshold outside its bounds', async () => {
      const artifact = await changed({ thresholds: [{ ...threshold!, at: 0.9, low: 0.1, high: 0.5 }] })
      expect(await codeOf(artifact)).toBe('MODEL_THRESHOLDS_INVALID')
    })

    it('a class without the threshold that is asked for', async () => {
      const artifact = await changed({ thresholds: [{ ...threshold!, class: 'other' }] })
      expect(await codeOf(artifact)).toBe('MODEL_THRESHOLDS_INVALID')
    })
  })

  it('refuses another file than the manifest names as MODEL_DIGEST_MISMATCH', async () => {
    const artifact = await changed({})
    expect(await codeOf({ ...artifact, onnx: flip(artifact.onnx, 1000) })).toBe('MODEL_DIGEST_MISMATCH')
    expect(await codeOf(await changed({ onnxBytes: FIXTURE.onnx.length + 1 }))).toBe('MODEL_DIGEST_MISMATCH')
  })

  describe('refuses as MODEL_GRAPH_UNSUPPORTED', () => {
    it('a file that no scorer of ours reads', async () => {
      const onnx = onnxFile({ ...boosted([1], 6), irVersion: 9 })
      const { createHash } = await import('node:crypto')
      const onnxSha256 = createHash('sha256').update(onnx).digest('hex')
      expect(await codeOf(await changed({ onnxSha256, onnxBytes: onnx.length }, onnx))).toBe('MODEL_GRAPH_UNSUPPORTED')
    })

    it('operator sets that are not those of the manifest', async () => {
      expect(await codeOf(await changed({ opset: { 'ai.onnx': 18, 'ai.onnx.ml': 3 } }))).toBe('MODEL_GRAPH_UNSUPPORTED')
      expect(await codeOf(await changed({ opset: { 'ai.onnx': 17, 'ai.onnx.ml': 4 } }))).toBe('MODEL_GRAPH_UNSUPPORTED')
    })
  })

  describe('refuses as MODEL_GOLDEN_MISMATCH', () => {
    const golden = (at: number, by: { margin?: number; probability?: number }) =>
      changed({
        golden: FIXTURE_MANIFEST.golden.map((vector, index) =>
          index === at
            ? {
                ...vector,
                margin: vector.margin + (by.margin ?? 0),
                probability: Math.abs(vector.probability - (by.probability ?? 0)),
              }
            : vector,
        ),
      })
    it('a margin that is off by more than 1e-6 of its size', async () => {
      expect(await codeOf(await golden(99, { margin: 2e-5 }))).toBe('MODEL_GOLDEN_MISMATCH')
    })

    it('a probability that is off by more than 1e-6', async () => {
      expect(await codeOf(await golden(0, { probability: 1e-5 }))).toBe('MODEL_GOLDEN_MISMATCH')
    })

    it('scores that are no numbers, and releases the scorer', async () => {
      let released = 0
      const silent: Scorer = {
        featureCount: 6,
        score: async (_, rows) => ({
          margin: new Float32Array(rows).fill(Number.NaN),
          probability: new Float32Array(rows).fill(Number.NaN),
        }),
        release: async () => void released++,
      }
      const options = { scorerOf: async () => silent }
      expect(await codeOf(await changed({}), FIXTURE_EXPECTED, options)).toBe('MODEL_GOLDEN_MISMATCH')
      expect(released).toBe(1)
    })
  })

  it('takes a file that its manifest describes rightly', async () => {
    const onnx = oneSplit(0)
    expect(await codeOf(await signed(onnx, await manifestOf(onnx)))).toBe('loaded')
  })
})
