/**
 * An edge on workerd: a Worker in front, which refuses what it can, and one object behind it that keeps the connection to
 * the broker, for a connection that one request opened is of no use to another (docs/decisions/0015). The settings of
 * `edge/settings.ts` are text bindings.
 *
 * @module
 */
import { MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { natsNexus } from '../adapters/nats-nexus.ts'
import { connectWebSocket } from '../adapters/nats-websocket.ts'
import { innerEdge, outerEdge } from '../edge/edge.ts'
import { type EdgeSettings, readEdgeSettings } from '../edge/settings.ts'
import { refusalOf } from '../errors.ts'
import { packetJson } from '../http/packet-json.ts'

interface Env {
  readonly WEAVE_LINK: { idFromName(name: string): unknown; get(id: unknown): { fetch(r: Request): Promise<Response> } }
}

const MAX_DRAINED_BYTES = 2 * MAX_PACKET_BYTES
const WEB_SOCKETS = ['ws:', 'wss:']

const settingsOf = (env: Env): EdgeSettings => {
  const texts = Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return readEdgeSettings(Object.fromEntries(texts), WEB_SOCKETS)
}

/** Durable Object: holds the connection to the broker and asks the nexus. Stores nothing. */
export class WeaveLink {
  readonly #app: ReturnType<typeof innerEdge>

  constructor(_: unknown, env: Env) {
    const settings = settingsOf(env)
    const { natsUrl, nexusDeadlineMs: deadlineMs } = settings
    this.#app = innerEdge(settings, natsNexus({ connect: () => connectWebSocket(natsUrl, 'weave edge'), deadlineMs }))
  }

  fetch(request: Request): Response | Promise<Response> {
    return this.#app.fetch(request)
  }
}

/** Local workerd says the peer's port as well. */
const peerOf = (request: Request) =>
  (request as { cf?: { clientIp?: string } }).cf?.clientIp?.replace(/:\d+$/, '') ?? undefined

let app: ReturnType<typeof outerEdge> | undefined

/**
 * Reads what a refusal left of a body, within bounds: workerd closes the connection of an unread one, and its sender would see
 * that instead of the refusal.
 */
async function drain({ body }: Request): Promise<void> {
  if (body === null || body.locked) return
  const reader = body.getReader()
  for (let bytes = 0; bytes < MAX_DRAINED_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) return
    bytes += value.length
  }
  await reader.cancel()
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { WEAVE_LINK: link } = env
    app ??= outerEdge(
      settingsOf(env),
      (admitted) => link.get(link.idFromName('link')).fetch(admitted),
      (c) => peerOf(c.req.raw),
    )
    // There is no start-up to refuse: nothing is served on a schema that was not signed.
    const refusal = await packetJson().then(() => undefined, refusalOf)
    if (refusal !== undefined) return refusal.toResponse()
    const response = await app.fetch(request)
    if (!response.ok) await drain(request).catch(() => undefined)
    return response
  },
}
