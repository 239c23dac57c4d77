import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import { createLinkSession } from '@mystranet/schemas/link-session'
import { decodeRouterMessage, encodeAgentMessage } from '@mystranet/schemas/link-wire'
import { toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { connect } from '@nats-io/transport-node'
import type { Link } from '../ports.ts'

export interface NatsLinkOptions {
  /** `nats://host:port` or `tls://host:port`, with `user:password@` where the broker wants it. */
  readonly url: string
  /** Instance id: the subjects are named by it. */
  readonly instance: Uint8Array
}

const TICK_MS = 50
const MAX_DATAGRAM_BYTES = 512 * 1024
const RECONNECT_MS = 250
/** How long `close` waits until all that was sent has arrived. */
const HAND_OVER_MS = 5_000

/**
 * {@link Link} over a NATS server, which this dials; waits until there is one. It outlives a broker that restarts: what was
 * not acknowledged is sent again. It ends when the router is silent for 15 s, does not know the session, or closes it.
 *
 * @throws {PacketError} `ROUTER_UNREACHABLE` when the broker refuses this client.
 */
export async function natsLink({ url, instance }: NatsLinkOptions): Promise<Link> {
  const nc = await connect(optionsOf(url)).catch((cause: unknown) => {
    throw new PacketError('ROUTER_UNREACHABLE', `Cannot use the broker at ${new URL(url).host}: it refuses`, { cause })
  })
  const name = `${toHex(instance)}.${toHex(crypto.getRandomValues(new Uint8Array(16)))}`
  const inbox: RouterMessage[] = []
  let wake = Promise.withResolvers<void>()
  let isEnded = false
  let isConnected = true

  const end = () => {
    if (isEnded) return
    isEnded = true
    clearInterval(timer)
    wake.resolve()
    // Flushes what is on its way.
    nc.drain().catch(() => nc.close())
  }
  const session = createLinkSession({
    datagramBytes: Math.min(MAX_DATAGRAM_BYTES, nc.info?.max_payload ?? MAX_DATAGRAM_BYTES),
    nowMs: Date.now(),
    send(datagram) {
      // What is sent into a broken connection would be kept and sent with all that is sent again.
      if (isConnected && !nc.isClosed() && !nc.isDraining()) nc.publish(`weave.agent.${name}`, datagram)
    },
    receive(bytes) {
      const message = decodeRouterMessage(bytes)
      if (message === undefined) return
      inbox.push(message)
      wake.resolve()
    },
    ended: end,
  })
  nc.subscribe(`weave.control.${name}`, {
    callback: (error, { data }) => {
      if (error === null) session.take(data, Date.now())
    },
  })
  // The router must not answer before the broker knows who listens.
  await nc.flush()
  // Runs on without a connection too: a broker that does not come back ends the link.
  const timer = setInterval(() => session.tick(Date.now()), TICK_MS)
  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') isConnected = false
      if (type !== 'reconnect') continue
      isConnected = true
      session.renew(Date.now())
    }
  }
  void watch()
  void nc.closed().then(end)

  async function* messages(): AsyncGenerator<RouterMessage, void, void> {
    for (;;) {
      const next = inbox.shift()
      if (next !== undefined) yield next
      else if (isEnded) return
      else {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
  }
  return {
    send(message: AgentMessage) {
      if (!isEnded) session.send(encodeAgentMessage(message), Date.now())
    },
    messages: messages(),
    async close() {
      const until = Date.now() + HAND_OVER_MS
      while (!isEnded && !session.isIdle && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
      session.close()
      end()
      await nc.closed()
    },
  }
}

function optionsOf(url: string) {
  const { protocol, host, username, password } = new URL(url)
  return {
    servers: host,
    name: 'weave agent',
    waitOnFirstConnect: true,
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
