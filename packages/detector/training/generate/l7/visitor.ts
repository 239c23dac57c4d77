/**
 * Whoever speaks to the server: requests over kept connections from an address of its own, and raw sockets for what no
 * HTTP library sends.
 *
 * @module
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../random.ts'

/** One run of a scene: what all in it share. */
export interface Stage {
  readonly url: URL
  readonly random: Random
  /** Ends everything; whoever waits stops waiting. */
  readonly signal: AbortSignal
}

export interface Ask {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Sends the body in pieces of so many bytes, so many milliseconds apart. */
  readonly piece?: number
  readonly everyMs?: number
  /** Hangs up on the answer after so many milliseconds. */
  readonly leaveMs?: number
}

export interface Said {
  /** 0: the connection failed. */
  readonly status: number
  readonly retryAfterS: number
}

export interface Visitor {
  ask(what: Ask): Promise<Said>
  close(): void
}

/** @param localAddress Of the loopback. @param maxSockets How many connections at most. */
export function visitor({ url, signal }: Stage, localAddress: string, maxSockets = 6, keepAlive = true): Visitor {
  const agent = new Agent({ keepAlive, maxSockets, localAddress })
  return {
    close: () => agent.destroy(),
    ask: (what) =>
      new Promise((resolve) => {
        const { body, leaveMs, method = 'GET' } = what
        const headers = { ...what.headers, ...(body && { 'content-length': String(body.length) }) }
        const sent = request(new URL(what.path, url), { agent, method, headers, localAddress, signal })
        const fail = () => resolve({ status: 0, retryAfterS: 0 })
        sent.once('error', fail)
        sent.once('response', (response: IncomingMessage) => {
          const said = { status: response.statusCode ?? 0, retryAfterS: Number(response.headers['retry-after'] ?? 0) }
          response.once('close', () => resolve(said))
          response.once('error', () => resolve(said))
          response.resume()
          if (leaveMs !== undefined) setTimeout(() => sent.destroy(), leaveMs)
        })
        void write(sent, what, signal).catch(fail)
      }),
  }
}

async function write(to: ReturnType<typeof request>, { body, piece, everyMs = 0 }: Ask, signal: AbortSignal) {
  if (body === undefined || piece === undefined) return void to.end(body)
  for (let at = 0; at < body.length; at += piece) {
    to.write(body.subarray(at, at + piece))
    await pause(everyMs, undefined, { signal })
  }
  to.end()
}

/** A bare connection; failures of it are its end. */
export function rawSocket({ url, signal }: Stage, localAddress: string): Socket {
  const socket = connect({ port: Number(url.port), host: url.hostname, localAddress })
  socket.on('error', () => socket.destroy())
  socket.resume()
  const stop = () => socket.destroy()
  signal.addEventListener('abort', stop)
  socket.once('close', () => signal.removeEventListener('abort', stop))
  return socket
}

/** Until the run ends. A rejection of the step is a bug of the generator, but for one that the end itself brought. */
export async function until({ signal }: Stage, step: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    try {
      await step()
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

export const rest = ({ signal }: Stage, ms: number): Promise<unknown> =>
  pause(ms, undefined, { signal }).catch(() => undefined)

/** Four bytes that the scripted nexus takes for a sender, and so many more. */
export function packetOf(random: Random, sender: number, bytes: number): Uint8Array {
  const packet = new Uint8Array(Math.max(8, bytes)).fill(random.between(0, 255), 8)
  packet.set([0x57, 0x45, 0x41, 0x56])
  new DataView(packet.buffer).setUint32(4, sender)
  return packet
}

/** Of an answer of so many tokens, so many milliseconds apart. */
export function fetchOf(random: Random, tokens: number, everyMs: number): Ask {
  const id = Array.from({ length: 64 }, () => random.between(0, 15).toString(16)).join('')
  const document = new Uint8Array(180)
  new DataView(document.buffer).setUint16(0, tokens)
  new DataView(document.buffer).setUint16(2, everyMs)
  return {
    path: `/v1/packets/${id}/answer`,
    headers: { authorization: `Weave ${Buffer.from(document).toString('base64')}` },
  }
}
