import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadModel } from '../../model/load.ts'
import { parseManifest } from '../../model/manifest.ts'
import { PUBLISHERS } from '../../model/publisher.ts'
import { onnxScorer } from '../onnxruntime-web.ts'
import { readArtifact, shippedModel } from './model-folder.ts'

const MODELS = fileURLToPath(shippedModel('.'))
const SHIPPED = readdirSync(MODELS).filter((name) => statSync(`${MODELS}/${name}`).isDirectory())

describe('readArtifact', () => {
  it('refuses a folder without a model as NOT_FOUND', async () => {
    await expect(readArtifact(shippedModel('none'))).rejects.toMatchObject({ name: 'DetectorError', code: 'NOT_FOUND' })
  })

  it.runIf(process.platform === 'linux').each([
    ['a pipe', (path: string) => rmSync(path) ?? execFileSync('mkfifo', [path])],
    ['a device', (path: string) => rmSync(path) ?? symlinkSync('/dev/zero', path)],
    ['too large', (path: string) => truncateSync(path, 4 * 2 ** 20 + 1)],
  ])('refuses one of whose files is %s, at once', async (_, spoil) => {
    const folder = mkdtempSync(join(tmpdir(), 'model-folder-'))
    try {
      cpSync(shippedModel('l7'), folder, { recursive: true })
      const path = join(folder, 'manifest.json')
      spoil(path)
      const read = readArtifact(pathToFileURL(`${folder}/`))
      await expect(read).rejects.toMatchObject({ code: 'NOT_FOUND', cause: { name: 'RangeError' } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the models of this release', () => {
  it('are those whose publishers are pinned', () => {
    expect(SHIPPED.toSorted()).toEqual(Object.keys(PUBLISHERS).toSorted())
  })

  describe.each(SHIPPED)('%s', (id) => {
    it('is signed, whole, and gives its golden scores on both scorers', async () => {
      const artifact = await readArtifact(shippedModel(id))
      const { extractor, features } = parseManifest(artifact.manifest)
      const expected = { id, extractor, features: features.map(({ name }) => name) }
      expect((await loadModel(artifact, expected)).manifest.id).toBe(id)
      const { scorer } = await loadModel(artifact, expected, { scorerOf: onnxScorer })
      await scorer.release()
    })

    it('has a card, and takes at most 2 MB', () => {
      const files = ['model.onnx', 'manifest.json', 'manifest.sig', 'card.md'].map((name) => `${MODELS}/${id}/${name}`)
      expect(files.filter((file) => !existsSync(file))).toEqual([])
      const bytes = files.reduce((total, file) => total + readFileSync(file).length, 0)
      console.log(`${id}: ${bytes} B`)
      expect(bytes).toBeLessThanOrEqual(2_000_000)
    })
  })
})
