import { DetectorError } from '../../../packages/detector/src/errors.ts'
import { readOnnx } from '../../../packages/detector/src/model/onnx.ts'
import { treeScorer } from '../../../packages/detector/src/model/tree-scorer.ts'
import { FIXTURE } from '../../../packages/detector/test/artifact.ts'
import { boosted, ensemble, onnxFile, type TreeSpec, trees } from '../../../packages/detector/test/onnx-file.ts'
import { promise, type Target } from '../target.ts'

const SPLIT: TreeSpec = { column: 1, threshold: 1, nanLow: true, low: -1, high: 1 }
const DEEP: TreeSpec = { column: 0, threshold: 0, nanLow: false, low: SPLIT, high: { ...SPLIT, low: SPLIT } }
const ROWS = [
  [0, 0],
  [2, 2],
  [Number.NaN, Number.POSITIVE_INFINITY],
  [-2, 1],
  [1, Number.NaN],
] as const

/** A model's graph. What is accepted is scored: no row may leave its tree. */
export const target: Target = {
  name: 'detector-onnx',
  inputs: 100_000,
  codes: ['MODEL_GRAPH_UNSUPPORTED'],
  covers: ['detector/model/onnx.ts readOnnx', 'detector/model/onnx/message.ts readOnnxFile'],
  async open() {
    const steps = {
      nodes: [
        trees('features', 'margin', ensemble([DEEP])),
        { operator: 'Exp', inputs: ['margin'], outputs: ['probability'] },
      ],
    }
    return {
      manner: 'wire',
      seeds: [onnxFile(boosted([SPLIT, DEEP, 0.5], 2)), onnxFile(steps), FIXTURE.onnx],
      async run(input) {
        try {
          const graph = readOnnx(input)
          const rows = Float32Array.from({ length: ROWS.length * graph.featureCount }, (_, at) => ROWS.flat()[at % 10]!)
          const { margin, probability } = await treeScorer(graph).score(rows, ROWS.length)
          promise(margin.length === ROWS.length && probability.length === ROWS.length, 'a row has no score')
          return 'ok'
        } catch (error) {
          if (error instanceof DetectorError) return error.code
          throw error
        }
      },
    }
  },
}
