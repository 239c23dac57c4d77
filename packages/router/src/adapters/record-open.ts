/** @module Whether a request still needs the router's care. */
import type { RequestRecord } from '../ports.ts'

/** It may still be sent or tried again, or something about it is not in the log yet. */
export function isOpen({ state, replies, notices }: RequestRecord): boolean {
  if (state === 'prepared' || state === 'released') return true
  return (
    replies.some(({ receipt }) => receipt === undefined) ||
    notices.some(({ draft, receipt }) => draft !== undefined && receipt === undefined)
  )
}
