/**
 * Who sends: sequence numbers against the log and against what the router saw, keys against their revocations.
 *
 * @module
 */

import { EPOCHS_KEPT, REPLAY_WINDOW_SLOTS } from '@mystranet/schemas/limits'
import type { KeyFact, LogEntry, PacketFact } from '../entry.ts'
import { hexOf, keyOf, short } from '../key.ts'
import { recentMap } from '../recent.ts'
import { createDeadlines } from './deadline.ts'
import type { Say } from './table.ts'

/** Numbers of one key and epoch: who had each of the last 2,048. */
interface Window {
  /** Subject of the leaf with the number, or `''`: refused, no leaf. */
  readonly seen: Map<bigint, string>
  lowest: bigint
  highest: bigint
  /** Of both a leaf and what the router saw: a number that neither has is missing. */
  isSeenByRouter: boolean
}

interface Chain {
  head: string
  readonly ended: Map<string, number>
}

export interface SenderCheck {
  entry(entry: LogEntry): void
  packet(fact: PacketFact): void
  key(fact: KeyFact): void
  tick(nowMs: number): void
}

/** A taken packet has its leaf by then, or the router owes it; and the other way round. */
const LOGGED_WITHIN_MS = 60_000
const ENDED_KEYS = 1_024

export function senderCheck(say: Say, maxSenders: number): SenderCheck {
  const windows = createWindows(say, maxSenders)
  const chains = recentMap<Chain>(maxSenders)
  const meeting = createMeeting(say, maxSenders)
  return {
    entry(entry) {
      meeting.tick(entry.timeMs)
      const { sender, senderKey, epoch, seq, chainHead } = entry.addendum ?? {}
      const subject = keyOf(entry.subject)
      if (TAKEN.has(entry.kind)) meeting.logged(entry, subject)
      if (sender === undefined || senderKey === undefined) return
      if (epoch !== undefined && seq !== undefined) windows.take(keyOf(senderKey), epoch, seq, subject, entry)
      const chain = chains.get(keyOf(sender))
      if (chain !== undefined) checkKey(say, chain, entry, keyOf(senderKey), chainHead && keyOf(chainHead))
    },
    packet(fact) {
      meeting.tick(fact.timeMs)
      // A refused header is anybody's word: it may excuse a number, and it may not claim one.
      if (fact.outcome === 'taken') meeting.taken(fact)
      windows.seen(keyOf(fact.senderKey), fact.epoch, fact.seq, fact.outcome)
    },
    key({ instance, digest, event, key, index }) {
      if (event !== 'delegation' && event !== 'revocation') return
      const name = keyOf(instance)
      const chain = chains.get(name) ?? { head: '', ended: new Map() }
      chain.head = keyOf(digest)
      if (event === 'revocation' && chain.ended.size < ENDED_KEYS) chain.ended.set(keyOf(key), index)
      chains.set(name, chain)
    },
    tick: (nowMs) => meeting.tick(nowMs),
  }
}

/** Kinds of leaves whose subject is a packet that came in. */
const TAKEN: ReadonlySet<string> = new Set(['request', 'stream-open', 'stream-close', 'ack', 'nack', 'cancel'])

function checkKey(say: Say, chain: Chain, entry: LogEntry, key: string, head: string | undefined): void {
  const { index, timeMs: atMs } = entry
  const ended = chain.ended.get(key)
  if (ended !== undefined && ended < index) {
    const message = `Leaf ${index} is of a packet under key ${short(key)}, which leaf ${ended} revoked.`
    say('revoked-key', { source: hexOf(key), atMs, message, leaves: [ended, index] })
  }
  if (head !== undefined && head !== chain.head) {
    const message = `Leaf ${index} names ${short(head)} as its sender’s newest root event, wanted ${short(chain.head)}.`
    say('chain-head', { source: hexOf(key), atMs, message, leaves: [index] })
  }
}

