/** What every store of feedback does, whatever keeps it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FeedbackStore } from './feedback.ts'
import type { Score, Vote } from './tuning.ts'

export interface FeedbackUnderTest {
  readonly store: FeedbackStore
  breakNext(when: 'before' | 'after'): void
}

const DAY_MS = 86_400_000

export const anyVote: fc.Arbitrary<Vote> = fc.record({
  tunes: fc.constantFrom('flood/syn', 'flood/udp'),
  voter: fc.constantFrom('ann', 'bea', 'cyd'),
  about: fc.constantFrom('f0', 'f1', 'f2', 'f3'),
  atMs: fc.integer({ min: 0, max: 80 }).map((half) => (half * DAY_MS) / 2),
  says: fc.constantFrom('overruled', 'confirmed'),
  id: fc.constantFrom('1', '2', '3'),
})

/** @param open A fresh, empty store. */
export function feedbackContract(open: () => FeedbackUnderTest): void {
  describe('FeedbackStore', () => {
    const vote = (over: Partial<Vote> = {}): Vote => ({
      tunes: 'flood/syn',
      voter: 'ann',
      about: 'f0',
      atMs: 5_000,
      says: 'overruled',
      id: '5',
      ...over,
    })
    const score = (over: Partial<Score> = {}): Score => ({ subject: 'x', score: 0.25, atMs: 5_000, id: '5', ...over })
    const all = (store: FeedbackStore) => store.votes('flood/syn', 0)

    it('keeps the last word of a voter about a finding, by time and then by id', async () => {
      const { store } = open()
      await store.vote(vote())
      await store.vote(vote({ atMs: 4_999, id: '9', says: 'confirmed' }))
      await store.vote(vote({ id: '4', says: 'confirmed' }))
      expect(await all(store)).toEqual([vote()])
      await store.vote(vote({ id: '6', says: 'confirmed' }))
      expect(await all(store)).toEqual([vote({ id: '6', says: 'confirmed' })])
      await store.vote(vote({ voter: 'bea' }))
      await store.vote(vote({ about: 'f1' }))
      await store.vote(vote({ about: 'f2', tunes: 'other' }))
      await store.vote(vote({ about: 'f3', tunes: undefined }))
      expect(await all(store)).toHaveLength(3)
      expect(await store.votes(undefined, 0)).toHaveLength(5)
      expect((await store.votes(undefined, 0)).find(({ about }) => about === 'f3')?.tunes).toBeUndefined()
      expect(await store.votes('flood/syn', 5_001)).toEqual([])
    })

    it('keeps the last score of a day', async () => {
      const { store } = open()
      await store.score(score())
      await store.score(score({ atMs: 4_000, score: 0.9 }))
      await store.score(score({ atMs: DAY_MS, score: 0.75 }))
      const scores = await store.scores(0)
      expect(scores.toSorted((a, b) => a.atMs - b.atMs)).toEqual([score(), score({ atMs: DAY_MS, score: 0.75 })])
      expect(await store.scores(DAY_MS)).toHaveLength(1)
    })

    it('holds the same whatever the order was', async () => {
      const keyOf = ({ voter, about }: Vote) => `${voter} ${about}`
      // Two words of one voter about one finding that are of one time and id would be two messages of one id.
      const distinct = (votes: readonly Vote[]) => [
        ...new Map(votes.map((one) => [`${keyOf(one)} ${one.atMs} ${one.id}`, one])).values(),
      ]
      const stream = fc.array(anyVote, { maxLength: 30 }).map(distinct)
      const held = async (votes: readonly Vote[]) => {
        const { store } = open()
        for (const one of votes) await store.vote(one)
        const both = [...(await store.votes('flood/syn', 0)), ...(await store.votes('flood/udp', 0))]
        return both.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      }
      await fc.assert(
        fc.asyncProperty(stream, async (votes) => {
          expect(await held(votes.toReversed())).toEqual(await held(votes))
        }),
        { seed: 5, numRuns: 30 },
      )
    })

    it('forgets what was said before', async () => {
      const { store } = open()
      await store.vote(vote())
      await store.score(score())
      await store.forget(5_000)
      expect([(await all(store)).length, (await store.scores(0)).length]).toEqual([1, 1])
      await store.forget(5_001)
      expect([(await all(store)).length, (await store.scores(0)).length]).toEqual([0, 0])
    })

    it.each(['before', 'after'] as const)('a write that fails %s it happened has one effect', async (when) => {
      const { store, breakNext } = open()
      for (const write of [() => store.vote(vote()), () => store.score(score())]) {
        breakNext(when)
        await expect(write()).rejects.toMatchObject({ code: 'STORE_FAILED' })
        await write()
      }
      expect(await all(store)).toEqual([vote()])
      expect(await store.scores(0)).toEqual([score()])
    })
  })
}
