/**
 * An edge on Node. Run by itself it takes the settings of `edge/settings.ts` from its environment.
 *
 * @module
 */
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { HttpObserver } from '@mystranet/detector/l7'
import { type Env, openEdge, runEdge, type StartedEdge } from './edge-socket.ts'
import { observeServer } from './observe.ts'

/** Starts an edge. @throws {ConfigError | PacketError} what is wrong with its settings. */
export async function startEdge(env: Env = process.env): Promise<StartedEdge> {
  const requests = Promise.withResolvers<HttpObserver>()
  const {
    app,
    host: hostname,
    port,
    close,
  } = await openEdge(env, (c) => getConnInfo(c).remote.address, requests.resolve)
  const listening = Promise.withResolvers<number>()
  const server = serve({ fetch: app.fetch, hostname, port }, (at: AddressInfo) => listening.resolve(at.port))
  server.once('error', listening.reject)
  const unobserve = observeServer(server, await requests.promise)
  return {
    url: `http://${hostname}:${await listening.promise}`,
    async close() {
      unobserve()
      server.close()
      await close()
    },
  }
}

if (import.meta.main) await runEdge(startEdge)
