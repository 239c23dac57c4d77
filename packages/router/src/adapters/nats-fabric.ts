/**
 * All that a router has on a broker: its queue, its topics, its agents, and the edges that ask it.
 *
 * @module
 */
import type { NexusDoor } from '../door.ts'
import type { AgentLinks, PacketQueue } from '../ports.ts'
import type { TopicStream, TopicStreamLimits } from '../topic/ports.ts'
import { connectNats } from './nats-connection.ts'
import { natsLinks } from './nats-links.ts'
import { type NexusService, serveNexus } from './nats-nexus-serve.ts'
import { type NatsQueueOptions, natsPacketQueue } from './nats-queue.ts'
import { natsTopicStream } from './nats-topics.ts'

export interface NatsFabric {
  readonly queue: PacketQueue
  readonly topics: TopicStream
  /** Answers edges from now on. Call it once. */
  serve(door: NexusDoor): void
  /** Tells the agents, and leaves the broker. */
  close(): Promise<void>
}

export interface NatsFabricOptions extends NatsQueueOptions {
  readonly url: string
  readonly links: Pick<AgentLinks, 'attach'>
  readonly topics: TopicStreamLimits
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
  onLost,
  onFault,
  ...options
}: NatsFabricOptions): Promise<NatsFabric> {
  const nc = await connectNats(url, 'weave router')
  try {
    const queue = await natsPacketQueue(nc, options)
    const topics = await natsTopicStream(nc, { ...limits, replicas: options.replicas })
    const linked = natsLinks(nc, links)
    let isClosing = false
    let service: NexusService | undefined
    void nc.closed().then((cause) => {
      if (!isClosing) onLost(cause)
    })
    return {
      queue,
      topics,
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
