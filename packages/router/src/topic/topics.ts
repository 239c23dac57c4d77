/**
 * Publishing on the topics and consuming them. Nothing is published or taken that {@link admitMessage} does not let
 * through: what it refuses for good becomes a dead message, what failed is delivered again.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import type { Topic } from '@mystranet/schemas/topics'
import { toHex } from '@mystranet/sdk/bytes'
import { RouterError, refusalOf } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import type { Trace } from '../trace.ts'
import { type AdmittedMessage, admitMessage, type Producers } from './admit.ts'
import type { DeadMessage, TopicLease, TopicStream } from './ports.ts'

export interface TopicsDeps {
  readonly stream: TopicStream
  readonly producers: Producers
  readonly trace: Trace
  readonly metrics: Pick<Metrics, 'count'>
  /** Messages that may be on their way to the stream at a time. Default 64. */
  readonly maxPublishing?: number | undefined
  nowMs(): number
}

export interface TopicConsumer {
  /** Takes what is ready. Never rejects. @returns how many messages it was given. */
  pump(): Promise<number>
}

export interface Topics {
  /**
   * Publishes an encoded SignedMessage, once for each id of its producer.
   *
   * @param message Attacker-controlled.
   * @throws {PacketError | RouterError} what {@link admitMessage} throws; `TOPIC_FULL`: nothing was published;
   *   `STORE_FAILED`: it may have been, and may be published again.
   */
  publish(topic: Topic, message: Uint8Array): Promise<'published' | 'known'>
  /**
   * Consumes a topic under a name; one that comes back under it goes on where it was.
   *
   * @param take Takes a message in. Must be idempotent by the message's id: it may be given one twice. Rejects with a
   *   refusal that no retry mends, and the message is dead; with anything else, and it is given the message again.
   */
  consume<T extends Topic>(topic: T, name: string, take: (message: AdmittedMessage<T>) => Promise<void>): TopicConsumer
  /** What consumers could never take, newest first. */
  dead(limit: number): Promise<readonly DeadMessage[]>
}

const MAX_PUBLISHING = 64
const BATCH = 16
const LEASE_MS = 30_000
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 15_000
/** About four minutes of pauses. */
const MAX_DELIVERIES = 20

export function createTopics(deps: TopicsDeps): Topics {
  const { stream, producers, nowMs, maxPublishing = MAX_PUBLISHING } = deps
  let publishing = 0
  return {
    async publish(topic, message) {
      if (publishing >= maxPublishing) {
        throw new RouterError('TOPIC_FULL', `Cannot publish on ${topic}: ${publishing} messages are on their way`)
      }
      publishing += 1
      try {
        const { id } = await admitMessage(topic, message, producers, nowMs())
        return await stream.publish(topic, id, message, nowMs())
      } finally {
        publishing -= 1
      }
    },
    consume: (topic, name, take) => consumerOf(deps, topic, name, take),
    dead: (limit) => stream.dead(limit),
  }
}

function consumerOf<T extends Topic>(
  { stream, producers, trace, metrics, nowMs }: TopicsDeps,
  topic: T,
  name: string,
  take: (message: AdmittedMessage<T>) => Promise<void>,
): TopicConsumer {
  const takeOne = async ({ message, takenMs }: TopicLease) => {
    const admitted = await admitMessage(topic, message, producers, takenMs)
    // The same message again is no replay: it was given back, or its acknowledgement was lost.
    const bound = await stream.bindNonce(admitted.nonce, toHex(admitted.digest), nowMs())
    if (bound === 'replayed') {
      throw new RouterError('REPLAYED', 'Cannot take the message: another one of its producer used its nonce')
    }
    await take(admitted)
  }
  const settle = async (leased: TopicLease): Promise<unknown> => {
    try {
      await takeOne(leased)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'INTERNAL') trace.fault('topic', error)
      if (code === 'SIGNATURE_INVALID') metrics.count('weave_signature_failures_total')
      if (CODES[code].remedy !== 'retry' || leased.delivery >= MAX_DELIVERIES) {
        trace.stage('bury', { kind: topic, code })
        metrics.count('weave_topic_dead_total', { topic, code })
        return stream.bury(leased.lease, code, nowMs())
      }
      metrics.count('weave_topic_retries_total', { topic, code })
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (leased.delivery - 1))
      return stream.release(leased.lease, nowMs() + pauseMs, nowMs())
    }
    return stream.acknowledge(leased.lease, nowMs())
  }
  const pumpOnce = async () => {
    const leased = await stream.lease(topic, name, BATCH, nowMs(), LEASE_MS)
    // A lease that could not be settled runs out, and the message comes again.
    await Promise.all(leased.map((each) => settle(each).catch((error: unknown) => trace.fault('topic', error))))
    return leased.length
  }
  let pumping: Promise<number> | undefined
  return {
    pump() {
      pumping ??= pumpOnce()
        .catch((error: unknown) => {
          trace.fault('topic', error)
          return 0
        })
        .finally(() => {
          pumping = undefined
        })
      return pumping
    },
  }
}

const codeOf = (error: unknown): Code => refusalOf(error)?.code ?? 'INTERNAL'
