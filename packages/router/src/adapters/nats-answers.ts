/**
 * Answers on JetStream: one subject for each, its messages in the order of its records, so that whoever reaches the broker
 * reads the same answer from the same positions. A message is written only behind the one that its writer knows of: a write
 * whose result was lost is found and not made again, and a second writer is noticed.
 *
 * Records that need not be durable wait in memory for the next message of their answer, a quarter of a second, or 128 KiB,
 * whichever is first; readers of this process see them at once.
 *
 * @module
 */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { createTurns } from '../dispatch/turns.ts'
import { RouterError } from '../errors.ts'
import type { AnswerRecord, AnswerStore, StoredAnswerRecord } from '../ports.ts'
import { cappedPage } from './answer-page.ts'
import { brisk } from './nats-brisk.ts'
import { codeOf, guarded, isFull, REQUEST_MS } from './nats-pull.ts'
import { applyStream, type StreamOptions } from './nats-streams.ts'
import { encodeRecord, parseRecord } from './record-text.ts'
import { createWatchers } from './watchers.ts'

/** Name of the stream. */
export const ANSWERS = 'WEAVE_ANSWERS'
const FLUSH_MS = 250
const FLUSH_BYTES = 128 * 1024
/** As text a record takes about a third more; the smallest broker takes 1 MiB. */
const MESSAGE_BYTES = 256 * 1024
const MAX_CACHED = 512
const MAX_CONFLICTS = 8
const WRITER_HEADER = 'Weave-Writer'
const subjectOf = (request: string) => `weave.answer.${request}`

/** One message: records, or that the answer ended; 0: it did not, after all. */
interface Entry {
  readonly records?: readonly AnswerRecord[] | undefined
  readonly endedMs?: number | undefined
}

interface Answer {
  /** On the broker, in their order. */
  stored: StoredAnswerRecord[]
  /** Shown here and not there yet. */
  pending: AnswerRecord[]
  keys: Set<string>
  endedMs: number
  /** The stream's number of the last message that we know of. */
  seq: number
  /** Another process wrote. */
  isStale: boolean
  timer?: ReturnType<typeof setTimeout> | undefined
}

