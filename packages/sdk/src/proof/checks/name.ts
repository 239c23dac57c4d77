/**
 * The checks of a verdict, in the order in which it lists them (docs/protocol.md §13).
 *
 * @module
 */
export const CHECK_NAMES = [
  'envelope',
  'request-signature',
  'answer-signature',
  'binding',
  'keys',
  'revocation',
  'request-inclusion',
  'attempt-inclusion',
  'open-inclusion',
  'close-inclusion',
  'checkpoint',
  'witness-quorum',
  'witness-independence',
  'freshness',
  'routing-table',
  'candidate',
  'request-commitment',
  'answer-commitment',
  'completeness',
  'model-statement',
  'registry-entry',
  'authorization',
] as const

export type CheckName = (typeof CHECK_NAMES)[number]

export const isCheckName = (text: string): text is CheckName => (CHECK_NAMES as readonly string[]).includes(text)

const OPTIONAL: readonly CheckName[] = ['witness-independence', 'registry-entry', 'authorization', 'request-commitment']

/** What every trust file requires; the others only if it names them (§14). */
export const ALWAYS_REQUIRED: readonly CheckName[] = CHECK_NAMES.filter((name) => !OPTIONAL.includes(name))
