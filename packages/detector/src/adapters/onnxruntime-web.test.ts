import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seeded } from '../../test/seeded.ts'
import { readOnnx } from '../model/onnx.ts'
import { scorerContract } from '../model/scorer.contract.ts'
import { treeScorer } from '../model/tree-scorer.ts'
import { onnxScorer } from './onnxruntime-web.ts'

const ROWS = 2000
const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]

describe('onnxScorer', () => {
  scorerContract(onnxScorer, 40)

  it('refuses what is no ONNX file', async () => {
    await expect(onnxScorer(Uint8Array.of(1, 2, 3), 1)).rejects.toMatchObject({ code: 'MODEL_GRAPH_UNSUPPORTED' })
  })
})

describe.each(['boosted', 'isolated'])('the two scorers of the model %s', (model) => {
  it('are within 1e-6 of each other', async () => {
    const path = new URL(`../../test/fixture/model/${model}/model.onnx`, import.meta.url)
    const bytes = new Uint8Array(readFileSync(path))
    const graph = readOnnx(bytes)
    const random = seeded(3)
    // The thresholds of every ensemble, some of which read the margin: equal values are where scorers part.
    const thresholds = graph.steps.flatMap((step) => (step.kind === 'trees' ? [...step.ensemble.value] : []))
    const rows = Float32Array.from({ length: ROWS * graph.featureCount }, () => {
      const kind = random()
      if (kind < 0.15) return ODD[Math.floor(random() * ODD.length)]!
      return kind < 0.5 ? thresholds[Math.floor(random() * thresholds.length)]! : (random() - 0.5) * 6
    })
    const [ours, theirs] = [treeScorer(graph), await onnxScorer(bytes, graph.featureCount)]
    const [a, b] = [await ours.score(rows, ROWS), await theirs.score(rows, ROWS)]
    for (let at = 0; at < ROWS; at++) {
      expect(Math.abs(a.margin[at]! - b.margin[at]!)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(b.margin[at]!)))
      expect(Math.abs(a.probability[at]! - b.probability[at]!)).toBeLessThanOrEqual(1e-6)
    }
    expect(new Set(a.margin).size).toBeGreaterThan(50)
    await theirs.release()
  })
})
