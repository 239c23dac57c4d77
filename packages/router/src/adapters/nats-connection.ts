/**
 * One connection to a NATS server, for whatever this process says to it.
 *
 * @module
 */
import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { RouterError } from '../errors.ts'

/** JetStream's limits for each subject and its work queues are as we need them from here on. */
const LEAST_SERVER = [2, 10] as const
const CONNECT_MS = 5_000
const RECONNECT_MS = 250

/**
 * Connects, and keeps connecting again for as long as the process lives.
 *
 * @param url `nats://host:port` or `tls://host:port`, with `user:password@` where the server wants it.
 * @throws {RouterError} `STORE_FAILED` when nobody answers there, or a server before 2.10 does.
 */
export async function connectNats(url: string, name: string): Promise<NatsConnection> {
  const nc = await connect(optionsOf(url, name)).catch((cause: unknown) => {
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
  const { protocol, host, username, password } = new URL(url)
  return {
    servers: host,
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
