/**
 * Cuts what a server tells into windows: 64 requests or 5 seconds of one client, and of all. Five, where packets have ten,
 * for a slow connection shows only after two and is to be called within ten. Memory is bounded: the oldest window is closed
 * early when too many are open.
 *
 * @module
 */
import { type HttpObserver, nothingOpen } from './book.ts'
import type { HttpRecord, OpenRecord } from './record.ts'
import { type Around, type HttpTally, tallyOf } from './tally.ts'

export interface HttpWindowOptions {
  /** Default 64. */
  readonly maxRecords?: number
  /** Default 5 seconds. */
  readonly maxDurationMs?: number
  /** Requests, and connections with a part of one or silent: windows with fewer are dropped and counted. Default 8. */
  readonly minActivity?: number
  /** Clients that are known at a time. Default 4,096: about 32 MB at most, when the windows of all are nearly full. */
  readonly maxClients?: number
}

export interface HttpWindow {
  /** Undefined: of the listener. */
  readonly client: string | undefined
  readonly startMs: number
  readonly endMs: number
  readonly records: readonly HttpRecord[]
  readonly around: Omit<Around, 'usualPerS'>
}

export interface HttpWindowCounts {
  /** Windows given to the callback. */
  closed: number
  /** Windows with too little in them. */
  dropped: number
  /** Of both: closed early because there were too many clients. */
  evicted: number
  /** Open connections of clients beyond `maxClients`, at the last sweep. */
  unseen: number
}

export interface HttpWindows extends HttpObserver {
  /** Closes all that are open. */
  end(): void
  readonly counts: Readonly<HttpWindowCounts>
}

/** Of the rate that is called sustained. */
const MEMORY_MS = 5_000

interface Filling {
  readonly client: string | undefined
  records: HttpRecord[]
  /** NaN: no window is open. */
  startMs: number
  /** Requests that the listener had met when it was opened. */
  listenerBefore: number
  /** Requests, each counted less the longer it is ago. */
  decayed: number
  decayedMs: number
}

