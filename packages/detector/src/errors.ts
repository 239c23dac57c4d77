import type { Code } from '@mystranet/schemas/codes'

/** The codes that a detector may raise. */
export type DetectorCode = Extract<
  Code,
  'DOCUMENT_MALFORMED' | 'NOT_FOUND' | 'MODEL_UNAVAILABLE' | 'STORE_FAILED' | 'CANCELLED'
>

/**
 * What keeps a detector from a verdict: its input cannot be had. What is wrong *in* an input is a finding, not an error; only
 * `readGgufHeader`, which gives a header or nothing, and a reader of captures that is given none, raise
 * `DOCUMENT_MALFORMED`. `cause` is kept and never sent.
 */
export class DetectorError extends Error {
  override readonly name = 'DetectorError'
  readonly code: DetectorCode

  constructor(code: DetectorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
