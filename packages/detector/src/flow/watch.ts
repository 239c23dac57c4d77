/**
 * From packets to verdicts: frame → packet → windows → features and rules → verdict.
 *
 * @module
 */
import { decodeFrame } from '../capture/decode.ts'
import type { Frame } from '../capture/frame.ts'
import { newPacket, noSkips, type Packet, type SkipReason } from '../capture/packet.ts'
import { formatAddress } from './address.ts'
import { type Baselines, rateBaselines } from './baseline.ts'
import { extractFeatures, FEATURES } from './feature.ts'
import { hostMemory } from './memory.ts'
import { firedRules, RULES, type Rule, rateOf } from './rule.ts'
import { newTally } from './tally.ts'
import { type Group, trafficWindows, type Window, type WindowCounts } from './window.ts'

export { type Baselines, rateBaselines } from './baseline.ts'
export { EXTRACTOR_VERSION, extractFeatures, FEATURES, type Feature, MODEL_FEATURES } from './feature.ts'
export { type Family, RULES, type Rule } from './rule.ts'
export { newTally, type Tally } from './tally.ts'
export {
  type Group,
  trafficWindows,
  type Window,
  type WindowCounts,
  type WindowOptions,
  type Windows,
} from './window.ts'

/** What is said of one window. `features` is used again: copy it to keep it. */
export interface Verdict {
  readonly group: Group
  /** The destination or source; of a flow, both ends with their ports. */
  readonly subject: string
  readonly verdict: 'attack' | 'clear'
  /** Strongest first. Empty when clear. */
  readonly rules: readonly Rule[]
  readonly packets: number
  /** Microseconds since 1970 of the first packet; NaN without a time. */
  readonly startUs: number
  /** Packets per second; 0 without a time. */
  readonly rate: number
  /** Packets per second that the host is not known to reach; undefined while it is new. */
  readonly usualLimit: number | undefined
  /** In the order of `FEATURES`; only when asked for. */
  readonly features: Float64Array | undefined
}

export interface WatchOptions {
  /** Default destination and source, which have rules. Flows are for a model. */
  readonly groups?: readonly Group[]
  /** Groups whose features are extracted. Default none. */
  readonly withFeatures?: readonly Group[]
  readonly rules?: readonly Rule[]
  /** What is usual for each host. Default: a fresh one of 65,536 hosts. */
  readonly baselines?: Baselines
  readonly maxPackets?: number
  readonly maxDurationUs?: number
  readonly minPackets?: number
  readonly maxOpen?: number
  readonly seed?: number
}

export interface TrafficWatch {
  /** A frame of a capture. Malformed ones are counted. */
  frame(frame: Frame): void
  /** A packet that is decoded already. */
  packet(packet: Packet): void
  /** Closes all windows; each gives its verdict. */
  end(): void
  readonly counts: Readonly<WindowCounts>
  readonly skipped: Readonly<Record<SkipReason, number>>
}

/**
 * Watches one place's traffic. Never acts: `onVerdict` is told of every window, clear ones too. Cost: bounded memory
 * (`maxOpen` windows a group), no allocation per packet.
 */
export function trafficWatch(onVerdict: (verdict: Verdict) => void, options: WatchOptions = {}): TrafficWatch {
  const rules = options.rules ?? RULES
  const baselines = options.baselines ?? rateBaselines()
  const features = new Float64Array(FEATURES.length)
  const { fill } = newTally(options.maxPackets ?? 64)
  const memory = hostMemory()
  const sourceMemory = hostMemory()
  const packet = newPacket()
  const skipped = noSkips()

  const judge = (window: Window): void => {
    const tally = fill(window)
    if (window.group === 'destination') memory.recall(window, tally)
    else if (window.group === 'source') sourceMemory.recall(window, tally)
    const subject = subjectOf(window)
    const host = `${window.group} ${subject}`
    const usualLimit = baselines.limit(host)
    const fired = firedRules(rules, window.group, tally, usualLimit).toSorted((a, b) => b.severity - a.severity)
    const rate = rateOf(tally)
    // An attack must not become what is usual.
    if (fired.length === 0 && window.group !== 'flow') baselines.learn(host, rate)
    const isExtracted = options.withFeatures?.includes(window.group) === true
    if (isExtracted) extractFeatures(tally, features)
    onVerdict({
      group: window.group,
      subject,
      verdict: fired.length === 0 ? 'clear' : 'attack',
      rules: fired,
      packets: window.packets,
      startUs: window.times[0]!,
      rate,
      usualLimit,
      features: isExtracted ? features : undefined,
    })
  }

  const windows = trafficWindows(judge, {
    groups: ['destination', 'source'],
    ...options,
    onPacket: memory.sent,
  })
  return {
    counts: windows.counts,
    skipped,
    frame(frame) {
      const reason = decodeFrame(frame, packet)
      if (reason === undefined) windows.add(packet)
      else skipped[reason]++
    },
    packet: (given) => windows.add(given),
    end: () => windows.end(),
  }
}

function subjectOf({ group, key }: Window): string {
  const lower = formatAddress(key[0]!, key[1]!, key[2]!, key[3]!)
  if (group !== 'flow') return lower
  const higher = formatAddress(key[4]!, key[5]!, key[6]!, key[7]!)
  const ports = key[8]!
  return `${lower} port ${ports >>> 16} and ${higher} port ${ports & 0xffff}, protocol ${key[9]}`
}
