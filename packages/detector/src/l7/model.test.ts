import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { type LoadedModel, loadModel, type ModelArtifact } from '../model/load.ts'
import { HTTP_FEATURES, HTTP_MODEL_FEATURES } from './feature.ts'
import { EXPECTED_HTTP_MODEL, httpModel } from './model.ts'

const read = async (name: string) => new Uint8Array(await readFile(new URL(`../../models/l7/${name}`, import.meta.url)))
const artifactOf = async (): Promise<ModelArtifact> => ({
  onnx: await read('model.onnx'),
  manifest: await read('manifest.json'),
  signature: await read('manifest.sig'),
})
const served = async () => {
  const { manifest, scorer } = await loadModel(await artifactOf(), EXPECTED_HTTP_MODEL)
  return { manifest, score: scorer.score }
}
/** The features of a golden vector, among all. */
function featuresOf(manifest: LoadedModel['manifest'], at: number): Float64Array {
  const { features } = manifest.golden[at]!
  return Float64Array.from(HTTP_FEATURES, ({ name }) => features[HTTP_MODEL_FEATURES.indexOf(name)] ?? Number.NaN)
}

describe('the model of requests', () => {
  it('is the one that this release signed, for the features that there are', async () => {
    const { manifest } = await served()
    expect(manifest.features.map(({ name }) => name)).toEqual(HTTP_MODEL_FEATURES)
    expect(manifest.features).toEqual(
      HTTP_FEATURES.filter(({ use }) => use === 'model').map(({ name, unit, nan }) => ({ name, unit, nan })),
    )
  })

  it('says of golden windows what their scores say, and which features raised them', async () => {
    const model = await served()
    const { judge, explain } = httpModel(model)
    const { golden } = model.manifest
    const worst = golden.reduce((best, { margin }, at) => (margin > golden[best]!.margin ? at : best), 0)
    const mildest = golden.reduce((best, { margin }, at) => (margin < golden[best]!.margin ? at : best), 0)
    const attack = await judge(featuresOf(model.manifest, worst))
    expect(attack).toMatchObject({ says: 'attack', probability: expect.closeTo(golden[worst]!.probability, 6) })
    expect(await judge(featuresOf(model.manifest, mildest))).toMatchObject({ says: 'clear' })
    const top = await explain(featuresOf(model.manifest, worst))
    expect(top.length).toBeGreaterThan(0)
    expect(top.length).toBeLessThanOrEqual(5)
    expect(HTTP_MODEL_FEATURES).toEqual(expect.arrayContaining([...top]))
  })

  it('takes its threshold from whoever has moved it, and abstains within the band of its manifest', async () => {
    const { manifest, score } = await served()
    const features = featuresOf(
      manifest,
      manifest.golden.findIndex(({ probability }) => probability > 0.99),
    )
    expect((await httpModel({ manifest, score }, () => 0.9999999).judge(features)).says).toBe('clear')
    expect((await httpModel({ manifest, score }, () => 0.5).judge(features)).says).toBe('attack')
    const unsure = { ...manifest, abstain: { low: 0, high: 1 } }
    expect(await httpModel({ manifest: unsure, score }).judge(features)).toMatchObject({
      says: 'abstains',
      reason: expect.stringContaining('lies between 0 and 1'),
    })
  })

  it('is refused for other features', async () => {
    const other = { ...EXPECTED_HTTP_MODEL, features: HTTP_MODEL_FEATURES.toReversed() }
    await expect(loadModel(await artifactOf(), other)).rejects.toMatchObject({ code: 'MODEL_FEATURES_MISMATCH' })
  })
})
