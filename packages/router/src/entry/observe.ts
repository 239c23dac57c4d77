/**
 * A server of Node as its sockets show it: connections, heads and bodies that never end among them.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ServerType } from '@hono/node-server'
import { type BookedConnection, clientOf, connectionBook, type HttpObserver, SWEEP_MS } from '@mystranet/detector/l7'

/** Wall clock with the resolution of the monotonic one: at a flood, requests are less than a millisecond apart. */
const nowMs = () => performance.timeOrigin + performance.now()

/**
 * Tells `observer` of a server from now on, until what it returns is called. Reads no byte of any connection.
 *
 * @param onFault Told of what the observer throws: watching must not end what is watched.
 */
export function observeServer(
  server: ServerType,
  observer: HttpObserver,
  onFault: (error: unknown) => void = () => {},
): () => void {
  const guarded =
    <Given extends unknown[]>(tell: (...given: Given) => void) =>
    (...given: Given) => {
      try {
        tell(...given)
      } catch (error) {
        onFault(error)
      }
    }
  const book = connectionBook(observer, nowMs)
  const booked = new WeakMap<Socket, BookedConnection>()
  const connected = (socket: Socket) => {
    const connection = book.opened(clientOf(socket.remoteAddress ?? 'unknown'), () => socket.bytesRead)
    if (connection === undefined) return
    booked.set(socket, connection)
    // After the responses of its requests have closed.
    socket.once('close', () => setImmediate(guarded(connection.closed)))
  }
  const requested = (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '' } = request
    // Of most requests headers are never looked at, and are not parsed before. What follows a GET that has a body all the same
    // is taken for the next head.
    const hasBody = method !== 'GET' && method !== 'HEAD' && sendsBody(request)
    const exchange = booked.get(request.socket)?.head(method, url, hasBody)
    if (exchange === undefined) return
    if (hasBody) request.once('end', guarded(exchange.bodyDone))
    const ended = guarded(() => exchange.ended(response.headersSent ? response.statusCode : 0))
    response.once('close', ended)
  }
  server.on('connection', guarded(connected))
  server.on('request', guarded(requested))
  const timer = setInterval(guarded(book.sweep), SWEEP_MS)
  timer.unref()
  return () => clearInterval(timer)
}

const sendsBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