/** @throws {RouterError} `STORE_FAILED` when the stream is another one, or the broker has no JetStream. */
export async function natsAnswerStore(connection: NatsConnection, options: StreamOptions): Promise<AnswerStore> {
  const { nc } = brisk(connection)
  const jsm = await guarded('open the answers', async () => {
    const manager = await jetstreamManager(nc, { timeout: REQUEST_MS })
    await applyStream(manager, {
      name: ANSWERS,
      subjects: ['weave.answer.*'],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      allow_direct: true,
      num_replicas: options.replicas,
      max_bytes: options.maxBytes,
    })
    return manager
  })
  const js = jetstream(nc, { timeout: REQUEST_MS })
  const { watch, tell } = createWatchers()
  const turns = createTurns()
  const cached = new Map<string, Answer>()
  const writer = `${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`

  // What is published on a stream's subject reaches plain subscribers too.
  connection.subscribe('weave.answer.*', {
    callback(error, { subject, headers: given }) {
      if (error !== null || given?.get(WRITER_HEADER) === writer) return
      const request = subject.slice(subjectOf('').length)
      const known = cached.get(request)
      if (known !== undefined) known.isStale = true
      tell(request)
    },
  })

  /** Reads on from the last message that is known. */
  const catchUp = async (request: string, answer: Answer) => {
    for (;;) {
      const next = { seq: answer.seq + 1, next_by_subj: subjectOf(request) }
      const found = await jsm.direct.getMessage(ANSWERS, next).catch((error: unknown) => {
        if (codeOf(error) === JetStreamApiCodes.NoMessageFound || codeOf(error) === 10_043) return null
        throw error
      })
      if (found === null) return
      settle(answer, parseRecord(found.string()) as Entry, found.seq)
    }
  }
  const answerOf = async (request: string): Promise<Answer> => {
    const known = cached.get(request)
    if (known !== undefined && !known.isStale) return known
    const answer = known ?? { stored: [], pending: [], keys: new Set<string>(), endedMs: 0, seq: 0, isStale: false }
    answer.isStale = false
    try {
      await catchUp(request, answer)
    } catch (error) {
      answer.isStale = true
      throw error
    }
    if (known === undefined) remember(cached, request, answer)
    return answer
  }
  /** Writes one message behind all that are there, or finds it written. */
  const write = async (request: string, answer: Answer, entryOf: () => Entry | undefined) => {
    for (let i = 0; i < MAX_CONFLICTS; i++) {
      const entry = entryOf()
      if (entry === undefined) return
      const given = headers()
      given.set(WRITER_HEADER, writer)
      const expect = { lastSubjectSequence: answer.seq }
      try {
        const { seq } = await js.publish(subjectOf(request), encodeRecord(entry), { expect, headers: given })
        return settle(answer, entry, seq)
      } catch (error) {
        if (codeOf(error) !== JetStreamApiCodes.StreamWrongLastSequence) {
          // It may be there: what comes next looks.
          answer.isStale = true
          throw error
        }
        await catchUp(request, answer)
      }
    }
    throw new RouterError('STORE_FAILED', 'Cannot keep an answer: others write it all the time', { packet: request })
  }
  const flush = async (request: string, added: readonly AnswerRecord[]) => {
    const answer = await answerOf(request)
    clearTimeout(answer.timer)
    answer.timer = undefined
    const wanted = [...answer.pending, ...added]
    for (const message of messagesOf(wanted)) {
      await write(request, answer, () => {
        const fresh = unknownOf(answer, message)
        return fresh.length === 0 ? undefined : { records: fresh }
      })
    }
    tell(request)
  }
  const inTurn = <T>(action: string, request: string, work: () => Promise<T>): Promise<T> =>
    guarded(action, () => turns.inTurn(request, work)).catch((error: unknown) => {
      const cause = error instanceof RouterError ? error.cause : error
      if (!isFull(cause)) throw error
      throw new RouterError('STORE_FAILED', 'Cannot keep an answer: the broker has no room', { packet: request, cause })
    })
  const mark = (request: string, endedMs: number) =>
    inTurn('end an answer', request, async () => {
      await flush(request, [])
      const answer = await answerOf(request)
      await write(request, answer, () => (answer.endedMs === endedMs ? undefined : { endedMs }))
      tell(request)
    })

  return {
    watch,
    append: (request, records, durable) =>
      inTurn('keep an answer', request, async () => {
        if (durable) return flush(request, records)
        const answer = await answerOf(request)
        answer.pending.push(...unknownOf(answer, records, answer.pending))
        const bytes = answer.pending.reduce((sum, { value }) => sum + value.length, 0)
        tell(request)
        if (bytes >= FLUSH_BYTES) return flush(request, [])
        const later = () => inTurn('keep an answer', request, () => flush(request, [])).catch(() => undefined)
        answer.timer ??= setTimeout(() => void later(), FLUSH_MS)
      }),
    read: (request, after, limit, maxBytes) =>
      inTurn('read an answer', request, async () => {
        const { stored, pending } = await answerOf(request)
        const page = stored.slice(after, after + limit)
        const from = Math.max(0, after - stored.length)
        for (const record of pending.slice(from, from + limit - page.length)) {
          page.push({ ...record, position: after + page.length + 1 })
        }
        return cappedPage(page, maxBytes)
      }),
    end: mark,
    reopen: (request) => mark(request, 0),
    ended: (request) => inTurn('read an answer', request, async () => (await answerOf(request)).endedMs > 0),
    forget: (beforeMs) =>
      guarded('forget answers', async () => {
        const { state } = await jsm.streams.info(ANSWERS, { subjects_filter: subjectOf('*') })
        let count = 0
        for (const subject of Object.keys(state.subjects ?? {})) {
          const last = await jsm.direct.getMessage(ANSWERS, { last_by_subj: subject })
          const { endedMs = 0 } = last === null ? {} : (parseRecord(last.string()) as Entry)
          if (endedMs === 0 || endedMs >= beforeMs) continue
          await jsm.streams.purge(ANSWERS, { filter: subject })
          cached.delete(subject.slice(subjectOf('').length))
          count += 1
        }
        return count
      }),
  }
}

/** Takes in what stands on the broker. */
function settle(answer: Answer, { records = [], endedMs }: Entry, seq: number): void {
  for (const record of records) {
    answer.stored.push({ ...record, position: answer.stored.length + 1 })
    answer.keys.add(record.key)
  }
  answer.pending = answer.pending.filter(({ key }) => !answer.keys.has(key))
  if (endedMs !== undefined) answer.endedMs = endedMs
  answer.seq = seq
}

/** Those whose keys are new, each once. */
function unknownOf(
  { keys }: Answer,
  records: readonly AnswerRecord[],
  besides: readonly AnswerRecord[] = [],
): AnswerRecord[] {
  // An answer has many keys; what is asked about is little.
  const seen = new Set(besides.map(({ key }) => key))
  return records.filter(({ key }) => {
    const isNew = !seen.has(key) && !keys.has(key)
    seen.add(key)
    return isNew
  })
}

/** Records by the message that carries them. */
function messagesOf(records: readonly AnswerRecord[]): AnswerRecord[][] {
  const messages: AnswerRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    if (bytes + record.value.length > MESSAGE_BYTES) {
      messages.push([])
      bytes = 0
    }
    messages.at(-1)?.push(record)
    bytes += record.value.length
  }
  return messages
}

/** Answers that ended and are not looked at can be read again. */
function remember(cached: Map<string, Answer>, request: string, answer: Answer): void {
  cached.set(request, answer)
  if (cached.size <= MAX_CACHED) return
  for (const [name, { endedMs, pending }] of cached) {
    if (endedMs > 0 && pending.length === 0 && name !== request) {
      cached.delete(name)
      return
    }
  }
}
