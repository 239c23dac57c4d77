/** @module Feedback kept as long as its process lives. */
import type { FeedbackStore } from './feedback.ts'
import { isLater, type Score, type Vote } from './tuning.ts'

const DAY_MS = 86_400_000

export function memoryFeedback(): FeedbackStore {
  const votes = new Map<string, Vote>()
  const scores = new Map<string, Score>()
  const keepLast = <T extends Vote | Score>(map: Map<string, T>, key: string, given: T) => {
    const there = map.get(key)
    if (there === undefined || isLater(given, there)) map.set(key, given)
  }
  return {
    async vote(vote) {
      keepLast(votes, JSON.stringify([vote.voter, vote.about]), vote)
    },
    votes: async (tunes, sinceMs) =>
      [...votes.values()].filter((each) => (tunes === undefined || each.tunes === tunes) && each.atMs >= sinceMs),
    async score(score) {
      keepLast(scores, JSON.stringify([score.subject, Math.floor(score.atMs / DAY_MS)]), score)
    },
    scores: async (sinceMs) => [...scores.values()].filter(({ atMs }) => atMs >= sinceMs),
    async forget(beforeMs) {
      for (const map of [votes, scores]) for (const [key, { atMs }] of map) if (atMs < beforeMs) map.delete(key)
    },
  }
}
