/** @module Answers in memory. */
import type { AnswerStore, StoredAnswerRecord } from '../../ports.ts'
import { cappedPage } from '../answer-page.ts'
import { createWatchers } from '../watchers.ts'

interface Answer {
  readonly records: StoredAnswerRecord[]
  endedMs: number
}

export function memoryAnswerStore(): AnswerStore {
  const { watch, tell } = createWatchers()
  const answers = new Map<string, Answer>()
  const answerOf = (request: string): Answer => {
    const answer = answers.get(request) ?? { records: [], endedMs: 0 }
    answers.set(request, answer)
    return answer
  }
  return {
    watch,
    async append(request, records) {
      const answer = answerOf(request)
      for (const record of records) {
        if (answer.records.some(({ key }) => key === record.key)) continue
        answer.records.push({ ...record, position: answer.records.length + 1 })
      }
      tell(request)
    },
    async read(request, after, limit, maxBytes) {
      return cappedPage((answers.get(request)?.records ?? []).slice(after, after + limit), maxBytes)
    },
    async end(request, nowMs) {
      answerOf(request).endedMs = nowMs
      tell(request)
    },
    async reopen(request) {
      const answer = answers.get(request)
      if (answer !== undefined) answer.endedMs = 0
    },
    ended: async (request) => (answers.get(request)?.endedMs ?? 0) > 0,
    async forget(beforeMs) {
      const old = [...answers].filter(([, { endedMs }]) => endedMs > 0 && endedMs < beforeMs)
      for (const [request] of old) answers.delete(request)
      return old.length
    },
  }
}
