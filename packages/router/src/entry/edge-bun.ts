/**
 * An edge on Bun. Run by itself it takes the settings of `edge/settings.ts` from its environment.
 *
 * @module
 */
import { type Env, openEdge, runEdge, type StartedEdge } from './edge-socket.ts'

interface Server {
  readonly port: number
  requestIP(request: Request): { readonly address: string } | null
  stop(closeActive?: boolean): Promise<void>
}

declare const Bun: {
  readonly env: Record<string, string | undefined>
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    maxRequestBodySize: number
    fetch(request: Request, server: Server): Response | Promise<Response>
  }): Server
}

/** Answers are silent for up to ten seconds between heartbeats; Bun would cut them after ten. */
const IDLE_S = 60
/** Beyond what the edge itself refuses, so that its refusal is what a client sees. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** Starts an edge. @throws {ConfigError | PacketError} what is wrong with its settings. */
export async function startEdge(env: Env = Bun.env): Promise<StartedEdge> {
  const { app, host, port, close } = await openEdge(env, (c) => (c.env as Server).requestIP(c.req.raw)?.address)
  const fetch = (request: Request, server: Server) => app.fetch(request, server)
  const options = { idleTimeout: IDLE_S, maxRequestBodySize: MAX_BODY_BYTES, fetch }
  const server = Bun.serve({ hostname: host, port, ...options })
  return {
    url: `http://${host}:${server.port}`,
    async close() {
      await close()
      await server.stop(true)
    },
  }
}

if (import.meta.main) await runEdge(startEdge)
