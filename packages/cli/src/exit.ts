/**
 * Exit codes: what a script may rely on.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'
import { isPacketError } from '@mystranet/sdk/errors'

/** One row a code; `packages/cli/README.md` shows this table, and a test holds the two together. */
export const EXIT_CODES = {
  ok: { code: 0, about: 'Done. Where there is a verdict: VERIFIED.' },
  failed: { code: 1, about: 'A verdict of FAILED, or a refusal; the code of the refusal is printed.' },
  usage: { code: 2, about: 'The command line, the configuration or a file given by hand is wrong. Nothing was done.' },
  partial: { code: 3, about: 'A verdict of PARTIAL: nothing failed, and a required check could not be made.' },
  unreachable: {
    code: 4,
    about: 'Router, witness, agent or model server out of reach, or out of time. Try again later.',
  },
  cut: { code: 5, about: 'The answer was not whole: cut, cancelled, dead-lettered, or its agent died.' },
  internal: { code: 70, about: 'A fault of the program itself.' },
  interrupted: { code: 130, about: 'Stopped by Ctrl-C (143 by SIGTERM) before it was done.' },
} as const

/** Codes whose exit is not `failed`. */
const BY_CODE: { readonly [Name in Code]?: keyof typeof EXIT_CODES } = {
  TRUST_FILE_INVALID: 'usage',
  IDENTITY_FILE_INVALID: 'usage',
  NOT_FOUND: 'usage',
  VERDICT_PARTIAL: 'partial',
  ROUTER_UNREACHABLE: 'unreachable',
  TIMED_OUT: 'unreachable',
  MODEL_UNAVAILABLE: 'unreachable',
  LOG_UNCONFIRMED: 'unreachable',
  LOG_BUSY: 'unreachable',
  QUEUE_FULL: 'unreachable',
  DRAINING: 'unreachable',
  AGENT_BUSY: 'unreachable',
  RATE_LIMITED: 'unreachable',
  STREAM_TRUNCATED: 'cut',
  ANSWER_CUT: 'cut',
  DEAD_LETTERED: 'cut',
  INTERRUPTED: 'cut',
  ENGINE_FAILED: 'cut',
  CANCELLED: 'interrupted',
  INTERNAL: 'internal',
}

/** The command line or the configuration is wrong. Carries every fault, not only the first. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT_CODES.usage.code
  const code = codeOf(error)
  if (code === undefined) return EXIT_CODES.internal.code
  return EXIT_CODES[BY_CODE[code] ?? 'failed'].code
}

/** The code of one of the project's errors, whichever package it is of. */
export function codeOf(error: unknown): Code | undefined {
  if (isPacketError(error)) return error.code
  const isOurs =
    error instanceof Error && ['ModelError', 'RouterError', 'EngineError', 'DetectorError'].includes(error.name)
  return isOurs && 'code' in error ? (error.code as Code) : undefined
}

const EXIT_OF_STATUS = { VERIFIED: 'ok', PARTIAL: 'partial', FAILED: 'failed' } as const

/** The exit code for a verdict. */
export const exitCodeOfStatus = (status: keyof typeof EXIT_OF_STATUS): number => EXIT_CODES[EXIT_OF_STATUS[status]].code
