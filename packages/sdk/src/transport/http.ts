/**
 * HTTP that gives up in time, waits before it tries again, and never tries for ever.
 *
 * A retry never makes a second effect: only idempotent requests come here, packets by their id among them.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { PacketError } from '../errors.ts'

export type Fetch = (input: string, init: RequestInit) => Promise<Response>

export interface HttpOptions {
  /** Base URL of the router, without a path. */
  readonly router: string
  readonly fetch?: Fetch | undefined
  /** Milliseconds until the head of an answer must be there. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Tries in all for one request. Default 5. */
  readonly maxTries?: number | undefined
  /** Replaced in tests. */
  readonly sleep?: ((ms: number, signal?: AbortSignal) => Promise<void>) | undefined
  readonly random?: (() => number) | undefined
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  readonly body?: Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal | undefined
  /** Made anew for each try; for signatures with a nonce. */
  readonly freshHeaders?: () => Promise<Record<string, string>>
}

export interface Http {
  /**
   * Resolves to an answer with a status of 2xx.
   *
   * @throws {PacketError} the router's own code; `ROUTER_UNREACHABLE` or `TIMED_OUT` after the last try;
   *   `ROUTER_MISBEHAVED` for an answer that is none of the protocol; `CANCELLED` when `signal` was aborted.
   */
  request(path: string, request?: HttpRequest): Promise<Response>
}

const BASE_DELAY_MS = 100
const MAX_DELAY_MS = 5_000
/** Retries may be at most this many, plus a tenth of the requests: a dead router is not hammered. */
const BUDGET = 10
const BUDGET_PER_REQUEST = 0.1

export function createHttp(options: HttpOptions): Http {
  const { router, timeoutMs = 10_000, maxTries = 5, random = Math.random } = options
  const fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const sleep = options.sleep ?? wait
  const base = router.replace(/\/+$/, '')
  let budget = BUDGET

  async function once(path: string, request: HttpRequest): Promise<Response> {
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), timeoutMs)
    const signal = request.signal ? AbortSignal.any([request.signal, timeout.signal]) : timeout.signal
    const { method = 'GET', body } = request
    const headers = { ...request.headers, ...(await request.freshHeaders?.()) }
    try {
      const init: RequestInit = { method, headers, signal, ...(body ? { body } : {}) }
      const response = await fetch(base + path, init)
      if (response.ok) return response
      throw await refusalOf(response)
    } catch (cause) {
      if (cause instanceof PacketError) throw cause
      if (request.signal?.aborted) throw new PacketError('CANCELLED', 'Cannot go on: the caller stopped it', { cause })
      if (timeout.signal.aborted) {
        throw new PacketError('TIMED_OUT', `Cannot reach the router: no answer within ${timeoutMs} ms`, { cause })
      }
      throw new PacketError('ROUTER_UNREACHABLE', `Cannot reach the router at ${base}`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    async request(path, request = {}) {
      budget = Math.min(BUDGET, budget + BUDGET_PER_REQUEST)
      for (let tries = 1; ; tries++) {
        try {
          return await once(path, request)
        } catch (error) {
          if (!(error instanceof PacketError) || !isWorthATry(error) || tries >= maxTries || budget < 1) throw error
          budget -= 1
          const backOffMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (tries - 1)) * random()
          await sleep(Math.max(backOffMs, error.retryAfterMs ?? 0), request.signal)
        }
      }
    },
  }
}

const isWorthATry = ({ code, retryable }: PacketError): boolean => retryable && code !== 'ANSWER_UNKNOWN'

/** The error behind an answer that is not 2xx. */
async function refusalOf(response: Response): Promise<PacketError> {
  const text = await response.text().catch(() => '')
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : undefined
  try {
    const problem: unknown = JSON.parse(text)
    if (typeof problem === 'object' && problem !== null && 'code' in problem && typeof problem.code === 'string') {
      const detail = 'detail' in problem ? String(problem.detail).slice(0, 500) : ''
      if (Object.hasOwn(CODES, problem.code)) return new PacketError(problem.code as Code, detail, { retryAfterMs })
    }
  } catch {
    // Not JSON: some proxy between us and the router.
  }
  const code = response.status === 503 || response.status === 429 ? 'ROUTER_UNREACHABLE' : 'ROUTER_MISBEHAVED'
  return new PacketError(code, `Cannot use the router's answer: status ${response.status}`, { retryAfterMs })
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(new PacketError('CANCELLED', 'Cannot go on: the caller stopped it'))
    }
    if (signal?.aborted) return stop()
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** The body of an answer, at most so many bytes. @throws {PacketError} `ROUTER_MISBEHAVED` for more. */
export async function bodyOf(response: Response, maxBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes.length <= maxBytes) return bytes
  throw new PacketError(
    'ROUTER_MISBEHAVED',
    `Cannot use the router's answer: ${bytes.length} bytes, wanted ${maxBytes}`,
  )
}
