/** @module One page of an answer. */
import type { StoredAnswerRecord } from '../ports.ts'

/** The first record always; more while they fit. */
export function cappedPage(records: readonly StoredAnswerRecord[], maxBytes: number): readonly StoredAnswerRecord[] {
  let bytes = 0
  const end = records.findIndex(({ value }, i) => {
    bytes += value.length
    return i > 0 && bytes > maxBytes
  })
  return end < 0 ? records : records.slice(0, end)
}
