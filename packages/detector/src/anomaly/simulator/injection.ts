/**
 * What is injected, and how strongly. Each kind has one number, its size, in the unit that is named here.
 *
 * @module
 */
import type { Random } from './random.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

interface Kind {
  /** Findings of which one must come. */
  readonly expects: readonly string[]
  /** What the size is. */
  readonly unit: string
  /** The size that the claims are about, and a smaller one that is reported beside it. */
  readonly stated: number
  readonly small: number
  /** Shortest and longest, in minutes. */
  readonly minutes: readonly [number, number]
  /** How long after its end it may yet be found, in minutes. */
  readonly graceMinutes: number
}

export const INJECTIONS = {
  burst: {
    expects: ['burst'],
    unit: 'times the usual requests',
    stated: 4,
    small: 2.5,
    minutes: [60, 180],
    graceMinutes: 30,
  },
  silence: {
    expects: ['silence'],
    unit: 'share of the requests that is gone',
    stated: 1,
    small: 0.8,
    minutes: [180, 300],
    graceMinutes: 30,
  },
  drift: {
    expects: ['drift'],
    unit: 'growth a day',
    stated: 0.2,
    small: 0.1,
    minutes: [8_640, 8_640],
    graceMinutes: 360,
  },
  refusals: {
    expects: ['refusals'],
    unit: 'refusals of one code an hour',
    stated: 60,
    small: 30,
    minutes: [60, 180],
    graceMinutes: 30,
  },
  retries: {
    expects: ['retries'],
    unit: 'share of the attempts that fail, of an hour’s requests of 60 or more',
    stated: 0.7,
    small: 0.4,
    minutes: [120, 240],
    graceMinutes: 30,
  },
  'dead-letters': {
    expects: ['dead-letters'],
    unit: 'share of the requests that end as dead letters',
    stated: 0.5,
    small: 0.25,
    minutes: [120, 240],
    graceMinutes: 40,
  },
  'answer-size': {
    expects: ['answer-size'],
    unit: 'times the usual bytes',
    stated: 6,
    small: 3,
    minutes: [180, 360],
    graceMinutes: 30,
  },
  'sender-burst': {
    expects: ['sender-burst'],
    unit: 'requests a minute of one sender',
    stated: 8,
    small: 3,
    minutes: [20, 60],
    graceMinutes: 10,
  },
  beacon: {
    expects: ['beacon'],
    unit: 'periods of a sender, with a jitter of 5 %',
    stated: 120,
    small: 50,
    minutes: [0, 0],
    graceMinutes: 10,
  },
  'fan-out': {
    expects: ['fan-out'],
    unit: 'tags that one sender asks in half an hour',
    stated: 16,
    small: 9,
    minutes: [30, 30],
    graceMinutes: 10,
  },
  'odd-hours': {
    expects: ['odd-hours'],
    unit: 'requests in the night of a sender of the more active half',
    stated: 15,
    small: 6,
    minutes: [40, 40],
    graceMinutes: 10,
  },
  'constant-size': {
    expects: ['constant-size'],
    unit: 'requests of 256 KiB of one sender',
    stated: 80,
    small: 40,
    minutes: [240, 480],
    graceMinutes: 10,
  },
  exfiltration: {
    expects: ['flow-unlogged'],
    unit: 'MiB an hour beside the log',
    stated: 12,
    small: 4,
    minutes: [120, 240],
    graceMinutes: 80,
  },
  bypass: {
    expects: ['log-unflowed'],
    unit: 'share of an agent’s traffic that takes another way',
    stated: 0.9,
    small: 0.5,
    minutes: [600, 720],
    graceMinutes: 380,
  },
  omission: {
    expects: ['taken-unlogged'],
    unit: 'share of the taken requests that are not logged',
    stated: 0.05,
    small: 0.01,
    minutes: [240, 360],
    graceMinutes: 30,
  },
  'lost-endings': {
    expects: ['ending-missing'],
    unit: 'share of the attempts whose end is not logged',
    stated: 0.05,
    small: 0.01,
    minutes: [240, 360],
    graceMinutes: 30,
  },
} as const satisfies Record<string, Kind>

export type InjectionKind = keyof typeof INJECTIONS

export interface Injection {
  readonly kind: InjectionKind
  readonly size: number
  readonly startMs: number
  readonly endMs: number
  /** Decides which sender or agent it is. */
  readonly pick: number
}

/** Draws an injection that starts within a span. @param size Of {@link INJECTIONS}, or any other. */
export function drawInjection(
  kind: InjectionKind,
  size: number,
  random: Random,
  span: { readonly fromMs: number; readonly toMs: number },
): Injection {
  const [least, most] = INJECTIONS[kind].minutes
  const startMs = Math.floor(random.between(span.fromMs, span.toMs))
  const pick = random.unit()
  // Somebody's night lies around midnight.
  if (kind === 'odd-hours') {
    const midnightMs = Math.ceil(startMs / DAY_MS) * DAY_MS
    return { kind, size, startMs: midnightMs - 3 * HOUR_MS, endMs: midnightMs + 9 * HOUR_MS, pick }
  }
  // A beacon lasts as many periods as its size says, of 1 to 10 minutes.
  const minutes = kind === 'beacon' ? size * beaconMinutes(pick) : random.between(least, most)
  return { kind, size, startMs, endMs: Math.floor(startMs + minutes * MINUTE_MS), pick }
}

/** Period of a beacon, 1 to 10 minutes, from what else is drawn for it. */
export const beaconMinutes = (pick: number): number => 10 ** ((pick * 97) % 1)

/** How the traffic of a minute is changed. */
export interface Change {
  rate: number
  failing: number
  dying: number
  answerBytes: number
  unlogged: number
  unended: number
}

export const noChange = (): Change => ({
  rate: 1,
  failing: 0,
  dying: 0,
  answerBytes: 1,
  unlogged: 0,
  unended: 0,
})

/** Changes of the whole traffic; what single senders do is in `traffic.ts`. */
export function applyChange(change: Change, { kind, size, startMs }: Injection, nowMs: number): void {
  if (kind === 'burst') change.rate *= size
  else if (kind === 'silence') change.rate *= 1 - size
  else if (kind === 'drift') change.rate *= (1 + size) ** ((nowMs - startMs) / DAY_MS)
  else if (kind === 'retries') change.failing = size
  else if (kind === 'dead-letters') change.dying = size
  else if (kind === 'answer-size') change.answerBytes *= size
  else if (kind === 'omission') change.unlogged = size
  else if (kind === 'lost-endings') change.unended = size
}