export function httpWindows(onWindow: (window: HttpWindow) => void, options: HttpWindowOptions = {}): HttpWindows {
  const { maxRecords = 64, maxDurationMs = 5_000, minActivity = 8, maxClients = 4_096 } = options
  for (const [name, value] of Object.entries({ maxRecords, maxDurationMs, minActivity, maxClients })) {
    if (!(value >= 1)) throw new RangeError(`Cannot cut windows: ${name} is ${value}, wanted at least 1`)
  }
  const counts: HttpWindowCounts = { closed: 0, dropped: 0, evicted: 0, unseen: 0 }
  const listener = newFilling(undefined)
  /** The one whose window was opened longest ago is first. */
  const clients = new Map<string, Filling>()
  /** Those with a window, in the order in which they were opened. */
  const filling = new Set<Filling>()
  let open: ReadonlyMap<string, OpenRecord> = new Map()
  let openOfAll: OpenRecord = nothingOpen('')
  let pressingClients = 0
  let met = 0

  const close = (one: Filling, atMs: number): void => {
    const { client, records, startMs } = one
    const openHere = client === undefined ? openOfAll : (open.get(client) ?? nothingOpen(client))
    const metMeanwhile = met - one.listenerBefore
    one.records = []
    one.startMs = Number.NaN
    filling.delete(one)
    if (records.length + pressing(openHere) < minActivity) {
      counts.dropped++
      return
    }
    counts.closed++
    const around = {
      group: client === undefined ? 'listener' : 'client',
      seconds: Math.max(0, atMs - startMs) / 1e3,
      sustainedPerS: (decayedAt(one, atMs) * 1e3) / MEMORY_MS,
      share: client === undefined || metMeanwhile === 0 ? Number.NaN : Math.min(1, records.length / metMeanwhile),
      open: openHere,
      pressingClients: client === undefined ? pressingClients : Number.NaN,
    } as const
    onWindow({ client, startMs, endMs: atMs, records, around })
  }

  const start = (one: Filling, atMs: number): void => {
    if (!Number.isNaN(one.startMs)) return
    one.startMs = atMs
    one.listenerBefore = met
    filling.add(one)
    if (one.client === undefined) return
    clients.delete(one.client)
    clients.set(one.client, one)
  }

  /** A clock that was set back by more than a window tells nothing of what came before. */
  const isOver = ({ startMs }: Filling, atMs: number): boolean => Math.abs(atMs - startMs) >= maxDurationMs

  const closeOver = (atMs: number): void => {
    for (const one of filling) {
      if (!isOver(one, atMs)) break
      close(one, atMs)
    }
  }

  const clientOf = (client: string, atMs: number): Filling => {
    const known = clients.get(client)
    if (known !== undefined) return known
    if (clients.size >= maxClients) {
      const oldest = clients.values().next().value!
      if (!Number.isNaN(oldest.startMs)) {
        counts.evicted++
        close(oldest, atMs)
      }
      clients.delete(oldest.client!)
    }
    const fresh = newFilling(client)
    clients.set(client, fresh)
    return fresh
  }

  const add = (one: Filling, record: HttpRecord): void => {
    const { endMs } = record
    one.records.push(record)
    one.decayed = decayedAt(one, endMs) + 1
    one.decayedMs = endMs
    if (one.records.length === maxRecords) close(one, endMs)
  }

  return {
    counts,
    record(record) {
      const { client, endMs } = record
      closeOver(endMs)
      const one = clientOf(client, endMs)
      start(listener, endMs)
      start(one, endMs)
      met++
      add(one, record)
      add(listener, record)
    },
    sweep(records, nowMs) {
      const seen = records.slice(0, maxClients)
      counts.unseen = records.slice(maxClients).reduce((sum, { connections }) => sum + connections, 0)
      open = new Map(seen.map((record) => [record.client, record]))
      openOfAll = sumOf(records)
      pressingClients = records.filter((record) => pressing(record) > 0).length
      closeOver(nowMs)
      for (const record of seen) {
        if (pressing(record) > 0) start(clientOf(record.client, nowMs), nowMs)
      }
      if (pressingClients > 0) start(listener, nowMs)
    },
    end() {
      for (const one of filling) close(one, one.records.at(-1)?.endMs ?? one.startMs)
    },
  }
}

const newFilling = (client: string | undefined): Filling => ({
  client,
  records: [],
  startMs: Number.NaN,
  listenerBefore: 0,
  decayed: 0,
  decayedMs: Number.NEGATIVE_INFINITY,
})

/** Connections that hold a place and have not brought a request. */
const pressing = ({ heads, bodies, silent }: OpenRecord): number => heads + bodies + silent

const decayedAt = ({ decayed, decayedMs }: Filling, atMs: number): number =>
  decayed * Math.exp(-Math.max(0, atMs - decayedMs) / MEMORY_MS)

function sumOf(records: readonly OpenRecord[]): OpenRecord {
  const sum = nothingOpen('')
  // By name: a loop over the names takes 60 ms of every half second when a flood has 65,536 addresses.
  for (const record of records) {
    sum.connections += record.connections
    sum.silent += record.silent
    sum.heads += record.heads
    sum.slowHeads += record.slowHeads
    sum.headMs += record.headMs
    sum.bodies += record.bodies
    sum.slowBodies += record.slowBodies
    sum.bodyMs += record.bodyMs
    sum.bodyBytes += record.bodyBytes
    sum.answers += record.answers
  }
  return sum
}

/** What features and rules look at. @param usualPerS Of its client or listener; NaN while it is not known. */
export const tallyOfWindow = ({ records, around }: HttpWindow, usualPerS: number): HttpTally =>
  tallyOf(records, { ...around, usualPerS })
