/**
 * Scores rows with onnxruntime's WebAssembly build, in one thread. An optional peer: `npm install onnxruntime-web`, which
 * brings 13 MB that `treeScorer` does without. For graphs that are not ours, or to check that one against the other.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import { checkRows, type Scorer } from '../model/scorer.ts'

/**
 * Starts the runtime, once a process, and a session.
 *
 * @param bytes A file that `readOnnx` accepts and whose digest was checked: the runtime is not made for hostile ones.
 * @throws {DetectorError} `MODEL_UNAVAILABLE` when onnxruntime-web is not installed or does not start;
 * `MODEL_GRAPH_UNSUPPORTED` when it refuses the file.
 */
export async function onnxScorer(bytes: Uint8Array, featureCount: number): Promise<Scorer> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web/wasm').catch((cause: unknown) => {
    throw new DetectorError('MODEL_UNAVAILABLE', 'Cannot load onnxruntime-web: it is not here, wanted installed', {
      cause,
    })
  })
  env.wasm.numThreads = 1
  const session = await InferenceSession.create(bytes, { executionProviders: ['wasm'] }).catch((cause: unknown) => {
    throw new DetectorError('MODEL_GRAPH_UNSUPPORTED', 'Cannot open the ONNX model: onnxruntime-web refuses it', {
      cause,
    })
  })
  // The runtime runs one call at a time and fails a second one.
  let turn: Promise<unknown> = Promise.resolve()

  async function run(rows: Float32Array, rowCount: number) {
    const { margin, probability } = await session.run({
      features: new Tensor('float32', rows, [rowCount, featureCount]),
    })
    return { margin: floatsOf(margin?.data), probability: floatsOf(probability?.data) }
  }
  return {
    featureCount,
    async score(rows, rowCount) {
      checkRows(featureCount, rows, rowCount)
      if (rowCount === 0) return { margin: new Float32Array(0), probability: new Float32Array(0) }
      const own = rows.slice()
      const scores = turn.then(() => run(own, rowCount))
      turn = scores.catch(() => {})
      return scores
    },
    async release() {
      await turn
      await session.release()
    },
  }
}

function floatsOf(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data
  throw new DetectorError(
    'MODEL_GRAPH_UNSUPPORTED',
    'Cannot score: an output is no float32, wanted margin and probability',
  )
}
