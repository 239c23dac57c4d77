/**
 * The life of a request, as its partition tells it: request, attempts, replies, ends.
 *
 * @module
 */

import { finishOf, isComplete } from '@mystranet/schemas/kinds'
import { ACCEPT_SKEW_MS } from '@mystranet/schemas/limits'
import type { LogEntry } from '../entry.ts'
import { hexOf, keyOf, short } from '../key.ts'
import { recentMap } from '../recent.ts'
import { PACKET_KINDS } from './chain.ts'
import { createDeadlines } from './deadline.ts'
import type { InvariantId, Say } from './table.ts'

interface Attempt {
  readonly number: number
  readonly index: number
  /** Absent: the addendum is not at hand. */
  readonly agent: string | undefined
  readonly acceptByMs: number | undefined
  readonly replies: Set<string>
}

interface Life {
  readonly partition: string
  /** Known from its first leaf on. */
  readonly isWhole: boolean
  request: { readonly subject: string; readonly index: number; readonly timeMs: number } | undefined
  readonly attempts: Attempt[]
  /** Number of the newest attempt, also where those before it are not known. */
  newest: number
  completeAt: number | undefined
  end: 'dead-letter' | 'void' | undefined
  isOver: boolean
}

export interface RequestCheck {
  entry(entry: LogEntry, partition: string, isWhole: boolean): void
  /** Says what is overdue at this time. */
  tick(nowMs: number): void
}

/** Kinds of which an attempt has one; the last two are its end. */
const ONCE: ReadonlySet<string> = new Set(['stream-open', 'stream-close', 'nack'])
const REPLIES: ReadonlySet<string> = new Set([...ONCE, 'ack'])
/** Attempts of a request that are kept; the protocol allows 8, and each replay of a dead letter adds one. */
const MAX_ATTEMPTS = 64

export function requestCheck(say: Say, maxRequests: number): RequestCheck {
  const subjects = recentMap<number>(maxRequests * 4)
  const deadlines = createDeadlines<Life>(maxRequests, (life, atMs) => overdue(say, life, atMs))
  const lives = recentMap<Life>(maxRequests, (life) => deadlines.drop(life))

  const once = (entry: LogEntry, subject: string) => {
    const name = `${entry.kind} ${entry.attempt} ${subject}`
    const before = subjects.get(name)
    if (before === undefined) return subjects.set(name, entry.index)
    const message = `Leaf ${entry.index} is the second ${entry.kind} of ${short(subject)}; the first is leaf ${before}.`
    say('packet-replayed', { source: hexOf(subject), atMs: entry.timeMs, message, leaves: [before, entry.index] })
  }

  return {
    entry(entry, partition, isWhole) {
      deadlines.tick(entry.timeMs)
      const subject = keyOf(entry.subject)
      once(entry, subject)
      if (!PACKET_KINDS.has(entry.kind)) return
      const life = lives.get(partition) ?? newLife(partition, isWhole)
      lives.set(partition, life)
      follow(say, life, entry, subject)
      deadlines.set(life, dueMs(life, entry), entry.timeMs)
    },
    tick: (nowMs) => deadlines.tick(nowMs),
  }
}

const newLife = (partition: string, isWhole: boolean): Life => ({
  partition,
  isWhole,
  request: undefined,
  attempts: [],
  newest: 0,
  completeAt: undefined,
  end: undefined,
  isOver: false,
})

/** A request lives 10 minutes at most; 30 s later nobody takes it up any more, and its end is logged. */
const LIFE_MS = 630_000
/** An answer that is on its way may take its time. */
const ANSWERING_MS = 6 * 3_600_000

function dueMs(life: Life, { timeMs }: LogEntry): number | undefined {
  if (life.request === undefined || life.isOver) return undefined
  const isAnswering = life.attempts.at(-1)?.replies.has('stream-open') === true
  return isAnswering ? timeMs + ANSWERING_MS : life.request.timeMs + LIFE_MS
}

function overdue(say: Say, { request, newest, partition }: Life, atMs: number): void {
  if (request === undefined) return
  const leaves = [request.index]
  const name = short(request.subject)
  if (newest === 0) {
    say('attempt-missing', {
      source: hexOf(partition),
      atMs,
      message: `Request ${name} was never given to an agent.`,
      leaves,
    })
  } else {
    const message = `Attempt ${newest} of request ${name} has no end in the log.`
    say('ending-missing', { source: hexOf(partition), atMs, message, leaves })
  }
}

type Rule = (say: Tell, life: Life, entry: LogEntry, subject: string) => void
type Tell = (id: InvariantId, message: string, others?: readonly number[]) => void

