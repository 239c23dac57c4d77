/**
 * One connection to a NATS server over WebSocket: what runtimes without sockets have, and all others as well.
 *
 * @module
 */
import { type NatsConnection, wsconnect } from '@nats-io/nats-core'
import { openBroker } from './nats-broker.ts'

/** @param url `ws://host:port` or `wss://host:port`. @throws {RouterError} as {@link openBroker}. */
export const connectWebSocket = (url: string, name: string): Promise<NatsConnection> => openBroker(url, name, wsconnect)
