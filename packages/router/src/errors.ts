/**
 * What the router refuses, as an error and as `application/problem+json` (RFC 9457).
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { REFUSAL_TEXT } from '@mystranet/schemas/refusal-text'
import { isPacketError } from '@mystranet/sdk/errors'

export interface RouterErrorOptions extends ErrorOptions {
  /** Milliseconds to wait before a retry; rounded up to seconds on the wire. Default 1 s where the remedy is a retry. */
  readonly retryAfterMs?: number | undefined
  /** Hex id of the packet, when it is known. */
  readonly packet?: string | undefined
}

/** The one error class of the router. Its message is shown to the caller; its `cause` never is. */
export class RouterError extends Error {
  override readonly name = 'RouterError'
  readonly code: Code
  readonly retryAfterMs: number | undefined
  readonly packet: string | undefined

  /** @param message "Cannot ⟨action⟩ ⟨object⟩: ⟨state⟩, wanted ⟨state⟩". */
  constructor(code: Code, message: string, options?: RouterErrorOptions) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
    this.packet = options?.packet
  }

  /** The problem document: type, title, status, code, fate, remedy, detail and, where it is known, packet. */
  toResponse(): Response {
    const { status, fate, remedy } = CODES[this.code]
    const problem = {
      type: `urn:mystranet:problem:${this.code}`,
      title: REFUSAL_TEXT[this.code],
      status,
      code: this.code,
      fate,
      remedy,
      detail: this.message,
      ...(this.packet === undefined ? {} : { packet: this.packet }),
    }
    const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    const waits = status === 429 || status === 503
    if (waits || this.retryAfterMs !== undefined) {
      headers.set('retry-after', String(Math.max(1, Math.ceil((this.retryAfterMs ?? 1_000) / 1_000))))
    }
    return new Response(JSON.stringify(problem), { status, headers })
  }
}

export function isRouterError(error: unknown): error is RouterError {
  return error instanceof Error && error.name === 'RouterError' && 'code' in error
}

/**
 * The refusal behind an error: the router's own, or one of the SDK's. Undefined for anything else, which is a fault of
 * ours and is reported, never shown.
 */
export function refusalOf(error: unknown, packet?: string): RouterError | undefined {
  if (isRouterError(error)) {
    if (packet === undefined || error.packet !== undefined) return error
    return new RouterError(error.code, error.message, { retryAfterMs: error.retryAfterMs, packet, cause: error })
  }
  if (!isPacketError(error)) return undefined
  return new RouterError(error.code, error.message, { retryAfterMs: error.retryAfterMs, packet, cause: error })
}
