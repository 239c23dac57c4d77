import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyVote } from './feedback-store.contract.ts'
import {
  type Bound,
  boundsOf,
  DAILY_DECAY,
  STANDING,
  standingOf,
  TUNING_DAYS,
  thresholdOf,
  tuningSince,
  type Vote,
} from './tuning.ts'

const DAY_MS = 86_400_000
const BOUND: Bound = { standard: 0.5, least: 0.4, most: 0.7, stepPerDay: 0.05 }

let ids = 0
const vote = (voter: string, day: number, says: Vote['says'] = 'overruled', about = `f${++ids}`): Vote => ({
  tunes: 'flood/syn',
  voter,
  about,
  atMs: day * DAY_MS,
  says,
  id: `${++ids}`,
})
const days = (count: number, each: (day: number) => readonly Vote[]) =>
  Array.from({ length: count }, (_, day) => each(day)).flat()

describe('thresholdOf', () => {
  it('moves by a step a day at most, however many words one reviewer says', () => {
    const many = Array.from({ length: 1_000 }, () => vote('ann', 0))
    expect(thresholdOf(BOUND, many, 0)).toBeCloseTo(0.55, 12)
    expect(thresholdOf(BOUND, [vote('ann', 0)], 0)).toBeCloseTo(0.55, 12)
    expect(thresholdOf(BOUND, [vote('ann', 0, 'confirmed')], 0)).toBeCloseTo(0.475, 12)
  })

  it('falls back to the default when nobody speaks: half of the way in a week', () => {
    const said = [vote('ann', 0)]
    expect(thresholdOf(BOUND, said, 7 * DAY_MS)).toBeCloseTo(0.525, 12)
    expect(thresholdOf(BOUND, said, (TUNING_DAYS - 1) * DAY_MS) - 0.5).toBeGreaterThan(0)
    expect(thresholdOf(BOUND, said, TUNING_DAYS * DAY_MS)).toBe(0.5)
    expect(tuningSince((TUNING_DAYS - 1) * DAY_MS + 5)).toBe(0)
  })

  it('a poisoned minority of reviewers moves nothing; a majority, and all of them, no further than the bounds', () => {
    const honest = ['ann', 'bea', 'cyd']
    const quiet = honest.map((one) => vote(one, 0, 'confirmed'))
    const minority = [...quiet, vote('mal', 0), vote('mel', 0)]
    expect(thresholdOf(BOUND, minority, 0)).toBe(thresholdOf(BOUND, quiet, 0))
    const majority = days(50, (day) => [vote('ann', day, 'confirmed'), vote('mal', day), vote('mel', day)])
    expect(thresholdOf(BOUND, majority, 49 * DAY_MS)).toBe(BOUND.most)
    const down = days(50, (day) => honest.map((one) => vote(one, day, 'confirmed')))
    expect(thresholdOf(BOUND, down, 49 * DAY_MS)).toBe(BOUND.least)
  })

  it('counts the last word of a reviewer about a finding, and no word of days to come', () => {
    const taken = [vote('ann', 1, 'overruled', 'x'), vote('ann', 2, 'confirmed', 'x')]
    expect(thresholdOf(BOUND, taken, 1 * DAY_MS)).toBe(0.5)
    expect(thresholdOf(BOUND, taken, 2 * DAY_MS)).toBeCloseTo(0.475, 12)
  })

  it('refuses a bound that contradicts itself', () => {
    for (const wrong of [{ least: 0.6 }, { most: 0.4 }, { stepPerDay: -1 }, { standard: Number.NaN }]) {
      expect(() => thresholdOf({ ...BOUND, ...wrong }, [], 0)).toThrow(/Cannot tune a threshold/)
    }
  })

  const anyBound = fc
    .tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 10, noNaN: true }),
    )
    .map(([a, b, c, stepPerDay]) => {
      const [least, standard, most] = [a, b, c].toSorted((x, y) => x - y) as [number, number, number]
      return { least, standard, most, stepPerDay }
    })

  it('no sequence of words moves a threshold beyond its bounds, or away from its default by more than a step a day', () => {
    const words = fc.array(anyVote, { maxLength: 200 })
    fc.assert(
      fc.property(anyBound, words, fc.integer({ min: 1, max: 60 }), (bound, votes, day) => {
        const [before, now] = [day - 1, day].map((each) => thresholdOf(bound, votes, each * DAY_MS)) as [number, number]
        expect(now).toBeGreaterThanOrEqual(bound.least)
        expect(now).toBeLessThanOrEqual(bound.most)
        const rest = bound.standard + (before - bound.standard) * DAILY_DECAY
        expect(Math.abs(now - rest)).toBeLessThanOrEqual(bound.stepPerDay + 1e-9)
      }),
      { seed: 11, numRuns: 300 },
    )
  })

  it('is the same for the same words in whatever order', () => {
    const words = fc.uniqueArray(anyVote, {
      maxLength: 60,
      selector: ({ voter, about, atMs, id }) => `${voter} ${about} ${atMs} ${id}`,
    })
    fc.assert(
      fc.property(words, fc.integer({ min: 0, max: 45 }), (votes, day) => {
        expect(thresholdOf(BOUND, votes.toReversed(), day * DAY_MS)).toBe(thresholdOf(BOUND, votes, day * DAY_MS))
      }),
      { seed: 12, numRuns: 200 },
    )
  })
})

describe('boundsOf', () => {
  it('takes the bounds of the signed manifest, and a twentieth of their span as the step', () => {
    const manifest = { id: 'flood', thresholds: [{ class: 'syn', name: 'strict', at: 0.5, low: 0.4, high: 0.8 }] }
    const bounds = boundsOf(manifest)
    expect([...bounds.keys()]).toEqual(['flood/syn/strict'])
    const bound = bounds.get('flood/syn/strict') as Bound
    expect(bound).toMatchObject({ standard: 0.5, least: 0.4, most: 0.8 })
    expect(bound.stepPerDay).toBeCloseTo(0.02, 12)
  })
})

describe('standingOf', () => {
  const score = (day: number, value: number) => ({ subject: 'x', score: value, atMs: day * DAY_MS, id: '1' })

  it('follows what the nexus says, by a step a day, within its bounds, and falls back', () => {
    const low = Array.from({ length: 30 }, (_, day) => score(day, 0))
    expect(standingOf('x', low, 0)).toBeCloseTo(0.4, 12)
    expect(standingOf('x', low, 29 * DAY_MS)).toBe(STANDING.least)
    expect(standingOf('y', low, 0)).toBe(0.5)
    expect(standingOf('x', [score(0, 1)], 7 * DAY_MS)).toBeCloseTo(0.55, 12)
    expect(standingOf('x', [score(0, 0.45)], 0)).toBeCloseTo(0.45, 12)
  })

  it('takes the last score of a day', () => {
    const scores = [score(0, 1), { ...score(0, 0), atMs: 5 }, { ...score(0, 1), atMs: 4 }]
    expect(standingOf('x', scores, 0)).toBeCloseTo(0.4, 12)
  })
})
