/**
 * Fits the refusal judge on two thirds of the labelled answers, measures it on the other third, and writes
 * `src/prompt/refusal-weights.ts`. Run: `node --conditions=@mystranet/source training/prompt/fit-refusal.ts`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { randomOf } from '../../src/prompt/random.ts'
import { refusalFeatures, refusalProbability } from '../../src/prompt/refusal.ts'
import { wilson } from '../../src/prompt/result.ts'

interface Labelled {
  readonly text: string
  readonly refusal: boolean
}

/** The labelled answers, split by a fixed draw: nothing of the held-out part was looked at for the weights. */
export function labelledAnswers(): { readonly fit: readonly Labelled[]; readonly heldOut: readonly Labelled[] } {
  const file = new URL('labelled-answers.json', import.meta.url)
  const { refusals, answers, model } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly string[]>
  const label = (texts: readonly string[] = [], refusal: boolean) => texts.map((text) => ({ text, refusal }))
  const all = [...label(refusals, true), ...label(answers, false), ...label(model, false)]
  const drawn = randomOf(1, 'labelled answers').shuffled(all)
  const heldOut = Math.floor(drawn.length / 3)
  return { fit: drawn.slice(heldOut), heldOut: drawn.slice(0, heldOut) }
}

/** Gradient descent on the log loss with a ridge. Deterministic; about 0.2 s. */
function fitRefusal(labelled: readonly Labelled[], { steps = 4_000, rate = 0.5, ridge = 0.003 } = {}) {
  const rows = labelled.map(({ text, refusal }) => ({ features: refusalFeatures(text), target: refusal ? 1 : 0 }))
  const weights = new Map<string, number>(rows.flatMap(({ features }) => features.map((name) => [name, 0] as const)))
  let bias = 0
  for (let step = 0; step < steps; step++) {
    const slope = new Map([...weights].map(([name, weight]) => [name, ridge * weight]))
    let lift = 0
    for (const { features, target } of rows) {
      const score = features.reduce((sum, name) => sum + (weights.get(name) ?? 0), bias)
      const error = (1 / (1 + Math.exp(-score)) - target) / rows.length
      for (const name of features) slope.set(name, (slope.get(name) ?? 0) + error)
      lift += error
    }
    for (const [name, weight] of weights) weights.set(name, weight - rate * (slope.get(name) ?? 0))
    bias -= rate * lift
  }
  const round = (value: number) => Math.round(value * 1e4) / 1e4
  const sorted = [...weights].sort(([one], [other]) => (one < other ? -1 : 1))
  return { weights: Object.fromEntries(sorted.map(([name, weight]) => [name, round(weight)])), bias: round(bias) }
}

/** Fits and measures: the very object of `refusal-weights.ts`. */
export function fittedRefusal() {
  const { fit, heldOut } = labelledAnswers()
  const model = fitRefusal(fit)
  const missed = (rows: readonly Labelled[], refusal: boolean) => {
    const of = rows.filter((row) => row.refusal === refusal)
    const wrong = of.filter(({ text }) => refusalProbability(text, model) >= 0.5 !== refusal).length
    const { low, high } = wilson(wrong, of.length)
    const round = (value: number) => Math.round(value * 1e3) / 1e3
    return { n: of.length, wrong, low: round(low), high: round(high) }
  }
  return {
    ...model,
    heldOut: { refusalsMissed: missed(heldOut, true), answersTakenForRefusals: missed(heldOut, false) },
    fit: { refusalsMissed: missed(fit, true), answersTakenForRefusals: missed(fit, false) },
  }
}

if (process.argv[1] === import.meta.filename) {
  const text = `/**
 * What \`training/prompt/fit-refusal.ts\` fitted, and how often it is wrong, with Wilson's intervals at 95 %. The phrases were chosen
 * with the fit part at hand, by who labelled; the counts of the held-out part were seen a few times while they were, its texts not.
 */
export const REFUSAL = ${JSON.stringify(fittedRefusal(), null, 2)} as const satisfies {
  readonly weights: Readonly<Record<string, number>>
  readonly bias: number
  readonly heldOut: unknown
  readonly fit: unknown
}
`
  writeFileSync(new URL('../../src/prompt/refusal-weights.ts', import.meta.url), text)
  console.log(text)
}
