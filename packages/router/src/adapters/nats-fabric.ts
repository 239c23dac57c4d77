/**
 * All that a router has on a broker: its queue, its topics, its answers, its agents, and the edges that ask it.
 *
 * @module
 */
import type { NexusDoor } from '../door.ts'
import type { AgentLinks, AnswerStore, PacketQueue } from '../ports.ts'
import type { TopicStream, TopicStreamLimits } from '../topic/ports.ts'
import { natsAnswerStore } from './nats-answers.ts'
import { connectNats } from './nats-connection.ts'
import { natsLinks } from './nats-links.ts'
import { type NexusService, serveNexus } from './nats-nexus-serve.ts'
import { type NatsQueueOptions, natsPacketQueue } from './nats-queue.ts'
import { natsTopicStream } from './nats-topics.ts'

export interface NatsFabric {
  readonly queue: PacketQueue
  readonly topics: TopicStream
  /** Undefined: they are kept elsewhere. */
  readonly answers: AnswerStore | undefined
  /** Answers edges from now on. Call it once. */
  serve(door: NexusDoor): void
  /** Tells the agents, and leaves the broker. */
  close(): Promise<void>
}

export interface NatsFabricOptions extends NatsQueueOptions {
  readonly url: string
  readonly links: Pick<AgentLinks, 'attach'>
  readonly topics: TopicStreamLimits
  /** Whether answers are kept here. */
  readonly keepsAnswers: boolean
  /** A fault of ours while an edge was answered. */
  onFault(error: unknown): void
  /** Called once when the connection is gone for good: the broker refuses this client, say. */
  onLost(cause: unknown): void
}

/** @throws {RouterError} `STORE_FAILED` when the broker is not there, too old, or its streams are others. */
export async function openNatsFabric({
  url,
  links,
  topics: limits,
  keepsAnswers,
  onLost,
  onFault,
  ...options
}: NatsFabricOptions): Promise<NatsFabric> {
  const nc = await connectNats(url, 'weave router')
  try {
    const queue = await natsPacketQueue(nc, options)
    const topics = await natsTopicStream(nc, { ...limits, replicas: options.replicas })
    const { replicas = 1, maxBytes = -1 } = options
    const answers = keepsAnswers ? await natsAnswerStore(nc, { replicas, maxBytes }) : undefined
    const linked = natsLinks(nc, links)
    let isClosing = false
    let service: NexusService | undefined
    void nc.closed().then((cause) => {
      if (!isClosing) onLost(cause)
    })
    return {
      queue,
      topics,
      answers,
      serve(door) {
        service = serveNexus({ nc, door, onFault })
      },
      async close() {
        isClosing = true
        service?.close()
        linked.close()
        await nc.drain()
      },
    }
  } catch (error) {
    await nc.close()
    throw error
  }
}
