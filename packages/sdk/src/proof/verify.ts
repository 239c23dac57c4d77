/**
 * Stage 10, verify: takes a saved answer in, gives an answer that may be believed, or throws.
 *
 * @module
 */
import type { SavedAnswer } from '@mystranet/schemas/messages'
import { PacketError } from '../errors.ts'
import { type ExamineOptions, examine, type ShownAnswer, type Verdict } from './examine.ts'
import type { TrustFile } from './trust-file.ts'

export {
  type CheckRow,
  type ExamineOptions,
  examine,
  type ShownAnswer,
  type ShownRequest,
  type Status,
  type Verdict,
} from './examine.ts'

/** An answer under the verdict VERIFIED. Only {@link verify} makes one. */
export interface VerifiedAnswer extends ShownAnswer {
  readonly verdict: Verdict
  readonly __brand: 'VerifiedAnswer'
}

/** Thrown by {@link verify}: `VERDICT_FAILED` or `VERDICT_PARTIAL`, with the whole verdict. */
export class VerdictError extends PacketError {
  readonly verdict: Verdict

  constructor(code: 'VERDICT_FAILED' | 'VERDICT_PARTIAL', verdict: Verdict, why: string) {
    super(code, `Cannot believe the answer: ${verdict.line} (${why}), wanted VERIFIED`)
    this.verdict = verdict
  }
}

/**
 * Verifies a saved answer: `examine`, for those who want the answer or nothing.
 *
 * @example
 * ```ts
 * const answer = await verify(await readFile('answer.weave'), parseTrustFile(await readFile('trust')))
 * console.log(answer.text, answer.verdict.line)
 * ```
 *
 * @throws {VerdictError} `VERDICT_FAILED` when a check failed, `VERDICT_PARTIAL` when a required one was skipped or the
 *   answer is not disclosed.
 */
export async function verify(
  saved: Uint8Array | SavedAnswer,
  trust: TrustFile,
  options?: ExamineOptions,
): Promise<VerifiedAnswer> {
  const verdict = await examine(saved, trust, options)
  const { status, checks, answer } = verdict
  const failed = checks.find(({ result }) => result === 'fail')
  if (failed) throw new VerdictError('VERDICT_FAILED', verdict, `${failed.name}: ${failed.reason}`)
  const open = checks.find(({ result, required }) => result === 'skipped' && required)
  if (status === 'VERIFIED' && answer) return { ...answer, verdict } as VerifiedAnswer
  const why = open ? `${open.name}: ${open.reason}` : 'the answer is not disclosed or not proven'
  throw new VerdictError('VERDICT_PARTIAL', verdict, why)
}
