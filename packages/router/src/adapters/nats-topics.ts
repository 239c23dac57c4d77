/**
 * The topics on JetStream: a stream for each, under the topic's own name as its subject, with a durable consumer for each
 * name that consumes it. The server keeps messages, ids, leases and their times, by its own clock; `nowMs` of a caller only
 * says when a lease that this process holds ran out.
 *
 * Whoever the broker's accounts let publish may do so without us: what a consumer gets is checked by its consumer.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { TOPICS, type Topic } from '@mystranet/schemas/topics'
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream'
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { RouterError } from '../errors.ts'
import {
  type DeadMessage,
  MAX_DEAD_MESSAGES,
  TOPIC_KEEP_MS,
  TOPIC_KNOWN_MS,
  type TopicLease,
  type TopicStream,
  type TopicStreamLimits,
} from '../topic/ports.ts'
import { brisk } from './nats-brisk.ts'
import { codeOf, guarded, isFull, NANOS, nakOf, placeOf, pull, REQUEST_MS } from './nats-pull.ts'
import { applyStream, type WantedStream } from './nats-streams.ts'

export interface NatsTopicOptions extends TopicStreamLimits {
  /** Copies of each message. Default 1. */
  readonly replicas?: number | undefined
}

interface Held {
  readonly topic: Topic
  readonly consumer: string
  readonly message: Uint8Array
  /** Where the server takes acknowledgements of this delivery. */
  readonly ack: string
  readonly untilMs: number
}

/** What headers and subject take of a message beside its payload. */
const HEADROOM_BYTES = 4_096
const FULL_PULL_MS = 50
const DEAD = 'WEAVE_TOPIC_DEAD'
const NONCES = 'WEAVE_TOPIC_NONCES'
const DEAD_BYTES = 64 * 1024 * 1024
const CODE_HEADER = 'Weave-Code'
const CONSUMER_HEADER = 'Weave-Consumer'
const deadSubject = (topic: Topic) => `weave.topic-dead.${topic}`

/** The name of a topic's stream: `ai.anomalies.v1` → `AI_ANOMALIES_V1`. */
export const topicStream = (topic: Topic) => topic.toUpperCase().replaceAll('.', '_')
/** All streams of the topics. */
export const TOPIC_STREAMS: readonly string[] = [...TOPICS.map(topicStream), DEAD, NONCES]

/** @throws {RouterError} `STORE_FAILED` when the streams are not as they must be, or the broker has no JetStream. */
export async function natsTopicStream(connection: NatsConnection, options: NatsTopicOptions): Promise<TopicStream> {
  const broker = brisk(connection)
  const { nc } = broker
  const jsm = await guarded('open the topics', async () => {
    const manager = await jetstreamManager(nc, { timeout: REQUEST_MS })
    for (const wanted of streamsOf(options)) await applyStream(manager, wanted)
    return manager
  })
  const js: JetStreamClient = jetstream(nc, { timeout: REQUEST_MS })
  const consumers = new Map<string, number>()
  const held = new Map<string, Held>()
  const process = `nats.${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`
  let leases = 0

  const room = (nc.info?.max_payload ?? 1024 * 1024) - HEADROOM_BYTES
  const acknowledge = (ack: string, word: string) => nc.request(ack, word, { timeout: REQUEST_MS })
  /** Takes the lease out of those that are held, if it is in force. */
  const take = (lease: string, nowMs: number): Held | undefined => {
    const found = held.get(lease)
    held.delete(lease)
    return found !== undefined && found.untilMs > nowMs ? found : undefined
  }
  const ensureConsumer = async (topic: Topic, consumer: string, leaseMs: number) => {
    const name = `${topic} ${consumer}`
    if (consumers.get(name) === leaseMs) return
    await jsm.consumers.add(topicStream(topic), {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: leaseMs * NANOS,
      max_ack_pending: options.inFlight,
      // Its consumer counts deliveries and buries what it can never take.
      max_deliver: -1,
    })
    consumers.set(name, leaseMs)
  }
  const leaseOf = (topic: Topic, consumer: string, { data, reply }: Msg, untilMs: number): TopicLease => {
    const ack = reply as string
    const lease = `${process}.${++leases}`
    // The driver's bytes are a Buffer.
    const message = Uint8Array.from(data)
    held.set(lease, { topic, consumer, message, ack, untilMs })
    const { delivery, takenMs } = placeOf(ack)
    return { lease, topic, message, delivery, takenMs }
  }
  const publish = async (topic: Topic, id: string, message: Uint8Array) =>
    (await js.publish(topic, message, { msgID: id })).duplicate ? 'known' : 'published'

  return {
    publish: (topic, id, message) =>
      guarded(`publish on ${topic}`, async () => {
        if (message.length > room) {
          const why = `it has ${message.length} bytes and the broker takes ${room}`
          throw new RouterError('PACKET_TOO_LARGE', `Cannot publish on ${topic}: ${why}`)
        }
        try {
          return await publish(topic, id, message)
        } catch (error) {
          if (!isFull(error)) throw error
        }
        await dropDone(jsm, topic)
        return publish(topic, id, message).catch((cause: unknown) => {
          if (!isFull(cause)) throw cause
          const why = 'its consumers have not taken what is there'
          throw new RouterError('TOPIC_FULL', `Cannot publish on ${topic}: ${why}`, { retryAfterMs: 2_000, cause })
        })
      }),
    lease: (topic, consumer, count, nowMs, leaseMs) =>
      guarded(`lease from ${topic}`, async () => {
        await ensureConsumer(topic, consumer, leaseMs)
        for (const [lease, { untilMs }] of held) if (untilMs <= nowMs) held.delete(lease)
        try {
          const { num_ack_pending: out } = await jsm.consumers.info(topicStream(topic), consumer)
          const room = options.inFlight - out
          // Where as many are out as may be, only what ran out comes.
          const [wanted, waitMs] = room > 0 ? [Math.min(count, room)] : [count, FULL_PULL_MS]
          const messages = await broker.ask(() => pull(nc, topicStream(topic), consumer, wanted, waitMs))
          return messages.map((message) => leaseOf(topic, consumer, message, nowMs + leaseMs))
        } catch (error) {
          consumers.delete(`${topic} ${consumer}`)
          throw error
        }
      }),
    acknowledge: (lease, nowMs) =>
      guarded('acknowledge a message', async () => {
        const found = take(lease, nowMs)
        if (found !== undefined) await acknowledge(found.ack, '+ACK')
        return found !== undefined
      }),
    release: (lease, readyMs, nowMs) =>
      guarded('give a message back', async () => {
        const found = take(lease, nowMs)
        if (found !== undefined) await acknowledge(found.ack, nakOf(readyMs - nowMs))
      }),
    bury: (lease, code, nowMs) =>
      guarded('bury a message', async () => {
        const found = take(lease, nowMs)
        if (found === undefined) return false
        const { topic, consumer, message, ack } = found
        const given = headers()
        given.set(CODE_HEADER, code)
        given.set(CONSUMER_HEADER, consumer)
        // Buried first: a crash in between delivers it once more, and it is buried under the same id.
        const msgID = `${topic}.${consumer}.${placeOf(ack).seq}`
        await js.publish(deadSubject(topic), message, { msgID, headers: given })
        await acknowledge(ack, '+TERM')
        return true
      }),
    dead: (limit) => guarded('list dead messages', () => listDead(jsm, limit)),
    bindNonce: (nonce, holder) =>
      guarded('bind a nonce', async () => {
        const subject = `weave.topic-nonce.${nonce}`
        try {
          await js.publish(subject, holder, { expect: { lastSubjectSequence: 0 } })
          return 'fresh'
        } catch (error) {
          if (codeOf(error) !== JetStreamApiCodes.StreamWrongLastSequence) throw error
        }
        const bound = await jsm.direct.getMessage(NONCES, { last_by_subj: subject })
        return bound?.string() === holder ? 'same' : 'replayed'
      }),
  }
}

