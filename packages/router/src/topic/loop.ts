/**
 * The detector's loop on the topics: its findings are published as an enrolled instance's, and what comes back is admitted,
 * checked against the log, and taken in.
 *
 * @module
 */
import {
  type BookedFinding,
  createLoop,
  type FeedbackStore,
  type Loop,
  type LoopDeps,
  type Outbox,
  type OutboxLimits,
  type Taken,
} from '@mystranet/detector/loop'
import { type CommitFeedback, parseSigned, type Topic, type TopicMessages } from '@mystranet/schemas/topics'
import { equalBytes, fromHex, toHex } from '@mystranet/sdk/bytes'
import { type DocumentSigner, documentDigest } from '@mystranet/sdk/envelope'
import type { LeafKind } from '@mystranet/sdk/proof/leaf'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { RouterError } from '../errors.ts'
import type { Trace } from '../trace.ts'
import { LEAF_OF } from './findings.ts'
import { signMessage } from './sign.ts'
import type { TopicConsumer, Topics } from './topics.ts'

/** Finds a leaf of the log by its name. */
interface LeafFinder {
  find(name: {
    readonly kind: LeafKind
    readonly subject: Uint8Array
    readonly attempt: number
  }): Promise<{ readonly leaf: Uint8Array; readonly leafIndex: bigint } | undefined>
}

export interface LoopWiring {
  readonly topics: Topics
  readonly log: LeafFinder
  readonly metrics: LoopDeps['metrics']
  readonly trace: Trace
  readonly network: Uint8Array
  /** The instance that findings are of; enrolled. */
  readonly producerId: Uint8Array
  /** Its packet key, live. */
  readonly key: DocumentSigner
  readonly outbox: Outbox
  readonly limits: OutboxLimits
  readonly feedback: FeedbackStore
  /** Of the model manifests in force. */
  readonly boundOf: LoopDeps['boundOf']
  nowMs(): number
  random(bytes: number): Uint8Array
}

export interface WiredLoop extends Loop {
  /** Publishes what is due, then takes in what came back. Never rejects. */
  tick(): Promise<void>
}

/** Wires a loop. Its owner calls `tick`, and `close` before the topics close. */
export function wireLoop(wiring: LoopWiring): WiredLoop {
  const { topics, log, metrics, trace, network, producerId, key, outbox, limits, feedback } = wiring
  const loop = createLoop({
    outbox,
    limits,
    feedback,
    metrics,
    signer: {
      network,
      producerId,
      publicKey: key.publicKey,
      async sign(topic, message) {
        const bytes = await signMessage(topic, message as TopicMessages[typeof topic], key)
        return { message: bytes, digest: documentDigest('finding', parseSigned(bytes).body) }
      },
    },
    publish: (topic, message) => topics.publish(topic, message),
    isLogged: (finding, leaf) => isLogged(log, finding, leaf),
    boundOf: wiring.boundOf,
    onFault: (error) => trace.fault('detector', error),
    nowMs: wiring.nowMs,
    random: wiring.random,
    chance: Math.random,
  })
  const consumers = consumersOf(topics, loop, metrics, `detector${toHex(producerId).slice(0, 16)}`)
  let ticking: Promise<void> | undefined
  const tickOnce = async () => {
    await loop.pump()
    await Promise.all(consumers.map(({ pump }) => pump()))
  }
  return {
    ...loop,
    tick() {
      ticking ??= tickOnce().finally(() => {
        ticking = undefined
      })
      return ticking
    },
  }
}

/** @param name Each detector hears everything: its own name among the consumers. */
function consumersOf(topics: Topics, { desk }: Loop, metrics: LoopDeps['metrics'], name: string): TopicConsumer[] {
  const consume = <T extends Topic>(topic: T, take: (message: TopicMessages[T]) => Promise<Taken>) =>
    topics.consume(topic, name, async ({ message }) => {
      const taken = await take(message)
      metrics.count('weave_feedback_total', { topic, taken })
      if (taken === 'mismatch')
        throw new RouterError('LEAF_MISMATCH', 'Cannot take the message: the log holds no such leaf')
    })
  return [
    consume('control.commits.v1', desk.commit),
    consume('control.evidence.v1', desk.evidence),
    consume('control.policy.v1', desk.policy),
    consume('control.reputation.v1', desk.reputation),
  ]
}

/** Whether the log holds one of what was signed under the finding's id, there and with that hash. */
async function isLogged(
  log: LeafFinder,
  { topic, digests }: BookedFinding,
  told: Pick<CommitFeedback, 'leafIndex' | 'leafHash'>,
): Promise<boolean> {
  for (const digest of digests) {
    const found = await log.find({ kind: LEAF_OF[topic], subject: fromHex(digest) as Uint8Array, attempt: 0 })
    if (found !== undefined)
      return found.leafIndex === told.leafIndex && equalBytes(hashLeaf(found.leaf), told.leafHash)
  }
  return false
}
