/**
 * An app on a TCP port or a socket of this machine.
 *
 * @module
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { PacketError } from '@mystranet/sdk/errors'

export interface Listener {
  /** `http://address:port`; empty for a socket. */
  readonly url: string
  /** Takes no new connection, gives those there are `graceMs` to end, then ends them. */
  close(graceMs?: number): Promise<void>
}

type Fetch = (request: Request) => Response | Promise<Response>

/**
 * Serves an app.
 *
 * @param where Host and port (0: a free one), or the path of a socket.
 * @throws {PacketError} `NOT_PERMITTED` when the address is taken or may not be used.
 */
export async function listen(
  fetch: Fetch,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<Listener> {
  const server = createServer(getRequestListener(fetch))
  // Answers may take minutes; who hangs up is noticed by the connection, not by a clock.
  server.requestTimeout = 0
  server.timeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const address = 'path' in where ? where.path : `${where.host}:${where.port}`
      const state = cause.code === 'EADDRINUSE' ? 'it is in use' : `it failed (${cause.code})`
      reject(new PacketError('NOT_PERMITTED', `Cannot listen on ${address}: ${state}, wanted a free one`, { cause }))
    })
    server.listen(where, resolve)
  })
  return { url: 'path' in where ? '' : urlOf(server), close: (graceMs = 0) => close(server, graceMs) }
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(timer)
}
