// A real broker for the tests of one file, without the streams of the test before.
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type Broker, startBroker } from '../../../../scripts/broker/server.ts'
import { connectNats } from './nats-connection.ts'

interface TestBroker {
  /** From the first test on. */
  readonly broker: Broker
  /** Closed after the test. */
  connect(): Promise<NatsConnection>
}

/** Starts a broker for the tests around, and ends it after them. @param streams That each test finds absent. */
export function testBroker(streams: readonly string[]): TestBroker {
  let broker: Broker
  const connections: NatsConnection[] = []
  const connect = async () => {
    const nc = await connectNats(broker.url, 'test')
    connections.push(nc)
    return nc
  }
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.remove())
  beforeEach(async () => {
    const jsm = await jetstreamManager(await connect())
    for (const name of streams) {
      // A stream that was deleted gives its messages to the next one of its name, if that comes at once.
      await jsm.streams.purge(name).catch(() => {})
      await jsm.streams.delete(name).catch(() => {})
    }
  })
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((nc) => nc.close()))
  })
  return {
    get broker() {
      return broker
    },
    connect,
  }
}
