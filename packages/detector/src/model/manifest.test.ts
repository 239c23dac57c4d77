import { describe, expect, it } from 'vitest'
import { FIXTURE, FIXTURE_MANIFEST } from '../../test/artifact.ts'
import { parseManifest } from './manifest.ts'

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const manifest = (changes: object) => bytes({ ...FIXTURE_MANIFEST, ...changes })
const [THRESHOLD] = FIXTURE_MANIFEST.thresholds
const [VECTOR] = FIXTURE_MANIFEST.golden
const [METRIC] = FIXTURE_MANIFEST.metrics
const threshold = (changes: object) => manifest({ thresholds: [{ ...THRESHOLD, ...changes }] })

const refusal = (input: Uint8Array): readonly [code: unknown, message: string] => {
  try {
    parseManifest(input)
  } catch (error) {
    return [(error as { code?: unknown }).code, (error as Error).message]
  }
  return ['none', '']
}

describe('parseManifest', () => {
  it('reads what manifest.py wrote', () => {
    expect(parseManifest(FIXTURE.manifest)).toEqual(FIXTURE_MANIFEST)
  })

  const MALFORMED: readonly (readonly [what: string, says: RegExp, input: Uint8Array])[] = [
    ['no JSON', /JSON in UTF-8/, Uint8Array.of(0x7b)],
    ['no UTF-8', /JSON in UTF-8/, Uint8Array.of(0x22, 0xff, 0x22)],
    ['4 MiB and a byte', /at most/, new Uint8Array(4 * 1024 * 1024 + 1).fill(0x20)],
    ['a list', /an object/, bytes([])],
    ['null', /an object/, bytes(null)],
    ['a text', /an object/, bytes('x')],
    ['an object for a list', /it.data/, manifest({ data: {} })],
    ['101 golden vectors', /it.golden/, manifest({ golden: [...FIXTURE_MANIFEST.golden, VECTOR] })],
    ['a strange member', /no member but/, manifest({ note: 'x' })],
    ['a member of the prototype', /a member id/, bytes(Object.create({ id: 'x' }))],
    ['a missing member', /a member golden/, manifest({ golden: undefined })],
    ['a bad id', /it.id/, manifest({ id: 'Flood' })],
    ['a version of two numbers', /it.version/, manifest({ version: '1.0' })],
    ['a version with a leading zero', /it.version/, manifest({ version: '1.01.0' })],
    ['a time without a zone', /it.createdAt/, manifest({ createdAt: '2026-01-01T00:00:00' })],
    ['a short digest', /it.onnxSha256/, manifest({ onnxSha256: 'ab' })],
    ['half a byte', /a whole number/, manifest({ onnxBytes: 1.5 })],
    ['a model of 5 MB', /it.onnxBytes/, manifest({ onnxBytes: 5e6 })],
    ['a third operator set', /it.opset/, manifest({ opset: { 'ai.onnx': 17, 'ai.onnx.ml': 3, x: 1 } })],
    ['a name with a line feed', /it.extractor.name/, manifest({ extractor: { name: 'a\nb', version: '1' } })],
    ['no features', /it.features/, manifest({ features: [] })],
    [
      'a feature that stands twice',
      /stands twice/,
      manifest({ features: FIXTURE_MANIFEST.features.map((one) => ({ ...one, name: 'same' })) }),
    ],
    ['an empty sentence', /it.outputs.margin/, manifest({ outputs: { margin: '', probability: 'x' } })],
    ['no thresholds', /it.thresholds/, manifest({ thresholds: [] })],
    ['a threshold of another output', /margin or probability/, threshold({ output: 'label' })],
    ['a false-positive rate of 0', /fpr/, threshold({ fpr: 0 })],
    ['a threshold in words', /thresholds\[0\]\.at/, threshold({ at: 'high' })],
    ['a share above 1', /it.shadow.flips/, manifest({ shadow: { rows: 1, meanDifference: 0, flips: 1.1 } })],
    ['a shadow of no rows', /it.shadow.rows/, manifest({ shadow: { rows: 0, meanDifference: 0, flips: 0 } })],
    ['a value outside its interval', /within its interval/, manifest({ metrics: [{ ...METRIC, value: 2 }] })],
    ['99 golden vectors', /it.golden/, manifest({ golden: FIXTURE_MANIFEST.golden.slice(1) })],
    [
      'a golden vector of another width',
      /features in each vector/,
      manifest({ golden: FIXTURE_MANIFEST.golden.map((one) => ({ ...one, features: [1] })) }),
    ],
    [
      'a golden probability of 2',
      /golden\[0\]/,
      manifest({ golden: FIXTURE_MANIFEST.golden.map(() => ({ ...VECTOR, probability: 2 })) }),
    ],
  ]
  it.each(MALFORMED)('refuses %s', (_, says, input) => {
    const [code, message] = refusal(input)
    expect(code).toBe('DOCUMENT_MALFORMED')
    expect(message).toMatch(says)
  })

  const CONTRADICTIONS: readonly (readonly [what: string, says: RegExp, input: Uint8Array])[] = [
    ['a threshold below its bounds', /within its bounds/, threshold({ at: 0.1, low: 0.2, high: 0.9 })],
    ['a threshold above them', /within its bounds/, threshold({ at: 0.95, low: 0.2, high: 0.9 })],
    ['bounds below 0', /beyond 0 to 1/, threshold({ at: 0.5, low: -0.1, high: 0.9 })],
    ['bounds above 1', /beyond 0 to 1/, threshold({ at: 0.5, low: 0.1, high: 1.1 })],
    ['a threshold that stands twice', /two thresholds/, manifest({ thresholds: [THRESHOLD, THRESHOLD] })],
    ['an abstain band upside down', /ascending band/, manifest({ abstain: { low: 0.6, high: 0.4 } })],
  ]
  it.each(CONTRADICTIONS)('refuses %s as MODEL_THRESHOLDS_INVALID', (_, says, input) => {
    const [code, message] = refusal(input)
    expect(code).toBe('MODEL_THRESHOLDS_INVALID')
    expect(message).toMatch(says)
  })

  it('lets the bounds of a margin lie anywhere', () => {
    expect(refusal(threshold({ output: 'margin', at: -3, low: -8, high: 7 }))).toEqual(['none', ''])
  })
})
