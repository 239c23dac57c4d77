/**
 * Which field of a core belongs to which kind of packet: docs/protocol.md §5.1 as a table.
 *
 * @module
 */
import type { HeaderCore } from './gen/strict.ts'

/** What a packet is for; the value is its number on the wire. */
export const KINDS = { REQUEST: 1, STREAM_OPEN: 2, STREAM_CLOSE: 3, ACK: 4, NACK: 5, CANCEL: 6 } as const

export type Kind = keyof typeof KINDS

const NAMES: readonly (Kind | undefined)[] = [undefined, ...(Object.keys(KINDS) as Kind[])]

/** The kind of a number on the wire, or undefined. */
export const kindOf = (wire: number): Kind | undefined => NAMES[wire]

/** Outcomes: the codes below 10. The refusals from 10 on are in `codes.ts`. */
export const OUTCOMES = {
  ACCEPTED: 1,
  COMPLETED: 2,
  STOP: 3,
  LENGTH: 4,
  TOOL_CALLS: 5,
  CANCELLED: 6,
  ERROR: 7,
  ABORTED: 8,
} as const

export type Outcome = keyof typeof OUTCOMES
export type Finish = Exclude<Outcome, 'ACCEPTED' | 'COMPLETED'>

const OUTCOME_NAMES: readonly (Outcome | undefined)[] = [undefined, ...(Object.keys(OUTCOMES) as Outcome[])]

/** The finish of a CLOSE, or undefined when the number is none. */
export function finishOf(wire: number | undefined): Finish | undefined {
  const outcome = wire === undefined || wire < OUTCOMES.STOP ? undefined : OUTCOME_NAMES[wire]
  return outcome as Finish | undefined
}

/** Only these finishes make an answer whole. */
export const isComplete = (finish: Finish): boolean => finish === 'STOP' || finish === 'TOOL_CALLS'

/** `M` present, `O` may be present, `-` absent. */
export type Presence = 'M' | 'O' | '-'

/** One row a field: a {@link Presence} for each of {@link KINDS}, in their order. */
export const FIELD_PRESENCE = {
  recipients: 'M-----',
  inReplyTo: '-MMMMM',
  attempt: '-MMMM-',
  responseNonce: '-MO---',
  code: '--MMMO',
  contentCommitment: 'MMO---',
  paddedSize: 'MMO---',
  tableDigest: 'M-----',
  retry: 'O-----',
  session: 'O-----',
  priority: 'O-----',
  prefixTag: 'O-----',
  supersedes: 'O-----',
} as const satisfies Partial<Record<keyof HeaderCore, string>>

/**
 * Holds the fields of a message to a column of a table like {@link FIELD_PRESENCE}.
 *
 * @returns The first field that is missing or should not be there, and what is wrong with it; undefined when all fit.
 */
export function misfit(table: Readonly<Record<string, string>>, column: number, message: object): string | undefined {
  for (const [name, columns] of Object.entries(table)) {
    const value: unknown = (message as Record<string, unknown>)[name]
    const isPresent = Array.isArray(value) ? value.length > 0 : value !== undefined
    if (columns[column] === (isPresent ? '-' : 'M')) return `${name} is ${isPresent ? 'present' : 'absent'}`
  }
  return undefined
}

/** Lowest and highest code that a kind may carry. */
export const CODE_RANGE: Partial<Record<Kind, readonly [number, number]>> = {
  STREAM_CLOSE: [OUTCOMES.STOP, OUTCOMES.ABORTED],
  ACK: [OUTCOMES.ACCEPTED, OUTCOMES.COMPLETED],
  NACK: [10, 99],
  CANCEL: [10, 99],
}
