/**
 * An edge on Deno. Run by itself, with `--allow-net --allow-env --allow-read --allow-sys`, it takes the settings of
 * `edge/settings.ts` from its environment.
 *
 * @module
 */
import { type Env, openEdge, runEdge, type StartedEdge } from './edge-socket.ts'

interface Info {
  readonly remoteAddr: { readonly hostname?: string }
}

declare const Deno: {
  readonly env: { toObject(): Record<string, string> }
  serve(
    options: { hostname: string; port: number; onListen(): void },
    handler: (request: Request, info: Info) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> }
}

/** Starts an edge. @throws {ConfigError | PacketError} what is wrong with its settings. */
export async function startEdge(env: Env = Deno.env.toObject()): Promise<StartedEdge> {
  const { app, host, port, close } = await openEdge(env, (c) => (c.env as Info).remoteAddr.hostname)
  const options = { hostname: host, port, onListen: () => undefined }
  const server = Deno.serve(options, (request, info) => app.fetch(request, info))
  return {
    url: `http://${host}:${server.addr.port}`,
    async close() {
      const down = server.shutdown()
      await close()
      await down
    },
  }
}

if (import.meta.main) await runEdge(startEdge)
