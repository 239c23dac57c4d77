import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelManifest } from '../model/manifest.ts'
import { decide, FLOOD_CLASSES, LOOSE, limitsOf, type Member, STRICT, type Vote, voteOf, WEIGHTS } from './vote.ts'

const votes = (of: Partial<Record<Member, number>>): Vote[] =>
  (['rules', 'trees', 'outlier'] as const).map((member) => ({
    member,
    vote: of[member] ?? 0,
    weight: WEIGHTS[member],
    score: 0,
  }))

const manifest = (strict: number, loose: number, output: 'margin' | 'probability' = 'margin') =>
  ({
    id: 'flood',
    thresholds: FLOOD_CLASSES.flatMap((of) => [
      { class: of, name: STRICT, fpr: 1e-3, output, at: strict, low: strict - 1, high: strict + 1 },
      { class: of, name: LOOSE, fpr: 1e-2, output, at: loose, low: loose - 1, high: loose + 1 },
    ]),
  }) as unknown as ModelManifest

describe('decide', () => {
  it.each<[Partial<Record<Member, number>>, string]>([
    [{}, 'clear'],
    [{ rules: 1 }, 'attack'],
    [{ trees: 1, outlier: 1 }, 'attack'],
    [{ trees: 1 }, 'unsure'],
    [{ outlier: 1 }, 'unsure'],
    [{ trees: 0.5, outlier: 0.5 }, 'unsure'],
    [{ trees: 0.5 }, 'clear'],
    [{ trees: 1, outlier: 0.5 }, 'unsure'],
  ])('of %j is %s', (of, verdict) => {
    expect(decide(votes(of)).verdict).toBe(verdict)
  })

  it('says why it abstains, and only then', () => {
    expect(decide(votes({ trees: 1 })).reason).toBe(
      'rules no, trees yes, outlier no: votes of 0.5, wanted 1 for an attack',
    )
    expect(decide(votes({ rules: 1 })).reason).toBeUndefined()
    expect(decide(votes({})).reason).toBeUndefined()
  })

  it('never turns an alarm off because a member says more', () => {
    const order = ['clear', 'unsure', 'attack']
    const share = fc.constantFrom(0, 0.5, 1)
    fc.assert(
      fc.property(
        share,
        share,
        share,
        fc.constantFrom<Member>('rules', 'trees', 'outlier'),
        (rules, trees, outlier, more) => {
          const before = order.indexOf(decide(votes({ rules, trees, outlier })).verdict)
          const after = order.indexOf(decide(votes({ rules, trees, outlier, [more]: 1 })).verdict)
          expect(after).toBeGreaterThanOrEqual(before)
        },
      ),
      { seed: 51, numRuns: 100 },
    )
  })
})

describe('limitsOf', () => {
  it('reads the thresholds of each class', () => {
    expect(limitsOf(manifest(4, 2))).toEqual(FLOOD_CLASSES.map(() => [4, 2]))
  })

  it('lets feedback move one, and holds it within the bounds of the manifest', () => {
    const moved = limitsOf(manifest(4, 2), (key) => (key === 'flood/udp-flood/fpr-1e-3' ? 99 : undefined))
    expect(moved[FLOOD_CLASSES.indexOf('udp-flood')]).toEqual([5, 2])
    expect(moved[FLOOD_CLASSES.indexOf('tcp-flood')]).toEqual([4, 2])
    expect(limitsOf(manifest(4, 2), () => -99)[0]).toEqual([3, 1])
  })

  it('refuses a manifest without one, or with one for a probability', () => {
    expect(() => limitsOf({ ...manifest(4, 2), thresholds: [] })).toThrow(/no threshold fpr-1e-3/)
    expect(() => limitsOf(manifest(0.9, 0.5, 'probability'))).toThrow(RangeError)
  })
})

it('a margin is worth nothing, half a vote or a whole one', () => {
  const limits = limitsOf(manifest(4, 2))
  expect([1.9, 2, 3.9, 4].map((margin) => voteOf(margin, limits, 'icmp-flood'))).toEqual([0, 0.5, 0.5, 1])
  expect(voteOf(Number.NaN, limits, 'icmp-flood')).toBe(0)
})
