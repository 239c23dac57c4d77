import { createLinkSession, type LinkSession, type SessionEnd } from '@mystranet/schemas/link-session'
import { decodeRouterMessage, encodeAgentMessage } from '@mystranet/schemas/link-wire'
import { fromHex } from '@mystranet/sdk/bytes'
import type { NatsConnection } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../../../scripts/broker/server.ts'
import { createAgentLinks } from '../agent-links.ts'
import { connectNats } from './nats-connection.ts'
import { natsLinks } from './nats-links.ts'

const A = 'aa'.repeat(32)
const B = 'bb'.repeat(32)
let broker: Broker
const open: (() => unknown)[] = []
beforeAll(async () => {
  broker = await startBroker()
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})
afterAll(() => broker.remove())

async function connect(): Promise<NatsConnection> {
  const nc = await connectNats(broker.url, 'test')
  open.push(() => nc.close())
  return nc
}

/** One agent's end, under the subjects of `instance`. */
async function dial(nc: NatsConnection, instance: string, name: string) {
  const subject = `${instance}.${name.repeat(32)}`
  const heard: unknown[] = []
  let why: SessionEnd | undefined
  const session: LinkSession = createLinkSession({
    datagramBytes: 4_096,
    nowMs: Date.now(),
    send: (datagram) => nc.publish(`weave.agent.${subject}`, datagram),
    receive: (bytes) => heard.push(decodeRouterMessage(bytes)),
    ended: (end) => {
      why = end
    },
  })
  nc.subscribe(`weave.control.${subject}`, { callback: (_, { data }) => session.take(data, Date.now()) })
  await nc.flush()
  const hello = (as: string) =>
    session.send(
      encodeAgentMessage({ type: 'hello', instance: fromHex(as) as Uint8Array, slots: 1, models: ['m'] }),
      Date.now(),
    )
  return { session, heard, hello, why: () => why, subject }
}

describe('natsLinks', () => {
  const listen = async () => {
    const links = createAgentLinks(Date.now)
    const enrolling: boolean[] = []
    links.listen(
      (from) => enrolling.push(from.mayEnrol),
      () => undefined,
    )
    const linked = natsLinks(await connect(), links)
    open.push(() => linked.close())
    return { links, linked, enrolling, agents: () => links.agents().map(({ instance }) => instance) }
  }

  it('links who says hello under its own name, and lets nobody enrol', async () => {
    const { links, agents, enrolling } = await listen()
    const agent = await dial(await connect(), A, '1')
    agent.hello(A)
    await expect.poll(agents).toEqual([A])
    expect(enrolling).toEqual([false])
    expect(links.send(A, { type: 'drain' })).toBe(true)
    await expect.poll(() => agent.heard).toEqual([{ type: 'drain' }])
  })

  it('takes no hello under the name of another', async () => {
    const { agents, enrolling } = await listen()
    const agent = await dial(await connect(), A, '1')
    agent.hello(B)
    agent.hello(A)
    await expect.poll(agents).toEqual([A])
    expect(enrolling).toHaveLength(1)
  })

  it('gives up the session before when an agent begins anew, and loses who closes', async () => {
    const { agents } = await listen()
    const nc = await connect()
    const first = await dial(nc, A, '1')
    first.hello(A)
    await expect.poll(agents).toEqual([A])
    const second = await dial(nc, A, '2')
    second.hello(A)
    await expect.poll(first.why).toBe('closed')
    expect(agents()).toEqual([A])
    second.session.close()
    await expect.poll(agents).toEqual([])
  })

  it('tells a session that it does not know, and all of them when it closes', async () => {
    const { agents, linked } = await listen()
    const nc = await connect()
    const stranger = await dial(nc, B, '1')
    nc.publish(`weave.agent.${stranger.subject}`, Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0, 0))
    await expect.poll(stranger.why).toBe('gone')
    const agent = await dial(nc, A, '1')
    agent.hello(A)
    await expect.poll(agents).toEqual([A])
    linked.close()
    await expect.poll(agent.why).toBe('closed')
    expect(agents()).toEqual([])
  })
})
