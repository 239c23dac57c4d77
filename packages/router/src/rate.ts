/**
 * Rates by the generic cell rate algorithm: one number a name, in memory.
 *
 * @module
 */
import { RouterError } from './errors.ts'

export interface Rate {
  readonly perMinute: number
  /** How many may come at once. */
  readonly burst: number
}

export interface RateLimit {
  /**
   * Takes one in.
   *
   * @throws {RouterError} `RATE_LIMITED` with the time to wait. Nothing was counted.
   */
  take(name: string, nowMs: number, rate?: Rate): void
}

const MAX_NAMES = 100_000

/** @param what For the message: whose rate it is. */
export function createRateLimit(what: string, usual: Rate): RateLimit {
  /** Theoretical arrival time of each name, oldest first. */
  const due = new Map<string, number>()
  return {
    take(name, nowMs, { perMinute, burst } = usual) {
      const step = 60_000 / perMinute
      const at = Math.max(due.get(name) ?? 0, nowMs)
      const waitMs = at + step - nowMs - burst * step
      if (waitMs > 1e-6) {
        throw new RouterError(
          'RATE_LIMITED',
          `Cannot take more from this ${what} now: wanted at most ${perMinute} a minute`,
          {
            retryAfterMs: waitMs,
          },
        )
      }
      due.delete(name)
      due.set(name, at + step)
      if (due.size > MAX_NAMES) forget(due, nowMs)
    },
  }
}

/** Names whose time has passed are as good as new; if all are busy, the oldest goes. */
function forget(due: Map<string, number>, nowMs: number): void {
  for (const [name, at] of due) if (at <= nowMs) due.delete(name)
  const [oldest] = due.keys()
  if (due.size > MAX_NAMES && oldest !== undefined) due.delete(oldest)
}
