import { describe, expect, it } from 'vitest'
import {
  FIXTURE_EXPECTED,
  FIXTURE_MANIFEST,
  manifestOf,
  oneSplit,
  signed,
  TEST_PUBLISHERS,
} from '../../test/artifact.ts'
import { loadModel, type ModelArtifact } from './load.ts'
import type { ModelManifest } from './manifest.ts'
import { readOnnx } from './onnx.ts'
import type { Scorer, Scores } from './scorer.ts'
import { type ModelEvent, type ModelServerOptions, modelServer } from './serve.ts'
import { treeScorer } from './tree-scorer.ts'

/** Asks for no threshold itself: the model that serves does. */
const { thresholds: _, ...EXPECTED } = FIXTURE_EXPECTED
const WIDTH = FIXTURE_MANIFEST.features.length
const SHADOW = { rows: 100, meanDifference: 0.05, flips: 0.02 }
const [THRESHOLD] = FIXTURE_MANIFEST.thresholds
const MANIFEST = { shadow: SHADOW, thresholds: [{ ...THRESHOLD!, at: 0.5, low: 0.4, high: 0.6 }] }

const artifactOf = async (onnx: Uint8Array, changes: Partial<ModelManifest> = {}) =>
  signed(onnx, await manifestOf(onnx, { ...MANIFEST, ...changes }))
const successor = (onnx: Uint8Array, changes: Partial<ModelManifest> = {}) =>
  artifactOf(onnx, { version: '2.0.0', ...changes })

