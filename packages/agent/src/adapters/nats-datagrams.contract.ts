/**
 * Datagrams of a broker as a test plays a router with them.
 *
 * @module
 */
import { connect } from '@nats-io/transport-node'

export interface Datagrams {
  publish(subject: string, datagram: Uint8Array): void
  close(): Promise<void>
}

/** Listens on a subject until it is closed. */
export async function openDatagrams(
  url: string,
  subject: string,
  heard: (subject: string, datagram: Uint8Array) => void,
): Promise<Datagrams> {
  const nc = await connect({ servers: new URL(url).host, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
  nc.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) heard(message.subject, message.data)
    },
  })
  await nc.flush()
  return {
    publish: (to, datagram) => {
      if (!nc.isClosed()) nc.publish(to, datagram)
    },
    close: () => nc.close(),
  }
}
