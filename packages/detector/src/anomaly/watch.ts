/**
 * The watch of a log and its traffic: hard invariants first, then rates and patterns.
 *
 * @module
 */
import { type AuditLimits, type LogAudit, logAudit } from './audit.ts'
import type { PacketFact } from './entry.ts'
import type { OnFinding } from './finding.ts'
import { incidents } from './incident.ts'
import { hexOf, keyOf } from './key.ts'
import { PATTERNS, type PatternId } from './patterns.ts'
import { answerSizes } from './rate/answer-size.ts'
import { BUCKET_MS, type Calendar, cellsOf, DAY_MS } from './rate/seasonal.ts'
import { type Surge, surge } from './rate/surge.ts'
import { rateSeries } from './rate/volume-series.ts'
import { recentMap } from './recent.ts'
import { type Population, type Profile, senderProfile } from './sender/profile.ts'

export { INVARIANTS, type InvariantId, type LogAudit, logAudit } from './audit.ts'
export type {
  CheckpointFact,
  EntryAddendum,
  EntryDecision,
  KeyFact,
  LogEntry,
  PacketFact,
  TableFact,
  VolumeFact,
} from './entry.ts'
export type { FindingGroup, LogFinding, OnFinding } from './finding.ts'
export { PATTERNS, type PatternId } from './patterns.ts'

export interface WatchOptions extends AuditLimits, Calendar {
  /** Days of records before rates and patterns are judged; invariants are from the first record on. Default 14. */
  readonly warmUpDays?: number
  /** Senders whose habits are kept; who was away longest is forgotten. Default 4,096. */
  readonly maxProfiles?: number
}

/** Refusal codes that have a series of their own; the others share one. */
const MAX_CODES = 24
/** A gap in the records is gone through in buckets up to so long; behind it the watch goes on where the records do. */
const MAX_GAP_MS = 14 * DAY_MS
/** Thresholds, set on the tuning seeds. */
const SURGES = {
  refusals: { minCount: 20, timesTop: 2, score: 6 },
  retries: { minCount: 20, timesTop: 2, score: 6 },
  'dead-letters': { minCount: 8, timesTop: 2, score: 6 },
} as const

/**
 * Watches records as they come. Times are those of the records; `tick` lets time pass where nothing comes, and silence is
 * not heard without it.
 *
 * Cost: some 16 µs a leaf, its invariants and its share of packets and flows included (`bench/anomaly.ts`); memory is bounded by the options.
 *
 * @param onFinding Gets one finding an incident. What it throws goes to whoever gave the record.
 * @throws RangeError when a limit is not at least 1.
 */
export function logWatch(options: WatchOptions, onFinding: OnFinding): LogAudit {
  const say = incidents(onFinding)
  const audit = logAudit(say, options)
  const unusual = unusualWatch(options, say)
  return {
    leaf(entry) {
      unusual.clock(entry.timeMs)
      audit.leaf(entry)
      unusual.leaf(entry.kind, entry.attempt)
      const { sender } = entry.addendum ?? {}
      if (entry.kind === 'request' && sender !== undefined) unusual.logged(keyOf(sender), entry.timeMs)
    },
    packet(fact) {
      unusual.clock(fact.timeMs)
      audit.packet(fact)
      unusual.packet(fact)
    },
    key: audit.key,
    table: audit.table,
    checkpoint: audit.checkpoint,
    flow: audit.flow,
    tick(nowMs) {
      unusual.clock(nowMs)
      audit.tick(nowMs)
    },
  }
}

type Evidence = Readonly<Record<string, string | number>>

