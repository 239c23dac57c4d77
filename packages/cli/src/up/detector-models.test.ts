// A detector's models in a state folder: what is refused, what serves, what is rolled back, and what a restart finds.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FindingDraft, Observation } from '@mystranet/detector/loop'
import type { ModelManifest } from '@mystranet/detector/model'
import { toHex } from '@mystranet/sdk/bytes'
import { pae } from '@mystranet/sdk/envelope/dsse'
import { localSigner, type Signer } from '@mystranet/sdk/keys/signer'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../state.ts'
import { openDetectorModels } from './detector-models.ts'

const FIXTURE = new URL('../../../detector/test/fixture/model/boosted/', import.meta.url)
const ID = 'boosted'

let publisher: Signer
let stranger: Signer
let original: ModelManifest
let onnx: Uint8Array
let folder: string
beforeAll(async () => {
  publisher = await localSigner(new Uint8Array(32).fill(1))
  stranger = await localSigner(new Uint8Array(32).fill(2))
  original = JSON.parse(await readFile(new URL('manifest.json', FIXTURE), 'utf8')) as ModelManifest
  onnx = await readFile(new URL('model.onnx', FIXTURE))
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'models-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Writes an artifact and gives its folder. */
async function artifact(name: string, over: Partial<ModelManifest> = {}, by = publisher): Promise<string> {
  const path = join(folder, name)
  await makeFolder(path)
  const manifest = new TextEncoder().encode(JSON.stringify({ ...original, ...over }))
  const signature = await by.sign(pae('application/vnd.mystranet.detector-model.v1+json', manifest))
  await writeFile(join(path, 'model.onnx'), onnx)
  await writeFile(join(path, 'manifest.json'), manifest)
  await writeFile(join(path, 'manifest.sig'), `${toHex(signature)}\n`)
  return path
}

async function open(shipped: string) {
  const seen: Observation[] = []
  const told: FindingDraft[] = []
  const faults: unknown[] = []
  const models = await openDetectorModels({
    folder: join(folder, 'kept'),
    expected: [
      {
        id: ID,
        extractor: original.extractor,
        features: original.features.map(({ name }) => name),
        thresholds: [['odd', 'fpr-5e-2']],
      },
    ],
    publishers: { [ID]: [toHex(publisher.publicKey)] },
    shipped: () => pathToFileURL(`${shipped}/`),
    observe: (observation) => seen.push(observation),
    tell: async (draft) => void told.push(draft),
    onFault: (error) => faults.push(error),
    onServer: () => undefined,
  })
  /** Live rows: those of the golden vectors, again and again. */
  const serve = async (rows: number) => {
    const server = models.server(ID)
    if (server === undefined) throw new Error('none serves')
    for (let i = 0; i < rows; i++) {
      const row = Float32Array.from(original.golden[i % 100]?.features ?? [], (value) => value ?? Number.NaN)
      await server.score(row, 1)
    }
    await server.settled()
    await models.kept()
  }
  return { models, seen, told, faults, serve, state: () => models.list()[0] }
}

const shadow = { rows: 20, meanDifference: 0.01, flips: 0.05 }

describe('the models of a detector', () => {
  it('serves what the release brings, and has none where it brings none', async () => {
    const { models, state, seen } = await open(await artifact('first'))
    expect(state()).toEqual({ id: ID, version: '1.0.0', candidate: undefined })
    const [threshold] = original.thresholds
    expect(models.bounds().get(`${ID}/odd/fpr-5e-2`)).toMatchObject({
      standard: threshold?.at,
      least: threshold?.low,
      most: threshold?.high,
    })
    const none = await open(join(folder, 'nothing'))
    expect(none.state()).toEqual({ id: ID, version: undefined, candidate: undefined })
    expect([none.models.bounds().size, none.models.server(ID), seen, none.seen]).toEqual([0, undefined, [], []])
  })

  const last = (text: string) => `${text.slice(0, -1)}${text.at(-1) === '0' ? '1' : '0'}`
  it.each<[string, string, () => Promise<string>]>([
    ['a signature by somebody else', 'SIGNATURE_INVALID', () => artifact('bad', {}, stranger)],
    ['another digest', 'MODEL_DIGEST_MISMATCH', () => artifact('bad', { onnxSha256: last(original.onnxSha256) })],
    [
      'golden vectors that it does not give',
      'MODEL_GOLDEN_MISMATCH',
      () => artifact('bad', { golden: original.golden.map((each) => ({ ...each, margin: each.margin + 1 })) }),
    ],
    [
      'its features in another order',
      'MODEL_FEATURES_MISMATCH',
      () => artifact('bad', { features: original.features.toReversed() }),
    ],
    [
      'another extractor',
      'MODEL_FEATURES_MISMATCH',
      () => artifact('bad', { extractor: { name: 'other', version: '1' } }),
    ],
    [
      'a manifest that was changed after it was signed',
      'SIGNATURE_INVALID',
      async () => {
        const path = await artifact('bad')
        const file = join(path, 'manifest.json')
        await writeFile(file, (await readFile(file, 'utf8')).replace('"1.0.0"', '"9.0.0"'))
        return path
      },
    ],
  ])('refuses a model with %s: it is a finding, and the old one goes on', async (_, code, bad) => {
    const { models, state, seen, told, serve } = await open(await artifact('first', { shadow }))
    await expect(bad().then(models.offer)).rejects.toMatchObject({ code })
    expect(state()).toEqual({ id: ID, version: '1.0.0', candidate: undefined })
    expect(seen).toMatchObject([
      { type: 'model.refused', source: ID, severity: 8, detail: { code }, modelVersion: `${ID}@1.0.0` },
    ])
    await serve(30)
    expect([state()?.version, told]).toEqual(['1.0.0', []])
    // Offered again it is the same finding.
    await expect(bad().then(models.offer)).rejects.toMatchObject({ code })
    expect(seen[1]?.once).toBe(seen[0]?.once)
    // Nor is it there after a restart.
    expect((await open(join(folder, 'first'))).state()?.version).toBe('1.0.0')
  })

  it('serves a new version once live rows agree, says so, and finds it again after a restart', async () => {
    const first = await artifact('first', { shadow })
    const { models, state, serve, told, seen, faults } = await open(first)
    expect(await models.offer(await artifact('second', { version: '1.1.0', shadow }))).toEqual({
      id: ID,
      version: '1.0.0',
      candidate: '1.1.0',
    })
    await serve(19)
    expect(state()?.version).toBe('1.0.0')
    await serve(1)
    expect(state()).toEqual({ id: ID, version: '1.1.0', candidate: undefined })
    expect(told).toMatchObject([{ topic: 'ai.policy.v1', type: 'serve-model', source: ID }])
    expect([seen, faults]).toEqual([[], []])
    expect((await open(first)).state()?.version).toBe('1.1.0')
  })

  it('rolls back a version that decides otherwise on live rows: it is a finding, and the old one goes on', async () => {
    const first = await artifact('first', { shadow })
    const { models, state, serve, told } = await open(first)
    const [threshold] = original.thresholds
    if (threshold === undefined) throw new Error('no threshold')
    const always = { ...threshold, at: 0, low: 0 }
    await models.offer(await artifact('eager', { version: '2.0.0', thresholds: [always], shadow }))
    await serve(30)
    expect(state()).toEqual({ id: ID, version: '1.0.0', candidate: undefined })
    expect(told).toMatchObject([{ topic: 'ai.policy.v1', type: 'roll-back-model' }])
    const [draft] = told
    const said = draft?.topic === 'ai.policy.v1' ? JSON.parse(new TextDecoder().decode(draft.fields.params)) : {}
    expect(said).toMatchObject({
      id: ID,
      version: '2.0.0',
      serving: '1.0.0',
      why: expect.stringContaining('decides otherwise'),
    })
    expect((await open(first)).state()?.version).toBe('1.0.0')
  })

  it('keeps the candidate in the shadow when another is refused, and tells each by its own name', async () => {
    const { models, state, serve, told, seen } = await open(await artifact('first', { shadow }))
    await models.offer(await artifact('second', { version: '1.1.0', shadow }))
    await expect(artifact('bad', { version: '3.0.0' }, stranger).then(models.offer)).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    })
    expect(state()?.candidate).toBe('1.1.0')
    await serve(20)
    expect([state()?.version, seen.length]).toEqual(['1.1.0', 1])
    expect(told).toMatchObject([{ type: 'serve-model' }])
  })

  it('falls back to what the release brings when what was kept is damaged, and says so', async () => {
    const first = await artifact('first', { shadow })
    const { models, serve } = await open(first)
    await models.offer(await artifact('second', { version: '1.1.0', shadow }))
    await serve(20)
    const { folder: name } = JSON.parse(await readFile(join(folder, 'kept', `${ID}.json`), 'utf8')) as {
      folder: string
    }
    await writeFile(join(folder, 'kept', name, 'model.onnx'), onnx.subarray(0, 100))
    const again = await open(first)
    expect(again.state()?.version).toBe('1.0.0')
    expect(again.seen).toMatchObject([{ type: 'model.refused', detail: { code: 'MODEL_DIGEST_MISMATCH' } }])
    await writeFile(join(folder, 'kept', `${ID}.json`), '{')
    expect((await open(first)).state()?.version).toBe('1.0.0')
  })

  it('serves the first model at once where none did, and names none that it does not know', async () => {
    const { models, state, seen } = await open(join(folder, 'nothing'))
    await expect(models.offer(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(artifact('other', { id: 'other' }).then(models.offer)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(seen).toMatchObject([{ type: 'model.refused', source: 'other', detail: { code: 'NOT_FOUND' } }])
    expect(await models.offer(await artifact('first'))).toEqual({ id: ID, version: '1.0.0', candidate: undefined })
    expect(state()?.version).toBe('1.0.0')
    expect((await open(join(folder, 'nothing'))).state()?.version).toBe('1.0.0')
  })
})
