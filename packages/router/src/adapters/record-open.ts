/** @module Whether a request still needs the router's care. */
import type { RequestRecord } from '../ports.ts'

/** It may still be sent or tried again, something that follows from its end is not done, or a reply is not in the log yet. */
export function isOpen({ state, replies, isSettled = false }: RequestRecord): boolean {
  if (state === 'prepared' || state === 'released' || !isSettled) return true
  return replies.some(({ receipt }) => receipt === undefined)
}
