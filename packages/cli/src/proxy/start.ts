/**
 * The proxy as a listening server, for `weave proxy` and for `weave up`.
 *
 * @module
 */
import { type Listener, listen } from '../listen.ts'
import type { Session } from '../session.ts'
import type { StateFolder } from '../state.ts'
import { proxyApp } from './app.ts'
import { proxyToken } from './token.ts'

export interface RunningProxy {
  /** What clients take as their base URL, up to and with `/v1`. */
  readonly url: string
  readonly token: string
  close(): Promise<void>
}

export interface ProxyPlace {
  readonly state: StateFolder
  readonly host: string
  readonly port: number
  readonly pingMs?: number
}

/** Our packet key lives for a day, and is renewed in its last hour. */
const RENEW_MS = 600_000
/** Connections that still stream when the program ends have so long. */
const GRACE_MS = 2_000

export async function startProxy({ client, trust, memory }: Session, place: ProxyPlace): Promise<RunningProxy> {
  const token = await proxyToken(place.state.proxyToken)
  const warn = (error: unknown) =>
    process.stderr.write(`weave proxy: ${error instanceof Error ? error.message : String(error)}\n`)
  const app = proxyApp({
    client,
    trust,
    token,
    onAnswered: () => void memory.save().catch(warn),
    onFault: warn,
    ...(place.pingMs !== undefined && { pingMs: place.pingMs }),
  })
  const listener: Listener = await listen((request) => app.fetch(request), place)
  const renewal = setInterval(() => void client.enrol().catch(warn), RENEW_MS)
  renewal.unref()
  return {
    url: `${listener.url}/v1`,
    token,
    async close() {
      clearInterval(renewal)
      await listener.close(GRACE_MS)
      await memory.save()
    },
  }
}
