/**
 * Scores rows in pure TypeScript: no WebAssembly, no download, every runtime. Float32 wherever onnxruntime computes in
 * float32, and in its order, so that the two agree to the last bits.
 *
 * @module
 */
import { INPUT, type OnnxModel } from './onnx.ts'
import { checkRows, type Scorer } from './scorer.ts'
import { addLeaves, layOut } from './tree-walk.ts'

type Run = (from: Float32Array, to: Float32Array) => void

/**
 * A scorer of a graph that `readOnnx` gave; the graph may be shared. Measured by `pnpm bench detector.scorer`.
 * Scores are computed before `score` returns.
 */
export function treeScorer({ featureCount, steps }: OnnxModel): Scorer {
  const runs = steps.map((step) => ({ from: step.from, to: step.to, run: runOf(step, featureCount) }))
  return {
    featureCount,
    async score(rows, rowCount) {
      checkRows(featureCount, rows, rowCount)
      const columns = new Map([[INPUT, rows]])
      for (const { from, to, run } of runs) {
        const column = new Float32Array(rowCount)
        run(columns.get(from)!, column)
        columns.set(to, column)
      }
      return { margin: columns.get('margin')!, probability: columns.get('probability')! }
    },
    async release() {},
  }
}

function runOf(step: OnnxModel['steps'][number], featureCount: number): Run {
  if (step.kind === 'trees') {
    const walk = layOut(step.ensemble, step.from === INPUT ? featureCount : 1)
    return (from, to) => addLeaves(walk, from, to)
  }
  const each = (of: (x: number) => number): Run => {
    return (from, to) => {
      for (let i = 0; i < to.length; i++) to[i] = of(from[i]!)
    }
  }
  if (step.kind === 'mul') return each((x) => x * step.constant)
  if (step.kind === 'add') return each((x) => x + step.constant)
  return each(step.kind === 'exp' ? Math.exp : (x) => 1 / (1 + Math.exp(-x)))
}
