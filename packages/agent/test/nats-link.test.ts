import { randomBytes } from 'node:crypto'
import { beginsSession, createLinkSession, goneDatagram, type LinkSession } from '@mystranet/schemas/link-session'
import { decodeAgentMessage, encodeRouterMessage } from '@mystranet/schemas/link-wire'
import { toHex } from '@mystranet/sdk/bytes'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { type Datagrams, openDatagrams } from '../src/adapters/nats-datagrams.contract.ts'
import { natsLink } from '../src/adapters/nats-link.ts'
import { describeLink, type LinkUnderTest } from '../src/link.contract.ts'

let broker: Broker
const open: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  broker = await startBroker()
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})
afterAll(() => broker.remove())

/** The router's end of one session, on a connection of its own. */
async function natsPair(): Promise<LinkUnderTest & { readonly carrier: Datagrams }> {
  const instance = new Uint8Array(randomBytes(32))
  const received: unknown[] = []
  let session: LinkSession | undefined
  let isGone = false
  const carrier = await openDatagrams(broker.url, `weave.agent.${toHex(instance)}.*`, (subject, data) => {
    const answer = (datagram: Uint8Array) => carrier.publish(subject.replace('weave.agent', 'weave.control'), datagram)
    if (isGone || (session === undefined && !beginsSession(data))) return answer(goneDatagram())
    session ??= createLinkSession({
      datagramBytes: 4_096,
      nowMs: Date.now(),
      send: answer,
      receive: (bytes) => received.push(decodeAgentMessage(bytes)),
      ended: () => undefined,
    })
    session.take(data, Date.now())
  })
  const link = await natsLink({ url: broker.url, instance })
  const timer = setInterval(() => session?.tick(Date.now()), 20)
  // The router knows of the link by its first message, as of every agent's.
  const early: Uint8Array[] = []
  const push: LinkUnderTest['push'] = (message) => {
    const bytes = encodeRouterMessage(message)
    if (session !== undefined) return session.send(bytes, Date.now())
    if (early.push(bytes) > 1) return
    link.send({ type: 'log', line: 'hello' })
    const poll = setInterval(() => {
      if (session === undefined) return
      clearInterval(poll)
      received.length = 0
      for (const each of early.splice(0)) session.send(each, Date.now())
    }, 5)
  }
  open.push(() => link.close())
  open.push(async () => {
    clearInterval(timer)
    await carrier.close()
  })
  return {
    link,
    push,
    carrier,
    received: () => received,
    end() {
      isGone = true
      link.send({ type: 'log', line: 'anybody there?' })
    },
  }
}

describeLink('natsLink', natsPair)

describe('natsLink()', () => {
  it('outlives a broker that is killed and started again: nothing is lost, doubled or swapped', async () => {
    const { link, push, received } = await natsPair()
    const got: number[] = []
    void (async () => {
      for await (const message of link.messages) if (message.type === 'refused') got.push(message.id)
    })()
    link.send({ type: 'progress', lease: 'first' })
    await expect.poll(() => received().length).toBe(1)
    await broker.stop('SIGKILL')
    for (let i = 0; i < 50; i++) {
      link.send({ type: 'progress', lease: `${i}` })
      push({ type: 'refused', id: i, code: 'LOG_BUSY', message: '' })
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await broker.start()
    await expect.poll(() => [received().length, got.length], { timeout: 10_000 }).toEqual([51, 50])
    const leases = (received() as { lease: string }[]).map(({ lease }) => lease)
    expect(leases).toEqual(['first', ...Array.from({ length: 50 }, (_, i) => `${i}`)])
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => i))
  }, 30_000)
})
