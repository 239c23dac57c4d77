/**
 * The life of a request: its transitions, and what has to happen next. Pure; `PacketStore.replace` makes each step atomic.
 *
 * @module
 */
import { CODES, type Code, codeOfWire } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import { ACCEPT_SKEW_MS } from '@mystranet/schemas/limits'
import type { HeaderCore } from '@mystranet/schemas/messages'
import type { AttemptRecord, RequestRecord } from '../ports.ts'

/** After `expires_ms` and this, no agent takes a packet any more. */
export const VOID_AFTER_MS = 30_000

export const attemptOf = (record: RequestRecord, number: number): AttemptRecord | undefined =>
  record.attempts.find((each) => each.number === number)

export const lastAttempt = ({ attempts }: RequestRecord): AttemptRecord => attempts.at(-1) as AttemptRecord

export function withAttempt(record: RequestRecord, number: number, change: Partial<AttemptRecord>): RequestRecord {
  const attempts = record.attempts.map((each) => (each.number === number ? { ...each, ...change } : each))
  return { ...record, attempts }
}

/** Codes that every agent would give: another attempt is of no use. */
const SAME_EVERYWHERE: ReadonlySet<Code> = new Set([
  'CONTENT_INVALID',
  'COMMITMENT_MISMATCH',
  'CANCELLED',
  'PACKET_EXPIRED',
])

/**
 * Whether one more attempt may follow the last, which ended.
 *
 * @param candidates How many agents could be tried.
 */
export function mayTryAgain(record: RequestRecord, core: HeaderCore, candidates: number, nowMs: number): boolean {
  const last = lastAttempt(record)
  const { maxAttempts = 3, afterOpen = false } = core.retry ?? {}
  if (record.attempts.length >= maxAttempts || nowMs >= core.expiresMs || record.state !== 'released') return false
  if (last.state === 'late') return true
  const code = last.code === undefined ? undefined : codeOfWire(last.code)
  // An end without a code is a good one.
  if (last.state === 'closed') return afterOpen && code !== undefined && code !== 'CANCELLED'
  if (last.state !== 'refused' || code === undefined || SAME_EVERYWHERE.has(code)) return false
  if (CODES[code].fate === 'ran') return afterOpen
  const untried = candidates > new Set(record.attempts.map(({ agent }) => agent)).size
  return untried || CODES[code].remedy === 'retry'
}

/** What ended the last attempt by the outcome of a CLOSE. Undefined: it ended well, or its sender cut it. */
export function codeOfClose(outcome: number | undefined): Code | undefined {
  if (outcome === OUTCOMES.ERROR) return 'ENGINE_FAILED'
  return outcome === OUTCOMES.ABORTED ? 'INTERRUPTED' : undefined
}

/**
 * What has to happen to a request now.
 * - `none`: nothing, or not yet.
 * - `void`: it was never sent, and nobody would take it any more.
 * - `publish`: it is released; make sure that it is queued.
 * - `late`: its agent did not accept in time.
 * - `lost`: its agent accepted, never ended it, and nobody would start it any more.
 */
export type Next = 'none' | 'void' | 'publish' | 'late' | 'lost'

const LOOK_MS = 30_000

/** When to look at a request again that nothing changed: when time may ask something of it. */
export function dueMs(record: RequestRecord, nowMs: number): number {
  const { state, acceptByMs, receipt } = lastAttempt(record)
  const voidMs = record.expiresMs + VOID_AFTER_MS
  if (record.state === 'prepared') return Math.min(nowMs + LOOK_MS, voidMs)
  if (record.state !== 'released') return nowMs
  if (state === 'made') return receipt === undefined ? nowMs : Math.min(nowMs + LOOK_MS, acceptByMs + ACCEPT_SKEW_MS)
  return state === 'accepted' || state === 'opened' ? Math.min(nowMs + LOOK_MS, voidMs) : nowMs
}

/** @param isLeased Whether its agent holds it now and says so. */
export function judge(record: RequestRecord, nowMs: number, isLeased: boolean): Next {
  if (record.state === 'prepared') return nowMs >= record.expiresMs + VOID_AFTER_MS ? 'void' : 'none'
  if (record.state !== 'released') return 'none'
  const { state, acceptByMs } = lastAttempt(record)
  if (state === 'made') return nowMs >= acceptByMs + ACCEPT_SKEW_MS ? 'late' : 'publish'
  const isRunning = state === 'accepted' || state === 'opened'
  return isRunning && !isLeased && nowMs >= record.expiresMs + VOID_AFTER_MS ? 'lost' : 'none'
}
