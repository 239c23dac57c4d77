/**
 * What is overdue. The clock is that of the records, and records may rest: a router that was down for a night writes the
 * ends of what it held once it is up again. So a deadline counts only after some time of activity behind it.
 *
 * @module
 */

interface Due<Thing> {
  readonly thing: Thing
  readonly dueMs: number
}

export interface Deadlines<Thing> {
  /** Sets the thing's deadline anew; undefined: it has none. */
  set(thing: Thing, dueMs: number | undefined, nowMs: number): void
  drop(thing: Thing): void
  /** Time goes on. */
  tick(nowMs: number): void
}

/** Activity behind the deadline before it counts. */
const GRACE_MS = 120_000
/** Records further apart than this are a rest. */
const REST_MS = 60_000
const LOOK_MS = 10_000

/** Cost of a step: constant; of a look, which is made every 10 s at most, as many as wait. */
export function createDeadlines<Thing>(
  limit: number,
  onOverdue: (thing: Thing, atMs: number) => void,
): Deadlines<Thing> {
  const waiting = new Map<Thing, Due<Thing>>()
  let lastMs = Number.NEGATIVE_INFINITY
  let lookedMs = Number.NEGATIVE_INFINITY
  /** Since when records have come without a rest, and since when they came before that rest. */
  let activeSinceMs = Number.NEGATIVE_INFINITY
  let beforeSinceMs = Number.NEGATIVE_INFINITY
  const forget = () => {
    let left = Math.max(1, limit >> 4)
    for (const thing of waiting.keys()) {
      if (left-- === 0) return
      waiting.delete(thing)
    }
  }
  const look = (nowMs: number) => {
    for (const [thing, { dueMs }] of waiting) {
      // Of a quiet log, with a few records now and then: a whole spell of records came and went since.
      const isSpellOver = beforeSinceMs > dueMs + GRACE_MS
      if (!isSpellOver && nowMs < Math.max(dueMs, activeSinceMs) + GRACE_MS) continue
      waiting.delete(thing)
      onOverdue(thing, nowMs)
    }
  }
  return {
    set(thing, dueMs, nowMs) {
      if (dueMs === undefined) return void waiting.delete(thing)
      waiting.set(thing, { thing, dueMs: Math.max(dueMs, nowMs) })
      if (waiting.size > limit) forget()
    },
    drop: (thing) => void waiting.delete(thing),
    tick(nowMs) {
      if (nowMs > lastMs + REST_MS) {
        beforeSinceMs = activeSinceMs
        activeSinceMs = nowMs
      }
      lastMs = Math.max(lastMs, nowMs)
      if (nowMs < lookedMs + LOOK_MS) return
      lookedMs = nowMs
      look(nowMs)
    },
  }
}
