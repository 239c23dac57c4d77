import { expect, it } from 'vitest'
import { fittedRefusal, labelledAnswers } from '../../training/prompt/fit-refusal.ts'
import { isRefusal, refusalFeatures } from './refusal.ts'
import { REFUSAL } from './refusal-weights.ts'

it('has the weights that its script fits on the labelled answers', () => {
  expect(fittedRefusal()).toEqual(REFUSAL)
})

it('has the stated error on answers that it was not fitted on', () => {
  const { fit, heldOut } = labelledAnswers()
  const texts = new Set(fit.map(({ text }) => text))
  expect(heldOut.filter(({ text }) => texts.has(text))).toEqual([])
  const wrong = heldOut.filter(({ text, refusal }) => isRefusal(text) !== refusal)
  const { refusalsMissed, answersTakenForRefusals } = REFUSAL.heldOut
  expect(wrong.filter(({ refusal }) => refusal)).toHaveLength(refusalsMissed.wrong)
  expect(wrong.filter(({ refusal }) => !refusal)).toHaveLength(answersTakenForRefusals.wrong)
  expect(wrong.length / heldOut.length).toBeLessThan(0.1)
})

it('reads the beginning of an answer only, and any apostrophe', () => {
  expect(isRefusal('I can’t help with that.')).toBe(true)
  expect(isRefusal(`${'The tide comes in. '.repeat(20)} I can't help with that.`)).toBe(false)
  expect(isRefusal('')).toBe(false)
})

it('is quick on a long answer', () => {
  const startedMs = performance.now()
  refusalFeatures(`${'i cannot '.repeat(20_000)}`)
  refusalFeatures(`${"sorry i'm not ".repeat(20_000)}`)
  // A second of a busy machine; were it quadratic, minutes.
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})
