/**
 * Who sends, and when: people in sessions, jobs in rhythms.
 *
 * @module
 */
import type { Random } from './random.ts'

export interface Sender {
  readonly instance: Uint8Array
  readonly key: Uint8Array
  readonly epoch: bigint
  seq: bigint
  /** Tags that it asks, the first most. */
  readonly tags: readonly string[]
}

export interface Person extends Sender {
  /** Of all sessions. */
  readonly share: number
  /** Hours that its day is later than the others'. */
  readonly late: number
}

export interface Job extends Sender {
  readonly periodMs: number
  /** Share of the period. */
  readonly jitter: number
  readonly bytes: number
}

/** Share of a day's sessions in each hour of a working day. */
const HOURS = [1, 0.6, 0.4, 0.3, 0.3, 0.5, 1.5, 4, 8, 10, 10.5, 9.5, 7, 8.5, 10, 10, 9, 7, 5, 4, 3.5, 3, 2.5, 1.6]
const SUM = HOURS.reduce((sum, each) => sum + each)

/** Rate of a person's sessions against its daily mean: 0 in its night. */
export function personRate({ late }: Person, hourOfDay: number, isDayOff: boolean): number {
  const at = (hourOfDay - late + 24) % 24
  // Nobody works in its own night; what little happens then is other people's evening.
  if (at >= 1 && at < 6) return 0
  return (((HOURS[Math.floor(at)] as number) * 24) / SUM) * (isDayOff ? 0.35 : 1.26)
}

const TAGS = Array.from({ length: 24 }, (_, i) => `tag-${i}.weave`)
export const allTags: readonly string[] = TAGS

const PERIODS = [5, 15, 60, 30]

function senderOf(random: Random, tags: number): Sender {
  return {
    instance: random.bytes(32),
    key: random.bytes(32),
    epoch: 1_000_000n,
    seq: 0n,
    tags: Array.from({ length: tags }, () => random.pick(TAGS)),
  }
}

export function people(random: Random, count: number): readonly Person[] {
  const weights = Array.from({ length: count }, () => Math.exp(0.6 * random.normal()))
  const sum = weights.reduce((all, each) => all + each)
  return weights.map((weight) => ({
    ...senderOf(random, 1 + random.below(3)),
    share: weight / sum,
    late: Math.round(random.normal() * 1.5),
  }))
}

export const stranger = (random: Random): Sender => senderOf(random, 1)

export const jobs = (random: Random): readonly Job[] =>
  PERIODS.map((minutes) => ({
    ...senderOf(random, 1),
    periodMs: minutes * 60_000,
    jitter: random.between(0, 0.05),
    bytes: 4_796,
  }))
