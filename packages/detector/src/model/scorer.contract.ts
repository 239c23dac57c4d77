import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boosted, onnxFile, type TreeSpec } from '../../test/onnx-file.ts'
import { parseManifest } from './manifest.ts'
import type { Scorer } from './scorer.ts'

const file = (model: string, name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/fixture/model/${model}/${name}`, import.meta.url)))

const COLUMNS = 3
/** Few values, so that rows often hold a threshold itself. */
const VALUES = [-2.5, -1, Math.fround(-0.1), 0, Math.fround(1e-40), 0.5, 1, Math.fround(3.4e38)]
const value = fc.constantFrom(...VALUES, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)

const { tree } = fc.letrec<{ tree: TreeSpec }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.float({ min: -4, max: 4, noNaN: true }),
    fc.record({
      column: fc.nat(COLUMNS - 1),
      threshold: fc.constantFrom(...VALUES),
      nanLow: fc.boolean(),
      low: tie('tree'),
      high: tie('tree'),
    }),
  ),
}))

function leafOf(spec: TreeSpec, row: readonly number[]): number {
  if (typeof spec === 'number') return spec
  const x = row[spec.column]!
  return leafOf((Number.isNaN(x) ? spec.nanLow : x <= spec.threshold) ? spec.low : spec.high, row)
}

/** What every `Scorer` holds. @param open A scorer of this file, which `readOnnx` accepts. */
export function scorerContract(open: (bytes: Uint8Array, featureCount: number) => Promise<Scorer>, runs: number): void {
  describe.each(['boosted', 'isolated'])('of the model %s', (model) => {
    const { golden, features } = parseManifest(file(model, 'manifest.json'))
    const rows = Float32Array.from(golden.flatMap((vector) => vector.features.map((x) => x ?? Number.NaN)))
    const opened = () => open(file(model, 'model.onnx'), features.length)

    it('gives what its publisher saw, to 1e-6', async () => {
      const scorer = await opened()
      const { margin, probability } = await scorer.score(rows, golden.length)
      expect(margin).toHaveLength(golden.length)
      for (const [at, vector] of golden.entries()) {
        expect(Math.abs(margin[at]! - vector.margin)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(vector.margin)))
        expect(Math.abs(probability[at]! - vector.probability)).toBeLessThanOrEqual(1e-6)
      }
      await scorer.release()
    })

    it('gives a row the same scores, whatever stands beside it and however many', async () => {
      const scorer = await opened()
      const whole = await scorer.score(rows, golden.length)
      for (const count of [1, 2, 3, 5, 64, 65]) {
        const part = await scorer.score(rows.subarray(0, count * features.length), count)
        expect(part.margin).toEqual(whole.margin.subarray(0, count))
        expect(part.probability).toEqual(whole.probability.subarray(0, count))
      }
      await scorer.release()
    })
  })

  it('sends each value where the tree says: thresholds themselves, NaN, infinities and -0 too', async () => {
    const rows = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { minLength: 1, maxLength: 6 }), rows, async (forest, given) => {
        const scorer = await open(onnxFile(boosted(forest, COLUMNS)), COLUMNS)
        const { margin, probability } = await scorer.score(Float32Array.from(given.flat()), given.length)
        await scorer.release()
        for (const [at, row] of given.entries()) {
          const wanted = forest.reduce<number>((sum, spec) => Math.fround(sum + leafOf(spec, row)), 0)
          expect(Math.abs(margin[at]! - wanted)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(wanted)))
          expect(Math.abs(probability[at]! - 1 / (1 + Math.exp(0.25 - 0.5 * wanted)))).toBeLessThanOrEqual(1e-6)
        }
      }),
      { numRuns: runs, seed: 7 },
    )
  })

  describe('of a tree with one split', () => {
    const split: TreeSpec = { column: 0, threshold: 1, nanLow: false, low: -1, high: 1 }
    const opened = () => open(onnxFile(boosted([split], 1)), 1)

    it('gives nothing for no rows', async () => {
      expect(await (await opened()).score(new Float32Array(0), 0)).toEqual({
        margin: new Float32Array(0),
        probability: new Float32Array(0),
      })
    })

    it('answers calls that overlap, each its own', async () => {
      const scorer = await opened()
      const inputs = Array.from({ length: 8 }, (_, at) => Float32Array.of(at))
      const answers = await Promise.all(inputs.map((rows) => scorer.score(rows, 1)))
      expect(answers.map(({ margin }) => margin[0])).toEqual([-1, -1, 1, 1, 1, 1, 1, 1])
    })

    it('has read the rows when it returns', async () => {
      const scorer = await opened()
      const rows = Float32Array.of(5)
      const first = scorer.score(rows, 1)
      const second = scorer.score(rows, 1)
      rows[0] = 0
      expect([(await first).margin[0], (await second).margin[0]]).toEqual([1, 1])
    })

    it('refuses rows that do not fit their count', async () => {
      const scorer = await opened()
      await expect(scorer.score(new Float32Array(3), 2)).rejects.toThrow(TypeError)
      await expect(scorer.score(new Float32Array(0), -1)).rejects.toThrow(RangeError)
      await expect(scorer.score(new Float32Array(1), 0.5)).rejects.toThrow(RangeError)
    })
  })
}
