/**
 * All that a router has on a broker: its queue, and its agents.
 *
 * @module
 */
import type { AgentLinks, PacketQueue } from '../ports.ts'
import { connectNats } from './nats-connection.ts'
import { natsLinks } from './nats-links.ts'
import { type NatsQueueOptions, natsPacketQueue } from './nats-queue.ts'

export interface NatsFabric {
  readonly queue: PacketQueue
  /** Tells the agents, and leaves the broker. */
  close(): Promise<void>
}

export interface NatsFabricOptions extends NatsQueueOptions {
  readonly url: string
  readonly links: Pick<AgentLinks, 'attach'>
  /** Called once when the connection is gone for good: the broker refuses this client, say. */
  onLost(cause: unknown): void
}

/** @throws {RouterError} `STORE_FAILED` when the broker is not there, too old, or its streams are others. */
export async function openNatsFabric({ url, links, onLost, ...options }: NatsFabricOptions): Promise<NatsFabric> {
  const nc = await connectNats(url, 'weave router')
  try {
    const queue = await natsPacketQueue(nc, options)
    const linked = natsLinks(nc, links)
    let isClosing = false
    void nc.closed().then((cause) => {
      if (!isClosing) onLost(cause)
    })
    return {
      queue,
      async close() {
        isClosing = true
        linked.close()
        await nc.drain()
      },
    }
  } catch (error) {
    await nc.close()
    throw error
  }
}
