/**
 * What is unusual, and what each kind means: one row a kind.
 *
 * @module
 */
import type { FindingGroup } from './finding.ts'

interface Pattern {
  readonly group: Exclude<FindingGroup, 'invariant'>
  /** What is said of the source. */
  readonly about: string
  readonly severity: number
  readonly confidence: number
  /** The same about the same source counts as going on until it was away for so long. */
  readonly holdMs: number
}

const HOUR_MS = 3_600_000

export const PATTERNS = {
  burst: {
    group: 'rate',
    about: 'More requests than at this hour in the last weeks.',
    severity: 5,
    confidence: 0.8,
    holdMs: 2 * HOUR_MS,
  },
  silence: {
    group: 'rate',
    about: 'Fewer requests than at this hour in the last weeks.',
    severity: 6,
    confidence: 0.8,
    holdMs: 2 * HOUR_MS,
  },
  drift: {
    group: 'rate',
    about: 'Days have moved away from what they were.',
    severity: 4,
    confidence: 0.7,
    holdMs: 72 * HOUR_MS,
  },
  refusals: {
    group: 'rate',
    about: 'More refusals of one code than in the worst hour of the last weeks.',
    severity: 6,
    confidence: 0.8,
    holdMs: 2 * HOUR_MS,
  },
  retries: {
    group: 'rate',
    about: 'More further attempts than in the worst hour of the last weeks.',
    severity: 5,
    confidence: 0.8,
    holdMs: 2 * HOUR_MS,
  },
  'dead-letters': {
    group: 'rate',
    about: 'More dead letters than in the worst hour of the last weeks.',
    severity: 6,
    confidence: 0.8,
    holdMs: 2 * HOUR_MS,
  },
  'answer-size': {
    group: 'rate',
    about: 'Answers are of another size than in the last days.',
    severity: 5,
    confidence: 0.7,
    holdMs: 12 * HOUR_MS,
  },
  'sender-burst': {
    group: 'pattern',
    about: 'A sender asks more than it ever did.',
    severity: 5,
    confidence: 0.8,
    holdMs: 24 * HOUR_MS,
  },
  beacon: {
    group: 'pattern',
    about: 'A sender asks in a rhythm that it did not have.',
    severity: 6,
    confidence: 0.8,
    holdMs: 48 * HOUR_MS,
  },
  'fan-out': {
    group: 'pattern',
    about: 'A sender asks more tags than it ever did.',
    severity: 6,
    confidence: 0.8,
    holdMs: 24 * HOUR_MS,
  },
  'odd-hours': {
    group: 'pattern',
    about: 'A sender asks at an hour at which it never did.',
    severity: 5,
    confidence: 0.6,
    holdMs: 24 * HOUR_MS,
  },
  'constant-size': {
    group: 'pattern',
    about: 'A sender’s requests have all one size that they hardly had.',
    severity: 6,
    confidence: 0.7,
    holdMs: 48 * HOUR_MS,
  },
} as const satisfies Record<string, Pattern>

export type PatternId = keyof typeof PATTERNS
