/**
 * What every connection to a broker asks of it, whatever carries the bytes.
 *
 * @module
 */
import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core'
import { RouterError } from '../errors.ts'

/** JetStream's limits for each subject and its work queues are as we need them from here on. */
const LEAST_SERVER = [2, 10] as const
const CONNECT_MS = 5_000
const RECONNECT_MS = 250

/**
 * Connects, and keeps connecting again for as long as the connection is wanted.
 *
 * @param url `scheme://host:port`, with `user:password@` where the server wants it.
 * @param open Opens it over one kind of carrier.
 * @throws {RouterError} `STORE_FAILED` when nobody answers there, or a server before 2.10 does.
 */
export async function openBroker(
  url: string,
  name: string,
  open: (options: ConnectionOptions) => Promise<NatsConnection>,
): Promise<NatsConnection> {
  const nc = await open(optionsOf(url, name)).catch((cause: unknown) => {
    throw new RouterError('STORE_FAILED', `Cannot reach the broker at ${placeOf(url)}: it does not answer or refuses`, {
      cause,
    })
  })
  const version = nc.info?.version ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < LEAST_SERVER[0] || (major === LEAST_SERVER[0] && minor < LEAST_SERVER[1])) {
    await nc.close()
    throw new RouterError('STORE_FAILED', `Cannot use the broker at ${placeOf(url)}: it is ${version}, wanted 2.10`)
  }
  return nc
}

function optionsOf(url: string, name: string): ConnectionOptions {
  const { protocol, host, username, password, pathname } = new URL(url)
  const isWebSocket = protocol === 'ws:' || protocol === 'wss:'
  return {
    servers: isWebSocket ? `${protocol}//${host}${pathname}` : host,
    name,
    timeout: CONNECT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    pingInterval: 5_000,
    maxPingOut: 2,
    ...(username !== '' && { user: decodeURIComponent(username) }),
    ...(password !== '' && { pass: decodeURIComponent(password) }),
    ...(protocol === 'tls:' && { tls: {} }),
  }
}

/** A URL without its password. */
const placeOf = (url: string): string => new URL(url).host