function streamsOf({ messages, bytes, replicas = 1 }: NatsTopicOptions): readonly WantedStream[] {
  const shared = {
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: replicas,
    allow_direct: true,
  }
  const topics = TOPICS.map((topic) => ({
    ...shared,
    name: topicStream(topic),
    subjects: [topic],
    discard: DiscardPolicy.New,
    max_msgs: messages,
    max_bytes: bytes,
    max_age: TOPIC_KEEP_MS * NANOS,
    duplicate_window: TOPIC_KNOWN_MS * NANOS,
  }))
  const dead = {
    ...shared,
    name: DEAD,
    subjects: ['weave.topic-dead.>'],
    discard: DiscardPolicy.Old,
    max_msgs: MAX_DEAD_MESSAGES,
    max_bytes: DEAD_BYTES,
    duplicate_window: TOPIC_KNOWN_MS * NANOS,
  }
  const nonces = {
    ...shared,
    name: NONCES,
    subjects: ['weave.topic-nonce.>'],
    discard: DiscardPolicy.New,
    max_bytes: -1,
    max_msgs_per_subject: 1,
    max_age: TOPIC_KNOWN_MS * NANOS,
  }
  return [...topics, dead, nonces]
}

/** Drops what every consumer is done with. Without consumers nobody is. */
async function dropDone(jsm: JetStreamManager, topic: Topic): Promise<void> {
  const stream = topicStream(topic)
  const floors: number[] = []
  for await (const { ack_floor } of jsm.consumers.list(stream)) floors.push(ack_floor.stream_seq)
  if (floors.length > 0) await jsm.streams.purge(stream, { seq: Math.min(...floors) + 1 })
}

async function listDead(jsm: JetStreamManager, limit: number): Promise<readonly DeadMessage[]> {
  const { state } = await jsm.streams.info(DEAD)
  const letters: DeadMessage[] = []
  for (let seq = state.last_seq; seq >= Math.max(1, state.first_seq) && letters.length < limit; seq--) {
    const found = await jsm.direct.getMessage(DEAD, { seq })
    const topic = TOPICS.find((each) => found !== null && deadSubject(each) === found.subject)
    const code = found?.header.get(CODE_HEADER)
    if (found === null || topic === undefined || code === undefined || !isCode(code)) continue
    const consumer = found.header.get(CONSUMER_HEADER)
    letters.push({ topic, consumer, code, message: Uint8Array.from(found.data), atMs: found.time.getTime() })
  }
  return letters
}

const isCode = (text: string): text is Code => Object.hasOwn(CODES, text)
