/**
 * The topics `ai.*` and `control.*` as durable streams: whoever consumes one does so under a name, and gets every message
 * of it at least once. Two adapters, SQLite and JetStream, pass one contract suite.
 *
 * A rejection means that the write may have happened; every write is such that doing it again has no second effect.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'
import type { Topic } from '@mystranet/schemas/topics'

/** One delivery of a message to one consumer. */
export interface TopicLease {
  readonly lease: string
  readonly topic: Topic
  /** Exact bytes that were published, an encoded SignedMessage; attacker-controlled. */
  readonly message: Uint8Array
  /** Which delivery to this consumer it is, from 1. */
  readonly delivery: number
  /** When the stream took the message in, by the stream's clock. */
  readonly takenMs: number
}

/** A message that a consumer can never take, and why. */
export interface DeadMessage {
  readonly topic: Topic
  readonly consumer: string
  readonly code: Code
  readonly message: Uint8Array
  readonly atMs: number
}

export interface TopicStreamLimits {
  /** Messages of one topic that are kept. */
  readonly messages: number
  /** Bytes of one topic that are kept, about. */
  readonly bytes: number
  /** Deliveries to one consumer that are out at a time. */
  readonly inFlight: number
}

/** So long a message is kept for consumers that have not taken it. */
export const TOPIC_KEEP_MS = 7 * 86_400_000
/** So long an id and a nonce are known, at least. */
export const TOPIC_KNOWN_MS = 86_400_000
/** Dead messages that are kept, of all topics. The oldest go first. */
export const MAX_DEAD_MESSAGES = 1_000

/**
 * A message is kept for {@link TOPIC_KEEP_MS}, or until room is wanted and every consumer is done with it. Times are the
 * caller's clock, unless the adapter has one of its own.
 */
export interface TopicStream {
  /**
   * Durable when it resolves. A second message under the same id has no effect for {@link TOPIC_KNOWN_MS}.
   *
   * @param id Letters, digits and points, at most 256: what a producer calls its message.
   * @throws {RouterError} `TOPIC_FULL`: a limit is reached, nothing was published. `PACKET_TOO_LARGE`: the carrier takes no
   *   message of that size. `STORE_FAILED`: it may have been published.
   */
  publish(topic: Topic, id: string, message: Uint8Array, nowMs: number): Promise<'published' | 'known'>
  /**
   * Up to `count` messages for a consumer, oldest first among those that are ready. A new name begins at the oldest that is
   * kept. A lease that ran out counts as given back.
   *
   * @param consumer Letters and digits.
   */
  lease(topic: Topic, consumer: string, count: number, nowMs: number, leaseMs: number): Promise<readonly TopicLease[]>
  /** The consumer is done with it. @returns false when the lease is not in force any more. */
  acknowledge(lease: string, nowMs: number): Promise<boolean>
  /** Gives it back, to be delivered again not before `readyMs`. Without effect when the lease is not in force. */
  release(lease: string, readyMs: number, nowMs: number): Promise<void>
  /** Makes it a dead message of this consumer, once. @returns false when the lease is not in force any more. */
  bury(lease: string, code: Code, nowMs: number): Promise<boolean>
  /** Newest first. */
  dead(limit: number): Promise<readonly DeadMessage[]>
  /**
   * Binds a nonce to the one thing that may use it, for {@link TOPIC_KNOWN_MS} at least. Atomic, durable when it resolves.
   *
   * @param nonce Letters, digits and points. @param holder Letters and digits.
   */
  bindNonce(nonce: string, holder: string, nowMs: number): Promise<'fresh' | 'same' | 'replayed'>
}
