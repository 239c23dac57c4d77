import { DetectorError } from '@mystranet/detector'
import type { Code } from '@mystranet/schemas/codes'

/** The codes that a model file, or the way to one, may raise. */
export type ModelCode = Extract<
  Code,
  'DOCUMENT_MALFORMED' | 'NOT_FOUND' | 'MODEL_UNAVAILABLE' | 'NOT_PERMITTED' | 'STORE_FAILED' | 'CANCELLED'
>

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
export const modelErrorOf = (error: unknown): unknown =>
  error instanceof DetectorError ? new ModelError(error.code, error.message, { cause: error }) : error
