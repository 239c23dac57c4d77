/**
 * Requests over a link, each answered once by `done` or `refused`.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import { isPacketError, PacketError } from '@mystranet/sdk/errors'
import type { Link } from './ports.ts'

/** A request without its number. */
export type Call =
  | Omit<Extract<AgentMessage, { type: 'keys' }>, 'id'>
  | Omit<Extract<AgentMessage, { type: 'statement' }>, 'id'>
  | Omit<Extract<AgentMessage, { type: 'reply' }>, 'id'>

export type Settlement = Extract<RouterMessage, { type: 'done' | 'refused' }>

export interface Calls {
  /**
   * Asks, and asks again while the router refuses for a reason that may pass (`LOG_BUSY`, say): with back-off from 100 ms
   * to 2 s and jitter. Everything that is asked for here is harmless to repeat.
   *
   * @returns Receipts, as received.
   * @throws {PacketError} the router's code; `ROUTER_UNREACHABLE` once the link is gone; `TIMED_OUT` past `timeoutMs`.
   */
  ask(call: Call, timeoutMs: number): Promise<readonly Uint8Array[]>
  /** Takes an answer in. One to no question is ignored. */
  settle(message: Settlement): void
  /** The link is gone: nothing will be answered any more. */
  end(): void
}

const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 2_000

export function createCalls(link: Pick<Link, 'send'>): Calls {
  const waiting = new Map<number, PromiseWithResolvers<readonly Uint8Array[]>>()
  const ended = new AbortController()
  let lastId = 0

  async function askOnce(call: Call, deadline: AbortSignal): Promise<readonly Uint8Array[]> {
    lastId += 1
    const id = lastId
    const answer = Promise.withResolvers<readonly Uint8Array[]>()
    const giveUp = () => answer.reject(goneOf(ended.signal, deadline))
    waiting.set(id, answer)
    const over = AbortSignal.any([ended.signal, deadline])
    over.addEventListener('abort', giveUp, { once: true })
    try {
      if (over.aborted) giveUp()
      else link.send({ ...call, id })
      return await answer.promise
    } finally {
      over.removeEventListener('abort', giveUp)
      waiting.delete(id)
    }
  }

  return {
    async ask(call, timeoutMs) {
      const deadline = AbortSignal.timeout(Math.max(0, Math.min(timeoutMs, 2 ** 31 - 1)))
      for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
        try {
          return await askOnce(call, deadline)
        } catch (error) {
          const mayPass = isPacketError(error) && CODES[error.code].remedy === 'retry'
          if (!mayPass || ended.signal.aborted || deadline.aborted) throw error
          await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random() / 2)).unref())
        }
      }
    },
    settle(message) {
      const answer = waiting.get(message.id)
      if (message.type === 'done') answer?.resolve(message.receipts)
      else {
        const code = Object.hasOwn(CODES, message.code) ? message.code : 'INTERNAL'
        answer?.reject(new PacketError(code, `Cannot log it: the router said ${code}: ${message.message}`))
      }
    },
    end: () => ended.abort(),
  }
}

function goneOf(ended: AbortSignal, deadline: AbortSignal): PacketError {
  return ended.aborted
    ? new PacketError('ROUTER_UNREACHABLE', 'Cannot ask the router: the link is gone')
    : new PacketError('TIMED_OUT', 'Cannot wait for the router any longer', { cause: deadline.reason })
}
