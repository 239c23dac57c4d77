/**
 * Rows a second of the two scorers, beside onnxruntime's own build: one model, one process, one thread.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { contest, ratioOf, round } from '../../../bench/contest.ts'
import type { Measured } from '../../../bench/table.ts'
import { onnxScorer } from '../src/adapters/onnxruntime-web.ts'
import { readOnnx } from '../src/model/onnx.ts'
import type { Scorer, Scores } from '../src/model/scorer.ts'
import { treeScorer } from '../src/model/tree-scorer.ts'
import { boosted, onnxFile, type TreeSpec } from '../test/onnx-file.ts'
import { seeded } from '../test/seeded.ts'

const PEER = 'onnxruntime-node'
const TREES = 200
const LEAVES = 31
const COLUMNS = 45
const ROWS = 1024
/** Of 100 values so many are missing. */
const MISSING = 10
const PAIRS = 60

/** A tree grown leaf by leaf at random places, as deep and uneven as boosting makes them. */
function tree(random: () => number, leaves: number): TreeSpec {
  if (leaves === 1) return random() - 0.5
  const low = 1 + Math.floor(random() * (leaves - 1))
  return {
    column: Math.floor(random() * COLUMNS),
    threshold: Math.fround((random() - 0.5) * 2),
    nanLow: random() < 0.5,
    low: tree(random, low),
    high: tree(random, leaves - low),
  }
}

/** Batches of 1,024 rows by `treeScorer` and by onnxruntime-node; by onnxruntime-web, and row by row, in the note. */
export async function scorerVsOrt(): Promise<Measured> {
  const random = seeded(1)
  const forest = Array.from({ length: TREES }, () => tree(random, LEAVES))
  const file = onnxFile(boosted(forest, COLUMNS))
  const rows = Float32Array.from({ length: ROWS * COLUMNS }, () =>
    random() * 100 < MISSING ? Number.NaN : (random() - 0.5) * 4,
  )
  const ours = treeScorer(readOnnx(file))
  const web = await onnxScorer(file, COLUMNS)
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const theirs: Scorer['score'] = async (some, count) => {
    const { margin, probability } = await session.run({ features: new Tensor('float32', some, [count, COLUMNS]) })
    return { margin: margin?.data as Float32Array, probability: probability?.data as Float32Array }
  }
  checkAgree(await ours.score(rows, ROWS), await theirs(rows, ROWS))
  const versus = (score: Scorer['score']) =>
    contest({
      ours: () => score(rows, ROWS),
      theirs: () => theirs(rows, ROWS),
      ourBatch: 1,
      theirBatch: 1,
      pairs: PAIRS,
    })
  const batch = await versus(ours.score)
  const onWeb = await versus(web.score)
  // Every row in turn: a row that comes again and again would be one that the processor has learnt by heart.
  const each = (score: Scorer['score']) => async () => {
    for (let row = 0; row < ROWS; row++) await score(rows.subarray(row * COLUMNS, (row + 1) * COLUMNS), 1)
  }
  const single = await contest({ ours: each(ours.score), theirs: each(theirs), ourBatch: 1, theirBatch: 1, pairs: 10 })
  await web.release()
  await session.release()
  const rate = (us: number) => `${Math.round((ROWS / us) * 1e3)} k`
  const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const what =
    `batches of ${ROWS} rows, ${COLUMNS} features, ${MISSING} % missing, ${TREES} trees of ${LEAVES} leaves; rows/s: ours ` +
    `${rate(batch.oursUs.median)}, peer ${rate(batch.theirsUs.median)}, onnxruntime-web ${rate(onWeb.oursUs.median)} ` +
    `(${round(onWeb.ratio.median)} of the peer); row by row ours ${round(single.ratio.median)} of the peer`
  return ratioOf(batch, [PEER, devDependencies[PEER] ?? ''], what)
}

/** A ratio of two scorers that compute different things would say nothing. */
function checkAgree(a: Scores, b: Scores): void {
  const near = (x: number, y: number) => Math.abs(x - y) <= 1e-6 * Math.max(1, Math.abs(y))
  const agree =
    a.margin.every((x, at) => near(x, b.margin[at]!)) && a.probability.every((x, at) => near(x, b.probability[at]!))
  if (!agree) throw new Error('Cannot compare the scorers: they disagree, wanted scores within 1e-6')
}
