/**
 * What the proxy refuses, in OpenAI's envelope.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { isPacketError } from '@mystranet/sdk/errors'

export interface ErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

/** A refusal with its status. `param` names the parameter that is to blame. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly status: number
  readonly code: string
  readonly param: string | undefined
  readonly type: string
  /** Whether the very client libraries that retry by themselves should. */
  readonly shouldRetry: boolean
  readonly retryAfterMs: number | undefined

  constructor(
    status: number,
    code: string,
    message: string,
    options: ErrorOptions & {
      readonly param?: string
      readonly shouldRetry?: boolean
      readonly retryAfterMs?: number | undefined
    } = {},
  ) {
    super(message, options)
    this.status = status
    this.code = code
    this.param = options.param
    this.type = status === 401 ? 'authentication_error' : status < 500 ? 'invalid_request_error' : 'server_error'
    this.shouldRetry = options.shouldRetry ?? false
    this.retryAfterMs = options.retryAfterMs
  }

  get body(): ErrorBody {
    const { message, type, param = null, code } = this
    return { error: { message, type, param, code } }
  }

  toResponse(): Response {
    // Client libraries retry on some statuses by themselves; a second try of what has run would run it again.
    const headers = new Headers({ 'content-type': 'application/json', 'x-should-retry': String(this.shouldRetry) })
    if (this.status === 401) headers.set('www-authenticate', 'Bearer')
    if (this.status === 429 || this.status === 503) {
      headers.set('retry-after', String(Math.max(1, Math.ceil((this.retryAfterMs ?? 1_000) / 1_000))))
    }
    return new Response(JSON.stringify(this.body), { status: this.status, headers })
  }
}

export const badRequest = (param: string, message: string, code = 'invalid_value'): ProxyError =>
  new ProxyError(400, code, message, { param })

/** Codes that OpenAI's clients know by another name. */
const NAMES: { readonly [Name in Code]?: string } = {
  NO_ROUTE: 'model_not_found',
  CONTEXT_OVERFLOW: 'context_length_exceeded',
  RATE_LIMITED: 'rate_limit_exceeded',
}

/** The refusal behind anything that was thrown. What is not ours is not shown. */
export function proxyErrorOf(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error
  if (!isPacketError(error)) return new ProxyError(500, 'internal', 'The proxy failed.', { cause: error })
  const { status, fate, remedy } = CODES[error.code]
  const param = error.code === 'NO_ROUTE' ? { param: 'model' } : {}
  // 499 is what the one who hung up would see; nobody else may take it for a status of HTTP.
  return new ProxyError(status === 499 ? 502 : status, NAMES[error.code] ?? error.code.toLowerCase(), error.message, {
    cause: error,
    shouldRetry: fate === 'nothing' && remedy === 'retry',
    retryAfterMs: error.retryAfterMs,
    ...param,
  })
}
