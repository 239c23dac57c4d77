import { DetectorError } from '@mystranet/detector'
import type { Code } from '@mystranet/schemas/codes'

const CODES = [
  'DOCUMENT_MALFORMED',
  'NOT_FOUND',
  'MODEL_UNAVAILABLE',
  'NOT_PERMITTED',
  'STORE_FAILED',
  'CANCELLED',
] as const satisfies readonly Code[]

/** The codes that a model file, or the way to one, may raise. */
export type ModelCode = (typeof CODES)[number]

/** Everything that goes wrong with model files before an engine has them. `cause` is kept and never sent. */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly code: ModelCode

  constructor(code: ModelCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What a reader of model files threw, as this package's error. Anything else stays what it is. */
export function modelErrorOf(error: unknown): unknown {
  if (!(error instanceof DetectorError)) return error
  const code = CODES.find((known) => known === error.code)
  return code === undefined ? error : new ModelError(code, error.message, { cause: error })
}