function createWindows(say: Say, maxSenders: number) {
  const windows = recentMap<Window>(maxSenders)
  const epochs = recentMap<bigint[]>(maxSenders)
  const windowOf = (key: string, epoch: bigint, first: bigint) => {
    const name = `${key} ${epoch}`
    const window = windows.get(name) ?? { seen: new Map(), lowest: first, highest: first - 1n, isSeenByRouter: false }
    windows.set(name, window)
    return window
  }
  /** Numbers that fall out at the left: who had none is missing. */
  const advance = (window: Window, seq: bigint, key: string, entry?: LogEntry) => {
    if (seq > window.highest) window.highest = seq
    const floor = window.highest - BigInt(REPLAY_WINDOW_SLOTS)
    let missing = 0
    for (; window.lowest < floor && window.seen.size > 0; window.lowest++) {
      if (!window.seen.delete(window.lowest)) missing++
    }
    if (window.lowest < floor) window.lowest = floor
    if (missing === 0 || !window.isSeenByRouter || entry === undefined) return
    const message = `${missing} sequence numbers of key ${short(key)} are neither in the log nor refused.`
    say('sequence-gap', {
      source: hexOf(key),
      atMs: entry.timeMs,
      message,
      leaves: [entry.index],
      evidence: { missing },
    })
  }
  return {
    take(key: string, epoch: bigint, seq: bigint, subject: string, entry: LogEntry) {
      epochOf(say, epochs, key, epoch, entry)
      const window = windowOf(key, epoch, seq)
      const other = window.seen.get(seq)
      if (other !== undefined && other !== '' && other !== subject) {
        const message = `Leaf ${entry.index} has sequence number ${seq} of key ${short(key)}, which ${short(other)} has.`
        say('sequence-reused', { source: hexOf(key), atMs: entry.timeMs, message, leaves: [entry.index] })
      }
      if (seq >= window.lowest) window.seen.set(seq, subject)
      advance(window, seq, key, entry)
    },
    seen(key: string, epoch: bigint, seq: bigint, outcome: string) {
      const window = windows.get(`${key} ${epoch}`)
      if (window === undefined) return
      if (outcome === 'taken') window.isSeenByRouter = true
      else if (seq >= window.lowest && seq <= window.highest + BigInt(REPLAY_WINDOW_SLOTS) && !window.seen.has(seq)) {
        window.seen.set(seq, '')
      }
    },
  }
}

function epochOf(
  say: Say,
  epochs: { get(key: string): bigint[] | undefined; set(key: string, value: bigint[]): void },
  key: string,
  epoch: bigint,
  { index, timeMs: atMs, kind }: LogEntry,
): void {
  const newest = epochs.get(key) ?? []
  if (newest.includes(epoch)) return
  // Replies may be delivered late: no window is kept for them (§12).
  const lowest = newest[0]
  if (newest.length === EPOCHS_KEPT && lowest !== undefined && epoch < lowest) {
    if (kind !== 'request' && kind !== 'cancel') return
    const message = `Leaf ${index} is of epoch ${epoch} of key ${short(key)}, wanted at least ${lowest}.`
    say('epoch-back', { source: hexOf(key), atMs, message, leaves: [index] })
    return
  }
  epochs.set(key, [...newest, epoch].sort((a, b) => (a < b ? -1 : 1)).slice(-EPOCHS_KEPT))
}

/** Packets that the router took, and leaves: each has the other, whichever comes first. */
function createMeeting(say: Say, limit: number) {
  interface Waiting {
    readonly id: string
    readonly kind: string
    readonly timeMs: number
    readonly index: number | undefined
  }
  let hasFacts = false
  const met = recentMap<true>(limit * 2)
  const waiting = recentMap<Waiting>(limit, (each) => deadlines.drop(each))
  const deadlines = createDeadlines<Waiting>(limit, ({ id, kind, index }, atMs) => {
    waiting.delete(id)
    if (index === undefined) {
      const message = `The router took ${kind} ${short(id)}, and it has no leaf.`
      say('taken-unlogged', { source: hexOf(id), atMs, message })
    } else {
      const message = `Leaf ${index} is of ${kind} ${short(id)}, which did not come in at the router.`
      say('logged-unseen', { source: hexOf(id), atMs, message, leaves: [index] })
    }
  })
  const meet = (own: Waiting) => {
    const other = waiting.get(own.id)
    if (met.get(own.id)) return
    if (other === undefined) {
      waiting.set(own.id, own)
      deadlines.set(own, own.timeMs + LOGGED_WITHIN_MS, own.timeMs)
    } else if ((other.index === undefined) !== (own.index === undefined)) {
      waiting.delete(own.id)
      deadlines.drop(other)
      met.set(own.id, true)
    }
  }
  return {
    taken({ id, kind, timeMs }: PacketFact) {
      hasFacts = true
      meet({ id: keyOf(id), kind, timeMs, index: undefined })
    },
    /** Replies and cancels may be taken again after a crash, from the router's store: only requests are asked for. */
    logged({ kind, timeMs, index }: LogEntry, id: string) {
      if (!hasFacts || (kind !== 'request' && waiting.get(id) === undefined)) return
      meet({ id, kind, timeMs, index })
    },
    tick: (nowMs: number) => deadlines.tick(nowMs),
  }
}
