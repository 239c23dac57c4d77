/**
 * Keeps book of a server's open connections: events of a server in, records out. Whoever calls it owns clock and timer.
 *
 * @module
 */
import {
  type HttpRecord,
  type OpenRecord,
  pathClassOf,
  SILENT_MS,
  SLOW_BODY_BYTES_PER_S,
  SLOW_MS,
  targetHash,
} from './record.ts'

/** Whoever is told. */
export interface HttpObserver {
  /** In the order of `endMs`. */
  record(record: HttpRecord): void
  /** All clients with open connections at this time: what is not named has none. Also when there are none at all. */
  sweep(open: readonly OpenRecord[], nowMs: number): void
}

/** A request whose head is whole. */
export interface Exchange {
  /** Its body is whole. */
  bodyDone(): void
  /** Answered, or its connection broke. Counts once. @param status 0 when nothing was answered. */
  ended(status: number): void
}

export interface BookedConnection {
  /** @param target As sent, attacker-controlled. */
  head(method: string, target: string, hasBody: boolean): Exchange
  /** Counts once. Exchanges that are open must have ended before. */
  closed(): void
}

export interface ConnectionBook {
  /** @param bytesRead Of this connection so far. Asked at each event and each sweep. @returns undefined when the book is full. */
  opened(client: string, bytesRead: () => number): BookedConnection | undefined
  /** Tells the observer what is open. Call it every {@link SWEEP_MS}. O(connections). */
  sweep(): void
  readonly counts: { readonly open: number; readonly unbooked: number }
}

/** Pause between sweeps; the resolution of `headMs`. */
export const SWEEP_MS = 500
/** About 300 bytes each. */
const MAX_CONNECTIONS = 65_536

interface OpenExchange {
  readonly startMs: number
  readonly startBytes: number
  readonly hasBody: boolean
  bodyMs: number
}

interface Open {
  readonly client: string
  readonly openedMs: number
  readonly bytesRead: () => number
  /** Bytes when the last request was over: what is more belongs to the next head. */
  restBytes: number
  /** When a part of a head was first seen; NaN: none. */
  headSinceMs: number
  requests: number
  readonly exchanges: Set<OpenExchange>
}

/** @throws RangeError when `maxConnections` is not at least 1. */
export function connectionBook(
  observer: HttpObserver,
  nowMs: () => number,
  maxConnections = MAX_CONNECTIONS,
): ConnectionBook {
  if (!(maxConnections >= 1)) throw new RangeError(`Cannot keep book: ${maxConnections} connections, wanted at least 1`)
  const all = new Set<Open>()
  const counts = { open: 0, unbooked: 0 }
  return {
    counts,
    opened(client, bytesRead) {
      if (all.size >= maxConnections) {
        counts.unbooked++
        return undefined
      }
      const openedMs = nowMs()
      const open: Open = {
        client,
        openedMs,
        bytesRead,
        restBytes: 0,
        headSinceMs: Number.NaN,
        requests: 0,
        exchanges: new Set(),
      }
      all.add(open)
      counts.open = all.size
      return bookedOf(open, observer, nowMs, () => {
        const wasOpen = all.delete(open)
        counts.open = all.size
        return wasOpen
      })
    },
    sweep() {
      const at = nowMs()
      const clients = new Map<string, Mutable<OpenRecord>>()
      for (const open of all) {
        const seen = clients.get(open.client) ?? nothingOpen(open.client)
        clients.set(open.client, seen)
        seen.connections++
        if (open.exchanges.size === 0) countWaiting(open, seen, at)
        else for (const exchange of open.exchanges) countExchange(open, exchange, seen, at)
      }
      observer.sweep([...clients.values()], at)
    },
  }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** A client with nothing open; to be filled. */
export const nothingOpen = (client: string): Mutable<OpenRecord> => ({
  client,
  connections: 0,
  silent: 0,
  heads: 0,
  slowHeads: 0,
  headMs: 0,
  bodies: 0,
  slowBodies: 0,
  bodyMs: 0,
  bodyBytes: 0,
  answers: 0,
})

function bookedOf(open: Open, observer: HttpObserver, nowMs: () => number, remove: () => boolean): BookedConnection {
  const { client, bytesRead } = open
  return {
    head(method, target, hasBody) {
      const startMs = nowMs()
      const headMs = Number.isNaN(open.headSinceMs) ? 0 : startMs - open.headSinceMs
      const isFirst = open.requests === 0
      const startBytes = open.restBytes
      const exchange: OpenExchange = { startMs, startBytes: bytesRead(), hasBody, bodyMs: hasBody ? Number.NaN : 0 }
      open.requests++
      open.headSinceMs = Number.NaN
      open.exchanges.add(exchange)
      return {
        bodyDone() {
          if (Number.isNaN(exchange.bodyMs)) exchange.bodyMs = nowMs() - startMs
        },
        ended(status) {
          if (!open.exchanges.delete(exchange)) return
          const read = bytesRead()
          const bytesIn = Math.max(0, read - startBytes)
          open.restBytes = read
          const path = pathClassOf(target)
          const { bodyMs } = exchange
          const isPost = method === 'POST'
          const record = { client, startMs, headMs, bodyMs, endMs: nowMs(), bytesIn, status, isPost, path, isFirst }
          observer.record({ ...record, target: targetHash(target) })
        },
      }
    },
    closed() {
      if (!remove()) return
      const bytesIn = bytesRead() - open.restBytes
      // One that rested after a request ends as connections do.
      if (open.requests > 0 && !(bytesIn > 0)) return
      const at = nowMs()
      const never = { headMs: Number.NaN, bodyMs: 0, status: 0, isPost: false, path: 'none', target: 0 } as const
      observer.record({ ...never, client, startMs: at, endMs: at, bytesIn, isFirst: open.requests === 0 })
    },
  }
}

function countWaiting(open: Open, seen: Mutable<OpenRecord>, at: number): void {
  if (open.bytesRead() > open.restBytes) {
    if (Number.isNaN(open.headSinceMs)) open.headSinceMs = at
    const age = at - open.headSinceMs
    seen.heads++
    seen.headMs += age
    if (age >= SLOW_MS) seen.slowHeads++
  } else if (open.requests === 0 && at - open.openedMs >= SILENT_MS) seen.silent++
}

function countExchange(open: Open, exchange: OpenExchange, seen: Mutable<OpenRecord>, at: number): void {
  if (!Number.isNaN(exchange.bodyMs)) {
    seen.answers++
    return
  }
  const age = at - exchange.startMs
  const bytes = Math.max(0, open.bytesRead() - exchange.startBytes)
  seen.bodies++
  seen.bodyMs += age
  seen.bodyBytes += bytes
  if (age >= SLOW_MS && bytes * 1_000 < SLOW_BODY_BYTES_PER_S * age) seen.slowBodies++
}
