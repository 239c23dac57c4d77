/**
 * Everything that can go wrong in the SDK.
 *
 * - Wrong bytes from outside, and peers that fail, throw a {@link PacketError} with a code of `@mystranet/schemas`.
 * - Misuse by the calling code throws the language's own `TypeError` or `RangeError`.
 * - An outcome that is expected ("not in the log yet") is a return value.
 *
 * @module
 */
import { CONSEQUENCES, type Code, type Fate, type Remedy } from '@mystranet/schemas/codes'

export type { Code, Fate, Remedy }

/** The one error class of the SDK. Switch on {@link PacketError.code}; never parse the message. */
export class PacketError extends Error {
  override readonly name = 'PacketError'
  readonly code: Code
  /** Milliseconds that the peer asked to wait before a retry, if it said so. */
  readonly retryAfterMs: number | undefined

  /** @param message "Cannot ⟨action⟩ ⟨object⟩: ⟨state⟩, wanted ⟨state⟩". `cause` is kept and never sent. */
  constructor(code: Code, message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }

  /** What happened to the packet. */
  get fate(): Fate {
    return CONSEQUENCES[this.code].fate
  }

  /** What the caller may do. */
  get remedy(): Remedy {
    return CONSEQUENCES[this.code].remedy
  }

  /** Whether the very same packet may be submitted again without a second effect. */
  get retryable(): boolean {
    return this.remedy === 'retry'
  }
}

/** Like `instanceof PacketError`, but also true for an error from a second copy of this package. */
export function isPacketError(error: unknown): error is PacketError {
  return error instanceof Error && error.name === 'PacketError' && 'code' in error
}