function follow(say: Say, life: Life, entry: LogEntry, subject: string): void {
  const { index, kind, timeMs: atMs } = entry
  const tell: Tell = (id, message, others = []) =>
    say(id, { source: hexOf(life.partition), atMs, message: `Leaf ${index}: ${message}`, leaves: [...others, index] })
  if (kind !== 'request' && life.request === undefined && life.isWhole) {
    tell('no-request', `${kind} before any request of its partition.`)
  }
  if (kind === 'request') takeRequest(tell, life, entry, subject)
  else if (kind === 'attempt') takeAttempt(tell, life, entry, subject)
  else if (REPLIES.has(kind)) takeReply(tell, life, entry, subject)
  else takeEnd(life, entry)
}

const takeRequest: Rule = (tell, life, { index, timeMs }, subject) => {
  if (life.request !== undefined && life.request.subject !== subject) {
    tell('request-twice', 'a second request under one correlation id.', [life.request.index])
  }
  life.request ??= { subject, index, timeMs }
}

const takeAttempt: Rule = (tell, life, entry, subject) => {
  const { attempt, addendum } = entry
  if (life.request !== undefined && life.request.subject !== subject) {
    tell('no-request', 'an attempt of another packet than the request of its partition.', [life.request.index])
  }
  if (life.isWhole && attempt !== life.newest + 1) {
    tell('attempt-sequence', `attempt ${attempt} after attempt ${life.newest}.`)
  }
  if (life.completeAt !== undefined)
    tell('attempt-after-complete', 'an attempt after a complete answer.', [life.completeAt])
  if (life.end !== undefined) tell('attempt-after-end', `an attempt after the ${life.end} of its request.`)
  const before = life.attempts.at(-1)
  if (before !== undefined) tooEarly(tell, before, entry)
  life.newest = Math.max(life.newest, attempt)
  life.isOver = false
  const { agent, acceptByMs } = addendum?.decision ?? {}
  life.attempts.push({
    number: attempt,
    index: entry.index,
    agent: agent && keyOf(agent),
    acceptByMs,
    replies: new Set(),
  })
  if (life.attempts.length > MAX_ATTEMPTS) life.attempts.shift()
}

/** An attempt's end is logged before the next attempt is made. */
function tooEarly(tell: Tell, before: Attempt, { timeMs }: LogEntry): void {
  const { acceptByMs, replies, index } = before
  if (acceptByMs === undefined || ENDS.some((end) => replies.has(end))) return
  const byMs = acceptByMs + ACCEPT_SKEW_MS - timeMs
  if (byMs <= 0) return
  tell('attempt-early', `an attempt ${byMs} ms before the one before it could be late, and without its end.`, [index])
}

const ENDS = ['stream-close', 'nack', 'dead-letter'] as const

const takeReply: Rule = (tell, life, entry) => {
  const { kind, attempt, code, index, addendum } = entry
  const known = life.attempts.findLast(({ number }) => number === attempt)
  if (known === undefined) {
    if (life.isWhole && life.attempts.length < MAX_ATTEMPTS) {
      tell('reply-without-attempt', `a ${kind} of attempt ${attempt}, which is not logged.`)
    }
  } else {
    const sender = addendum?.sender && keyOf(addendum.sender)
    if (sender !== undefined && known.agent !== undefined && sender !== known.agent) {
      tell('reply-by-stranger', `a ${kind} by ${short(sender)}, wanted ${short(known.agent)}.`, [known.index])
    }
    const isEnd = kind === 'stream-close' || kind === 'nack'
    const hasEnd = known.replies.has('stream-close') || known.replies.has('nack')
    if (ONCE.has(kind) && (known.replies.has(kind) || (isEnd && hasEnd))) {
      tell('reply-twice', `a second ${kind} or end of attempt ${attempt}.`, [known.index])
    }
    known.replies.add(kind)
  }
  const finish = kind === 'stream-close' ? finishOf(code) : undefined
  if (finish !== undefined && isComplete(finish)) {
    if (life.completeAt !== undefined) tell('complete-twice', 'a second complete answer.', [life.completeAt])
    life.completeAt ??= index
  }
  if (kind === 'stream-close' || kind === 'nack') life.isOver = true
}

function takeEnd(life: Life, { kind }: LogEntry): void {
  // A CANCEL is a wish: the attempt that runs yet ends by its CLOSE, and one that nobody had has no other end.
  if (kind === 'replay') life.end = undefined
  else if (kind === 'dead-letter' || kind === 'void') life.end = kind
  if (kind === 'dead-letter') life.attempts.at(-1)?.replies.add(kind)
  life.isOver = kind !== 'replay'
}
