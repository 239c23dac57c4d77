/**
 * Agents over a broker: each dials its session under `weave.agent.{instance}.{session}` and is answered under
 * `weave.control.{instance}.{session}`. Core NATS carries the datagrams and may lose them; the session of
 * `@mystranet/schemas/link-session` loses nothing.
 *
 * Who may publish under an instance's subjects is the broker's to say, by its accounts. What it lets through is trusted for
 * bookkeeping only: nobody enrols over it, and packets, frames and receipts carry their own proof.
 *
 * @module
 */
import { beginsSession, createLinkSession, goneDatagram, type LinkSession } from '@mystranet/schemas/link-session'
import { decodeAgentMessage, encodeRouterMessage } from '@mystranet/schemas/link-wire'
import { fromHex } from '@mystranet/sdk/bytes'
import type { Msg, NatsConnection } from '@nats-io/nats-core'
import type { AgentLinks, AttachedAgent } from '../ports.ts'

export interface NatsLinks {
  /** Tells every agent that it is gone, and listens no more. */
  close(): void
}

interface Linked {
  readonly instance: string
  readonly session: LinkSession
  readonly attached: AttachedAgent
}

const TICK_MS = 50
const MAX_DATAGRAM_BYTES = 512 * 1024
const MAX_SESSIONS = 4_096
const SUBJECT = /^weave\.agent\.([0-9a-f]{64})\.([0-9a-f]{32})$/

/** Listens for agents, and attaches those that come. */
export function natsLinks(nc: NatsConnection, links: Pick<AgentLinks, 'attach'>): NatsLinks {
  const sessions = new Map<string, Linked>()
  let isConnected = true
  const datagramBytes = Math.min(MAX_DATAGRAM_BYTES, nc.info?.max_payload ?? MAX_DATAGRAM_BYTES)

  const publish = (name: string, datagram: Uint8Array) => {
    // What is sent into a broken connection would be kept and sent with all that is sent again.
    if (isConnected && !nc.isClosed()) nc.publish(`weave.control.${name}`, datagram)
  }
  const open = (name: string, instance: string): Linked => {
    const session = createLinkSession({
      datagramBytes,
      nowMs: Date.now(),
      send: (datagram) => publish(name, datagram),
      receive(bytes) {
        const message = decodeAgentMessage(bytes)
        if (message !== undefined) attached.receive(message)
      },
      ended() {
        sessions.delete(name)
        attached.lost()
      },
    })
    const attached = links.attach({
      instance: fromHex(instance) as Uint8Array,
      mayEnrol: false,
      send(message) {
        if (!sessions.has(name)) throw new Error('the agent is gone')
        session.send(encodeRouterMessage(message), Date.now())
      },
    })
    const linked = { instance, session, attached }
    sessions.set(name, linked)
    return linked
  }
  const close = (name: string, { session, attached }: Linked) => {
    sessions.delete(name)
    session.close()
    attached.lost()
  }

  const take = ({ subject, data }: Msg) => {
    const [, instance, session] = SUBJECT.exec(subject) ?? []
    if (instance === undefined || session === undefined) return
    const name = `${instance}.${session}`
    const known = sessions.get(name)
    if (known !== undefined) return known.session.take(data, Date.now())
    if (!beginsSession(data)) return publish(name, goneDatagram())
    // An agent that begins anew has lost its session before.
    for (const [other, linked] of sessions) if (linked.instance === instance) close(other, linked)
    if (sessions.size < MAX_SESSIONS) open(name, instance).session.take(data, Date.now())
  }
  const subscription = nc.subscribe('weave.agent.*.*', {
    callback: (error, message) => {
      if (error === null) take(message)
    },
  })
  const timer = setInterval(() => {
    if (isConnected) for (const { session } of [...sessions.values()]) session.tick(Date.now())
  }, TICK_MS)
  timer.unref()
  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') isConnected = false
      if (type !== 'reconnect') continue
      isConnected = true
      for (const { session } of [...sessions.values()]) session.renew(Date.now())
    }
  }
  void watch()

  return {
    close() {
      clearInterval(timer)
      subscription.unsubscribe()
      for (const [name, linked] of sessions) close(name, linked)
    },
  }
}