async function started(options: ModelServerOptions = {}) {
  const events: ModelEvent[] = []
  const loading = { publishers: TEST_PUBLISHERS }
  const first = await loadModel(await artifactOf(oneSplit(0)), EXPECTED, loading)
  const server = modelServer(first, EXPECTED, {
    ...loading,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { server, events, kinds: () => events.map(({ kind }) => kind) }
}

/** Rows whose column 0 is as given. */
const rowsOf = (values: readonly number[]) =>
  Float32Array.from({ length: values.length * WIDTH }, (_, at) => (at % WIDTH === 0 ? values[at / WIDTH]! : 0))
const spread = (count: number) => Array.from({ length: count }, (_, at) => ((at * 37) % 100) / 100 - 0.5)

describe('modelServer', () => {
  it('serves the new model when enough live rows agreed, and the old one until then', async () => {
    const { server, events, kinds } = await started()
    await server.offer(await successor(oneSplit(0, -4.1, 4.1)))
    const before = await server.score(rowsOf(spread(99)), 99)
    await server.settled()
    expect([before.manifest.version, server.manifest.version, kinds()]).toEqual(['1.0.0', '1.0.0', ['shadowed']])
    const last = await server.score(rowsOf([1]), 1)
    await server.settled()
    expect([last.manifest.version, last.margin[0]]).toEqual(['1.0.0', 4])
    expect(events.at(-1)).toEqual({ kind: 'served', version: '2.0.0', serving: '2.0.0' })
    const after = await server.score(rowsOf([1]), 1)
    expect([after.manifest.version, after.margin[0]]).toEqual(['2.0.0', Math.fround(4.1)])
  })

  it('rolls a model back whose probabilities differ beyond the bound, before its rows are full', async () => {
    const { server, events } = await started()
    await server.offer(await successor(oneSplit(0, -4, 20)))
    await server.score(rowsOf(Array.from({ length: 60 }, () => 1)), 60)
    await server.settled()
    expect(events.at(-1)).toMatchObject({
      kind: 'rolled-back',
      version: '2.0.0',
      serving: '1.0.0',
      error: { code: 'MODEL_SHADOW_DIVERGED', message: expect.stringMatching(/probabilities differ/) },
    })
    expect((await server.score(rowsOf([1]), 1)).margin[0]).toBe(4)
  })

  it('rolls a model back that decides otherwise on too many rows, though its probabilities are near', async () => {
    const options = { publishers: TEST_PUBLISHERS }
    const near = await loadModel(await artifactOf(oneSplit(0, 0.45, 0.55)), EXPECTED, options)
    const events: ModelEvent[] = []
    const server = modelServer(near, EXPECTED, { ...options, onEvent: (event) => events.push(event) })
    await server.offer(await successor(oneSplit(0, 0.55, 0.45)))
    await server.score(rowsOf([-1]), 1)
    await server.score(rowsOf([1]), 1)
    await server.settled()
    expect(events.map(({ kind }) => kind)).toEqual(['shadowed'])
    await server.score(rowsOf([1]), 1)
    await server.settled()
    expect(events.at(-1)).toMatchObject({ error: { message: expect.stringMatching(/otherwise on 3 of 3/) } })
  })

  it('rolls a model back that fails on a live row, and hands its memory back', async () => {
    let calls = 0
    const released: string[] = []
    const scorerOf = async (onnx: Uint8Array): Promise<Scorer> => {
      const scorer = treeScorer(readOnnx(onnx))
      return {
        ...scorer,
        score: (rows, count) => (calls++ === 0 ? scorer.score(rows, count) : Promise.reject(new Error('it broke'))),
        release: async () => void released.push('candidate'),
      }
    }
    const { server, events } = await started({ scorerOf })
    await server.offer(await successor(oneSplit(0)))
    const { margin } = await server.score(rowsOf([1]), 1)
    await server.settled()
    expect(margin[0]).toBe(4)
    expect(events.at(-1)).toMatchObject({ kind: 'rolled-back', error: { cause: { message: 'it broke' } } })
    expect(released).toEqual(['candidate'])
  })

  it('does not wait for a candidate that hangs', async () => {
    let calls = 0
    const scorerOf = async (onnx: Uint8Array): Promise<Scorer> => {
      const scorer = treeScorer(readOnnx(onnx))
      return {
        ...scorer,
        score: (rows, count) => (calls++ === 0 ? scorer.score(rows, count) : new Promise(() => {})),
      }
    }
    const { server } = await started({ scorerOf })
    await server.offer(await successor(oneSplit(0)))
    expect((await server.score(rowsOf([1]), 1)).margin[0]).toBe(4)
  })

  it('learns nothing from rows that the old model refuses', async () => {
    const { server, kinds } = await started()
    await server.offer(await successor(oneSplit(0)))
    await expect(server.score(new Float32Array(1), 1)).rejects.toThrow(TypeError)
    await server.settled()
    expect(kinds()).toEqual(['shadowed'])
  })

  it('hands back the memory of whoever serves no more, and of a candidate that is given up', async () => {
    const released: string[] = []
    const named =
      (name: string): ModelServerOptions['scorerOf'] =>
      async (onnx) => ({
        ...treeScorer(readOnnx(onnx)),
        release: async () => void released.push(name),
      })
    const loading = { publishers: TEST_PUBLISHERS }
    const first = await loadModel(await artifactOf(oneSplit(0)), EXPECTED, { ...loading, scorerOf: named('first')! })
    const names = ['given up', 'second']
    const server = modelServer(first, EXPECTED, {
      ...loading,
      scorerOf: (onnx, count) => named(names.shift()!)!(onnx, count),
    })
    await server.offer(await successor(oneSplit(0)))
    await server.offer(await successor(oneSplit(0)))
    expect(released).toEqual(['given up'])
    await server.score(rowsOf(spread(100)), 100)
    await server.settled()
    expect(released).toEqual(['given up', 'first'])
  })

  it('hears no more of a candidate that was given up', async () => {
    let answer: (scores: Scores) => void = () => {}
    let calls = 0
    const slow: ModelServerOptions['scorerOf'] = async (onnx) => {
      const scorer = treeScorer(readOnnx(onnx))
      const later = () => new Promise<Scores>((resolve) => (answer = resolve))
      return { ...scorer, score: (rows, count) => (calls++ === 1 ? later() : scorer.score(rows, count)) }
    }
    const { server, kinds } = await started({ scorerOf: slow })
    await server.offer(await successor(oneSplit(0)))
    await server.score(rowsOf([1]), 1)
    await server.offer(await successor(oneSplit(0)))
    answer({ margin: Float32Array.of(-99), probability: Float32Array.of(Number.NaN) })
    await server.settled()
    expect(kinds()).toEqual(['shadowed', 'shadowed'])
  })

  it('gives a candidate up for the next one', async () => {
    const { server, events } = await started()
    await server.offer(await successor(oneSplit(0, -4, 20)))
    await server.offer(await successor(oneSplit(0), { version: '3.0.0' }))
    await server.score(rowsOf(spread(100)), 100)
    await server.settled()
    expect(events.map(({ kind, version }) => [kind, version])).toEqual([
      ['shadowed', '2.0.0'],
      ['shadowed', '3.0.0'],
      ['served', '3.0.0'],
    ])
  })

  describe('goes on with the old model when it is offered', () => {
    const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
    const good = () => successor(oneSplit(0))
    const BAD: readonly (readonly [what: string, code: string, make: () => Promise<ModelArtifact>])[] = [
      [
        'a bad signature',
        'SIGNATURE_INVALID',
        async () => ({ ...(await good()), signature: (await successor(oneSplit(1))).signature }),
      ],
      [
        'another file',
        'MODEL_DIGEST_MISMATCH',
        async () => {
          const artifact = await good()
          return { ...artifact, onnx: flip(artifact.onnx, 20) }
        },
      ],
      [
        'wrong golden vectors',
        'MODEL_GOLDEN_MISMATCH',
        async () => successor(oneSplit(0), { golden: (await manifestOf(oneSplit(0.5, 4, -4))).golden }),
      ],
      [
        'features in another order',
        'MODEL_FEATURES_MISMATCH',
        () => successor(oneSplit(0), { features: FIXTURE_MANIFEST.features.toReversed() }),
      ],
      [
        'another version of the extractor',
        'MODEL_FEATURES_MISMATCH',
        () => successor(oneSplit(0), { extractor: { name: 'made-up', version: '2' } }),
      ],
      [
        'a threshold outside its bounds',
        'MODEL_THRESHOLDS_INVALID',
        () => successor(oneSplit(0), { thresholds: [{ ...MANIFEST.thresholds[0]!, at: 0.9 }] }),
      ],
      [
        'no threshold where the old one has one',
        'MODEL_THRESHOLDS_INVALID',
        () => successor(oneSplit(0), { thresholds: [{ ...MANIFEST.thresholds[0]!, name: 'other' }] }),
      ],
    ]
    it.each(BAD)('%s: %s', async (_, code, make) => {
      const { server, events } = await started()
      await expect(server.offer(await make())).rejects.toMatchObject({ code })
      expect(events).toEqual([
        expect.objectContaining({ kind: 'refused', serving: '1.0.0', error: expect.objectContaining({ code }) }),
      ])
      const { margin, manifest } = await server.score(rowsOf([1, -1]), 2)
      expect([...margin, manifest.version]).toEqual([4, -4, '1.0.0'])
    })
  })
})
