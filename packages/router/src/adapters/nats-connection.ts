/**
 * One connection to a NATS server over TCP, for whatever this process says to it.
 *
 * @module
 */
import type { NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { openBroker } from './nats-broker.ts'

/** @param url `nats://host:port` or `tls://host:port`. @throws {RouterError} as {@link openBroker}. */
export const connectNats = (url: string, name: string): Promise<NatsConnection> => openBroker(url, name, connect)
