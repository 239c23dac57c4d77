/**
 * One pass over a window: the sums that features and rules are made of.
 *
 * @module
 */
import { ACK, CWR, ECE, FIN, ICMP, ICMP_V6, PSH, RST, SYN, TCP, UDP, URG } from '../capture/packet.ts'
import { AMPLIFIERS } from './amplifier.ts'
import {
  DESTINATION_HASH,
  HAS_EXTRA,
  ICMP_TYPE,
  IP_BYTES,
  IS_BACKWARD,
  KIND,
  PAYLOAD_BYTES,
  PORTS,
  ROW,
  SOURCE_HASH,
  TCP_SHAPE,
  type Window,
} from './window.ts'

/** How the values of one column spread: `distinct` of `of`, and their entropy in bits. */
export interface Spread {
  of: number
  distinct: number
  entropyBits: number
}

/** Mean and standard deviation, and order statistics, of one column. NaN of an empty one. */
export interface Moments {
  mean: number
  deviation: number
  min: number
  median: number
  max: number
}

export interface Tally {
  packets: number
  /** First to last packet; NaN when packets carry no time. */
  durationUs: number
  bytes: number
  tcp: number
  udp: number
  icmp: number
  echo: number
  unreachable: number
  fragments: number
  extras: number
  backward: number
  empty: number
  /** TCP by flags. `pureAck`: ACK alone without data. `odd`: none, or SYN with FIN or RST, or FIN, PSH and URG. */
  syn: number
  synAck: number
  pureAck: number
  fin: number
  rst: number
  psh: number
  urg: number
  /** ECE or CWR. */
  ecn: number
  odd: number
  tcpOptionBytes: number
  zeroWindow: number
  /** UDP packets that come from the port of a service that amplifies, and later fragments of UDP. */
  fromAmplifier: number
  laterUdp: number
  /**
   * Of earlier windows (`memory.ts`), NaN where there were none: packets of flows (of a source: to hosts) that were not seen, packets that answer no
   * question of the host, and packets per second over up to 32 windows.
   */
  strangers: number
  unasked: number
  sustainedRate: number
  sizes: Moments
  payloads: Moments
  gaps: Moments
  /** Gaps of less than a tenth of the mean. */
  burstGaps: number
  sizeSpread: Spread
  windowSpread: Spread
  sources: Spread
  destinations: Spread
  sourcePorts: Spread
  destinationPorts: Spread
}

const COUNTS = [
  'packets',
  'bytes',
  'tcp',
  'udp',
  'icmp',
  'echo',
  'unreachable',
  'fragments',
  'extras',
  'backward',
  'empty',
  'syn',
  'synAck',
  'pureAck',
  'fin',
  'rst',
  'psh',
  'urg',
  'ecn',
  'odd',
  'tcpOptionBytes',
  'zeroWindow',
  'fromAmplifier',
  'laterUdp',
  'burstGaps',
] as const

const spread = (): Spread => ({ of: 0, distinct: 0, entropyBits: Number.NaN })
const moments = (): Moments => ({ mean: 0, deviation: 0, min: 0, median: 0, max: 0 })

/** A tally to fill, and the room that filling takes, for windows of up to `maxPackets`. */
export function newTally(maxPackets: number): { tally: Tally; fill: (window: Window) => Tally } {
  const tally = {
    ...Object.fromEntries(COUNTS.map((name) => [name, 0])),
    durationUs: 0,
    strangers: Number.NaN,
    unasked: Number.NaN,
    sustainedRate: Number.NaN,
    sizes: moments(),
    payloads: moments(),
    gaps: moments(),
    sizeSpread: spread(),
    windowSpread: spread(),
    sources: spread(),
    destinations: spread(),
    sourcePorts: spread(),
    destinationPorts: spread(),
  } as unknown as Tally
  const ints = new Int32Array(maxPackets)
  const reals = new Float64Array(maxPackets)

  const fill = (window: Window): Tally => {
    for (const name of COUNTS) tally[name] = 0
    tally.packets = window.packets
    tally.strangers = tally.unasked = tally.sustainedRate = Number.NaN
    for (let i = 0; i < window.packets; i++) countRow(tally, window.rows, i * ROW)
    measure(tally.sizes, column(window, reals, IP_BYTES))
    measure(tally.payloads, column(window, reals, PAYLOAD_BYTES))
    fillGaps(tally, window, reals)
    const { rows, packets } = window
    fillSpread(
      tally.sizeSpread,
      ints,
      collect(ints, packets, (at) => rows[at + IP_BYTES]!),
    )
    fillSpread(
      tally.sources,
      ints,
      collect(ints, packets, (at) => rows[at + SOURCE_HASH]!),
    )
    fillSpread(
      tally.destinations,
      ints,
      collect(ints, packets, (at) => rows[at + DESTINATION_HASH]!),
    )
    const hasPorts = (at: number) => rows[at + PORTS] !== 0
    fillSpread(
      tally.sourcePorts,
      ints,
      collect(ints, packets, (at) => rows[at + PORTS]! >>> 16, hasPorts),
    )
    fillSpread(
      tally.destinationPorts,
      ints,
      collect(ints, packets, (at) => rows[at + PORTS]! & 0xffff, hasPorts),
    )
    const isTcp = (at: number) => (rows[at + KIND]! & 0xff) === TCP
    fillSpread(
      tally.windowSpread,
      ints,
      collect(ints, packets, (at) => rows[at + TCP_SHAPE]! & 0xffff, isTcp),
    )
    return tally
  }
  return { tally, fill }
}

