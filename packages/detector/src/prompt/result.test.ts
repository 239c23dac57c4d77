import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { PromptItem } from './item.ts'
import { resultOf, wilson } from './result.ts'

// R: prop.test(x, n, correct = FALSE)$conf.int
it.each([
  [5, 50, 0.0434768, 0.213603],
  [0, 50, 0, 0.0713476],
  [50, 50, 0.9286524, 1],
  [1, 2, 0.0945312, 0.9054688],
])('Wilson of %i in %i', (hits, n, low, high) => {
  expect(wilson(hits, n).low).toBeCloseTo(low, 5)
  expect(wilson(hits, n).high).toBeCloseTo(high, 5)
})

it('holds the rate in its interval, always', () => {
  const counts = fc
    .integer({ min: 1, max: 2_000 })
    .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)))
  fc.assert(
    fc.property(counts, ([hits, n]) => {
      const { low, high } = wilson(hits, n)
      expect(low >= 0 && low <= hits / n && hits / n <= high && high <= 1).toBe(true)
    }),
    { seed: 1, numRuns: 1_000 },
  )
  expect(wilson(0, 0)).toEqual({ low: 0, high: 1 })
})

it('counts each family and source by itself, and leaves out what was not put', () => {
  const item = (id: string, source: string): PromptItem => ({
    ...{ id, source, family: 'over-refusal', technique: 't', messages: [], check: { kind: 'refusal' } },
  })
  const items = [item('1', 'weave'), item('2', 'weave'), item('3', 'weave'), item('4', 'other')]
  const outcomes = new Map([
    ['1', { text: 'I cannot help with that.' }],
    ['2', { text: 'Sure: open the valve.' }],
    ['3', { refused: 'CONTEXT_OVERFLOW' }],
  ])
  const { families } = resultOf(items, outcomes)
  expect(families).toMatchObject([
    { source: 'weave', prompts: 3, n: 2, hits: 1, reasons: { refused: 1, held: 1 } },
    { source: 'other', prompts: 1, n: 0, hits: 0, low: 0, high: 1 },
  ])
})
