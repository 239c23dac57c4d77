/**
 * What a router told of packets, put beside the leaves that they belong to: a watch says that a packet has no leaf, or a leaf
 * no packet, and must not say so for the order in which the two were read.
 *
 * @module
 */
import type { LogAudit, LogEntry, PacketFact } from '@mystranet/detector/anomaly'
import { CODES, type Code } from '@mystranet/schemas/codes'
import { toHex } from '@mystranet/sdk/bytes'

export interface PacketFacts {
  /** Keeps it until its turn. Returns at once, never throws. */
  take(fact: PacketFact): void
  /** A leaf that the watch is about to get; facts that belong before it go first. */
  before(leaf: Pick<LogEntry, 'kind' | 'subject' | 'timeMs'>): void
  /** Every leaf of before is read: what waits goes to the watch. */
  drain(): void
  /** More came than can be kept: nothing is told of packets any more. */
  readonly isBlind: boolean
}

/** Facts that wait for leaves to be read, some 500 bytes each: a long log is being read, or cannot be. */
const MAX_WAITING = 65_536
/** Packets that are remembered. */
const MAX_KNOWN = 8_192
/** A fact is told by so long after the time of its leaf. */
export const SETTLED_MS = 2_000

/**
 * - `given`: the watch has the fact.
 * - `awaited`: it has the leaf, and waits for the fact.
 * - `late`: it has the leaf, and does not wait: it would take the fact for one without a leaf.
 * - a fact: of a request that came in, got no receipt for it here, and may have a leaf.
 */
type Meeting = 'given' | 'awaited' | 'late' | PacketFact

/** @param sinceMs Leaves of before are of packets that nobody told of. */
export function packetFacts(watch: Pick<LogAudit, 'packet'>, sinceMs: number): PacketFacts {
  let waiting: PacketFact[] = []
  let [isBlind, hasTaken] = [false, false]
  const met = newest<Meeting>()

  const give = (fact: PacketFact) => {
    const id = toHex(fact.id)
    const state = met.get(id)
    if (fact.outcome === 'taken') {
      if (state !== 'given' && state !== 'late') settle(id, fact)
      return
    }
    watch.packet(fact)
    if (fact.kind !== 'REQUEST' || !mayHaveLeaf(fact.outcome)) return
    if (state === 'awaited') settle(id, fact)
    else if (state === undefined) met.set(id, fact)
  }
  const settle = (id: string, fact: PacketFact) => {
    met.set(id, 'given')
    hasTaken = true
    watch.packet({ ...fact, outcome: 'taken' })
  }
  const giveUntil = (timeMs: number) => {
    const next = waiting.findIndex((fact) => fact.timeMs > timeMs)
    if (next !== 0) waiting.splice(0, next < 0 ? waiting.length : next).forEach(give)
  }
  return {
    take(fact) {
      if (isBlind) return
      isBlind = waiting.length >= MAX_WAITING
      if (isBlind) waiting = []
      else waiting.push(copied(fact))
    },
    before({ kind, subject, timeMs }) {
      if (timeMs >= sinceMs && waiting.length > 0) giveUntil(timeMs + SETTLED_MS)
      if (!NAMED.has(kind)) return
      const id = toHex(subject)
      const state = met.get(id)
      if (typeof state === 'object') settle(id, state)
      else if (state === undefined) met.set(id, kind === 'request' && hasTaken ? 'awaited' : 'late')
    },
    drain: () => giveUntil(Number.POSITIVE_INFINITY),
    get isBlind() {
      return isBlind
    },
  }
}

/** Kinds of leaves whose subject is a packet. An attempt's is its request, whose own leaf went before. */
const NAMED: ReadonlySet<string> = new Set(['request', 'stream-open', 'stream-close', 'ack', 'nack', 'cancel'])

const mayHaveLeaf = (outcome: string): boolean =>
  outcome === 'known' || (Object.hasOwn(CODES, outcome) && CODES[outcome as Code].fate !== 'nothing')

/** A fact's bytes are views of its packet, which is not to be kept. */
const copied = (fact: PacketFact): PacketFact => ({
  ...fact,
  id: fact.id.slice(),
  sender: fact.sender.slice(),
  senderKey: fact.senderKey.slice(),
})

/** A map that forgets what was set first. */
function newest<T>() {
  const map = new Map<string, T>()
  return {
    get: (id: string) => map.get(id),
    set(id: string, value: T) {
      map.set(id, value)
      if (map.size > MAX_KNOWN) map.delete(map.keys().next().value as string)
    },
  }
}