function countRow(tally: Tally, rows: Int32Array, at: number): void {
  const kind = rows[at + KIND]!
  const payload = rows[at + PAYLOAD_BYTES]!
  const fragment = (kind >>> 16) & 3
  tally.bytes += rows[at + IP_BYTES]!
  if (payload === 0) tally.empty++
  if (fragment !== 0) tally.fragments++
  if ((kind & HAS_EXTRA) !== 0) tally.extras++
  if ((kind & IS_BACKWARD) !== 0) tally.backward++
  switch (kind & 0xff) {
    case TCP:
      tally.tcp++
      // A later fragment shows no flags.
      if (fragment !== 2) countTcp(tally, (kind >>> 8) & 0xff, payload, rows[at + TCP_SHAPE]!)
      return
    case UDP:
      tally.udp++
      if (fragment === 2) tally.laterUdp++
      else if (AMPLIFIERS.has(rows[at + PORTS]! >>> 16)) tally.fromAmplifier++
      return
    case ICMP:
    case ICMP_V6:
      countIcmp(tally, kind & 0xff, rows[at + ICMP_TYPE]!)
      return
    default:
  }
}

function countTcp(tally: Tally, flags: number, payload: number, shape: number): void {
  const isSyn = (flags & SYN) !== 0
  if (isSyn && (flags & ACK) === 0) tally.syn++
  if (isSyn && (flags & ACK) !== 0) tally.synAck++
  if ((flags & (SYN | FIN | RST | PSH | ACK | URG)) === ACK && payload === 0) tally.pureAck++
  if ((flags & FIN) !== 0) tally.fin++
  if ((flags & RST) !== 0) tally.rst++
  if ((flags & PSH) !== 0) tally.psh++
  if ((flags & URG) !== 0) tally.urg++
  if ((flags & (ECE | CWR)) !== 0) tally.ecn++
  const xmas = FIN | PSH | URG
  if ((flags & 0x3f) === 0 || (isSyn && (flags & (FIN | RST)) !== 0) || (flags & 0x3f) === xmas) tally.odd++
  tally.tcpOptionBytes += shape >>> 16
  if ((shape & 0xffff) === 0) tally.zeroWindow++
}

function countIcmp(tally: Tally, protocol: number, type: number): void {
  tally.icmp++
  if (protocol === ICMP) {
    if (type === 0 || type === 8) tally.echo++
    if (type === 3) tally.unreachable++
    return
  }
  if (type === 128 || type === 129) tally.echo++
  if (type === 1) tally.unreachable++
}

/** Copies one column into `reals`. */
function column(window: Window, reals: Float64Array, word: number): Float64Array {
  for (let i = 0; i < window.packets; i++) reals[i] = window.rows[i * ROW + word]!
  return reals.subarray(0, window.packets)
}

/** Sorts `values`. */
function measure(into: Moments, values: Float64Array): void {
  const n = values.length
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / n
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  into.mean = mean
  into.deviation = Math.sqrt(squares / n)
  values.sort()
  into.min = values[0] ?? Number.NaN
  into.median = n === 0 ? Number.NaN : (values[(n - 1) >> 1]! + values[n >> 1]!) / 2
  into.max = values[n - 1] ?? Number.NaN
}

/** Packets may come out of order: a gap is the distance, whichever came first. */
function fillGaps(tally: Tally, window: Window, reals: Float64Array): void {
  const { times, packets } = window
  let first = times[0]!
  let last = first
  for (let i = 1; i < packets; i++) {
    reals[i - 1] = Math.abs(times[i]! - times[i - 1]!)
    first = Math.min(first, times[i]!)
    last = Math.max(last, times[i]!)
  }
  tally.durationUs = last - first
  const gaps = reals.subarray(0, packets - 1)
  measure(tally.gaps, gaps)
  const burst = tally.gaps.mean / 10
  for (const gap of gaps) if (gap < burst) tally.burstGaps++
}

function collect(
  into: Int32Array,
  packets: number,
  valueAt: (at: number) => number,
  isOne: (at: number) => boolean = () => true,
): number {
  let n = 0
  for (let at = 0; at < packets * ROW; at += ROW) if (isOne(at)) into[n++] = valueAt(at)
  return n
}

/**
 * Entropy from how many values came how often. Summed in the order of the counts, not of the values: these are hashes under
 * a seed, and a sum that were rounded in their order would differ from run to run.
 */
function fillSpread(into: Spread, values: Int32Array, n: number): void {
  into.of = n
  into.distinct = 0
  const sorted = values.subarray(0, n).sort()
  const often = new Uint16Array(n + 1)
  for (let from = 0; from < n; ) {
    let to = from + 1
    while (to < n && sorted[to] === sorted[from]) to++
    into.distinct++
    often[to - from]!++
    from = to
  }
  let weighted = 0
  for (let count = 2; count <= n; count++) weighted += often[count]! * count * Math.log2(count)
  into.entropyBits = n === 0 ? Number.NaN : Math.log2(n) - weighted / n
}