function unusualWatch(options: WatchOptions, onFinding: OnFinding) {
  const { warmUpDays = 14, maxProfiles = 4_096 } = options
  const series = createSeries(options)
  const cellOf = cellsOf(options)
  const population: Population = { bucket: 0, hour: 0, targets: 0 }
  const profiles = recentMap<Profile>(maxProfiles)
  let hasFacts = false
  let [bucket, firstMs, nowMs] = [-1, 0, 0]
  const isWarm = () => nowMs >= firstMs + warmUpDays * DAY_MS

  const tell = (id: PatternId, source: string, evidence: Evidence) => {
    const { group, about, severity, confidence } = PATTERNS[id]
    const figures = Object.entries(evidence).map(([name, value]) => `${name} ${value}`)
    const message = `${about.slice(0, -1)} (${source.length === 64 ? source.slice(0, 12) : source}: ${figures.join(', ')}).`
    onFinding({ id, group, source, severity, confidence, atMs: nowMs, message, leaves: [], evidence })
  }
  const sent = (
    sender: string,
    request: { timeMs: number; target?: string | undefined; bytes?: number | undefined },
  ) => {
    const profile = profiles.get(sender) ?? senderProfile(population, cellOf)
    profiles.set(sender, profile)
    const { timeMs, target, bytes } = request
    profile.request({ timeMs, target, bytes }, isWarm(), (id, evidence) => tell(id, hexOf(sender), evidence))
  }

  return {
    /** Closes the buckets that are over. */
    clock(timeMs: number) {
      if (timeMs <= nowMs) return
      const next = Math.floor(timeMs / BUCKET_MS)
      if (bucket < 0) {
        firstMs = timeMs
        bucket = next
      }
      if ((next - bucket) * BUCKET_MS > MAX_GAP_MS) bucket = next
      for (; bucket < next; bucket++) {
        nowMs = Math.max(nowMs, (bucket + 1) * BUCKET_MS - 1)
        series.close(bucket * BUCKET_MS + BUCKET_MS / 2, isWarm(), tell)
      }
      nowMs = timeMs
    },
    leaf(kind: string, attempt: number) {
      if (kind === 'request') series.add('requests')
      else if (kind === 'attempt' && attempt > 1) series.add('retries')
      else if (kind === 'dead-letter') series.add('dead-letters')
    },
    packet({ kind, outcome, bytes, sender, target, timeMs }: PacketFact) {
      hasFacts = true
      if (outcome === 'known') return
      if (outcome !== 'taken') return series.refuse(outcome)
      if (kind === 'STREAM_CLOSE') series.answer(bytes)
      if (kind === 'REQUEST') sent(keyOf(sender), { timeMs, target, bytes })
    },
    /** Who has the router's facts needs no addenda, and knows more. */
    logged(sender: string, timeMs: number) {
      if (!hasFacts) sent(sender, { timeMs })
    },
  }
}

type Tell = (id: PatternId, source: string, evidence: Evidence) => void
type Count = 'requests' | 'retries' | 'dead-letters'

/** The series of the network as a whole. */
function createSeries(calendar: Calendar) {
  const rate = rateSeries(calendar)
  const retries = surge(SURGES.retries)
  const dead = surge(SURGES['dead-letters'])
  const sizes = answerSizes()
  const refusals = new Map<string, { readonly surge: Surge; count: number }>()
  const counts = { requests: 0, retries: 0, 'dead-letters': 0 }
  const refusalOf = (code: string) => {
    const name = refusals.has(code) || refusals.size < MAX_CODES ? code : 'others'
    const own = refusals.get(name) ?? { surge: surge(SURGES.refusals), count: 0 }
    refusals.set(name, own)
    return own
  }
  return {
    add: (name: Count) => void counts[name]++,
    answer: sizes.answer,
    refuse: (code: string) => void refusalOf(code).count++,
    close(timeMs: number, isWarm: boolean, tell: Tell) {
      const usual = rate.usual(timeMs) ?? counts.requests
      rate.bucket(timeMs, counts.requests, isWarm, (id, evidence) => tell(id, 'requests', evidence))
      const rare = [
        ['retries', 'attempts', retries, counts.retries],
        ['dead-letters', 'dead letters', dead, counts['dead-letters']],
        ...[...refusals].map(([code, each]) => ['refusals', code, each.surge, each.count] as const),
      ] as const
      for (const [id, source, own, count] of rare) {
        const found = own.bucket(count, usual, isWarm)
        if (found !== undefined) tell(id, source, found)
      }
      const size = sizes.bucket(isWarm)
      if (size !== undefined) tell('answer-size', 'answers', size)
      for (const each of refusals.values()) each.count = 0
      counts.requests = 0
      counts.retries = 0
      counts['dead-letters'] = 0
    },
  }
}
