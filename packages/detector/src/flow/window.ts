/**
 * Cuts traffic into windows: 64 packets or 10 seconds of what goes to one destination, of what comes from one source, and
 * of one flow (both directions). Memory is bounded: the oldest window is closed early when too many are open.
 *
 * @module
 */
import type { Packet } from '../capture/packet.ts'

export type Group = 'destination' | 'source' | 'flow'

/** Words of one packet in `rows`. */
export const ROW = 8
export const IP_BYTES = 0
export const PAYLOAD_BYTES = 1
/** protocol, TCP flags << 8, fragment << 16, `HAS_EXTRA`, `IS_BACKWARD`. */
export const KIND = 2
/** TCP window, option bytes << 16. */
export const TCP_SHAPE = 3
export const ICMP_TYPE = 4
export const SOURCE_HASH = 5
export const DESTINATION_HASH = 6
/** source port << 16 | destination port. */
export const PORTS = 7

export const HAS_EXTRA = 1 << 18
export const IS_BACKWARD = 1 << 19

/** A window. Valid only while the callback runs: closed windows are used again. */
export interface Window {
  group: Group
  /** 4 words of the address; of a flow 4 and 4, the ports in one, the protocol: lower end first. */
  readonly key: Int32Array
  packets: number
  /** Microseconds; NaN when the packets carry no time. */
  times: Float64Array
  rows: Int32Array
  hash: number
  next: Window | undefined
  older: Window | undefined
  newer: Window | undefined
}

export interface WindowOptions {
  /** Default all three. Cost grows with each. */
  readonly groups?: readonly Group[]
  /** Default 64. */
  readonly maxPackets?: number
  /** Default 10 seconds. */
  readonly maxDurationUs?: number
  /** Windows with fewer are dropped and counted: they show no shape. Default 8. */
  readonly minPackets?: number
  /** Open windows per group. Default 16,384: about 43 MB in a group at most, when all are nearly full. */
  readonly maxOpen?: number
  /** Of the hashes; a secret one keeps senders from choosing addresses that collide. Default: random. */
  readonly seed?: number
  /** Told of every packet before its windows are. */
  readonly onPacket?: (packet: Packet, sourceHash: number, destinationHash: number) => void
}

export interface WindowCounts {
  /** Windows given to the callback. */
  closed: number
  /** Windows with too few packets. */
  dropped: number
  /** Of both: closed early because too many were open. */
  evicted: number
}

export interface Windows {
  /** Copies what it needs. O(1). */
  add(packet: Packet): void
  /** Closes all that are open. */
  end(): void
  readonly counts: Readonly<WindowCounts>
}

const FIRST_ROOM = 4
const KEY_WORDS = 10

export function trafficWindows(onWindow: (window: Window) => void, options: WindowOptions = {}): Windows {
  const settings: Settings = {
    maxPackets: options.maxPackets ?? 64,
    maxDurationUs: options.maxDurationUs ?? 10e6,
    minPackets: options.minPackets ?? 8,
    maxOpen: options.maxOpen ?? 16_384,
  }
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 1)) throw new RangeError(`Cannot cut windows: ${name} is ${value}, wanted at least 1`)
  }
  const seed = options.seed ?? crypto.getRandomValues(new Int32Array(1))[0]!
  const counts: WindowCounts = { closed: 0, dropped: 0, evicted: 0 }
  const groups = options.groups ?? (['destination', 'source', 'flow'] as const)
  const tables = groups.map((group) => windowTable(group, settings, seed, counts, onWindow))
  return {
    counts,
    add(packet) {
      const sourceHash = hashAddress(seed, packet.source0, packet.source1, packet.source2, packet.source3)
      const destinationHash = hashAddress(
        seed,
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
      )
      options.onPacket?.(packet, sourceHash, destinationHash)
      for (let i = 0; i < tables.length; i++) tables[i]!.add(packet, sourceHash, destinationHash)
    },
    end() {
      for (const table of tables) table.end()
    },
  }
}

interface Settings {
  readonly maxPackets: number
  readonly maxDurationUs: number
  readonly minPackets: number
  readonly maxOpen: number
}

const mix = (hash: number, word: number): number => {
  let value = Math.imul(hash ^ word, 0x9e3779b1)
  value ^= value >>> 15
  return Math.imul(value, 0x85ebca6b) ^ (value >>> 13)
}

const hashAddress = (seed: number, a: number, b: number, c: number, d: number): number =>
  mix(mix(mix(mix(seed, a), b), c), d)

/** The open windows of one group: buckets by hash, and a list by age. */
function windowTable(
  group: Group,
  settings: Settings,
  seed: number,
  counts: WindowCounts,
  onWindow: (window: Window) => void,
) {
  const { maxPackets, maxDurationUs, minPackets, maxOpen } = settings
  const buckets: (Window | undefined)[] = new Array(2 ** Math.ceil(Math.log2(maxOpen))).fill(undefined)
  const mask = buckets.length - 1
  const key = new Int32Array(KEY_WORDS)
  const free: Window[] = []
  let oldest: Window | undefined
  let newest: Window | undefined
  let open = 0

  const find = (hash: number): Window | undefined => {
    for (let window = buckets[hash & mask]; window !== undefined; window = window.next) {
      if (window.hash === hash && sameKey(window.key, key)) return window
    }
    return undefined
  }

  const start = (hash: number): Window => {
    if (open >= maxOpen) {
      counts.evicted++
      close(oldest!)
    }
    const window = free.pop() ?? newWindow(group)
    window.key.set(key)
    window.hash = hash
    window.packets = 0
    window.next = buckets[hash & mask]
    buckets[hash & mask] = window
    window.older = newest
    window.newer = undefined
    if (newest === undefined) oldest = window
    else newest.newer = window
    newest = window
    open++
    return window
  }

  const close = (window: Window): void => {
    let at = buckets[window.hash & mask]
    if (at === window) buckets[window.hash & mask] = window.next
    else {
      while (at!.next !== window) at = at!.next
      at!.next = window.next
    }
    if (window.older === undefined) oldest = window.newer
    else window.older.newer = window.newer
    if (window.newer === undefined) newest = window.older
    else window.newer.older = window.older
    open--
    if (window.packets < minPackets) counts.dropped++
    else {
      counts.closed++
      onWindow(window)
    }
    window.next = undefined
    window.older = undefined
    window.newer = undefined
    free.push(window)
  }

  /** Also true when the clock was set back by more than a window: the two times tell nothing of each other. */
  const isOver = (window: Window, nowUs: number): boolean => Math.abs(nowUs - window.times[0]!) >= maxDurationUs

  return {
    add(packet: Packet, sourceHash: number, destinationHash: number): void {
      while (oldest !== undefined && isOver(oldest, packet.timeUs)) close(oldest)
      const isBackward = fillKey(group, packet, key)
      let hash = group === 'source' ? sourceHash : destinationHash
      if (group === 'flow') {
        // The same for both directions.
        hash = mix(mix(mix(seed, sourceHash ^ destinationHash), key[8]!), key[9]!)
      }
      let window = find(hash)
      if (window !== undefined && isOver(window, packet.timeUs)) {
        close(window)
        window = undefined
      }
      window ??= start(hash)
      addRow(window, packet, sourceHash, destinationHash, isBackward)
      if (window.packets === maxPackets) close(window)
    },
    end(): void {
      while (oldest !== undefined) close(oldest)
    },
  }
}

const newWindow = (group: Group): Window => ({
  group,
  key: new Int32Array(KEY_WORDS),
  packets: 0,
  times: new Float64Array(FIRST_ROOM),
  rows: new Int32Array(FIRST_ROOM * ROW),
  hash: 0,
  next: undefined,
  older: undefined,
  newer: undefined,
})

function sameKey(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < KEY_WORDS; i++) if (a[i] !== b[i]) return false
  return true
}

/** Gives whether the packet goes from the higher to the lower end of its flow. */
function fillKey(group: Group, packet: Packet, key: Int32Array): boolean {
  if (group === 'flow') {
    const isBackward = isFromHigher(packet)
    putAddress(key, isBackward ? 4 : 0, packet, true)
    putAddress(key, isBackward ? 0 : 4, packet, false)
    key[8] = isBackward
      ? (packet.destinationPort << 16) | packet.sourcePort
      : (packet.sourcePort << 16) | packet.destinationPort
    key[9] = packet.protocol
    return isBackward
  }
  putAddress(key, 0, packet, group === 'source')
  return false
}

function putAddress(key: Int32Array, at: number, packet: Packet, isSource: boolean): void {
  key[at] = isSource ? packet.source0 : packet.destination0
  key[at + 1] = isSource ? packet.source1 : packet.destination1
  key[at + 2] = isSource ? packet.source2 : packet.destination2
  key[at + 3] = isSource ? packet.source3 : packet.destination3
}

function isFromHigher(packet: Packet): boolean {
  const order =
    packet.source0 - packet.destination0 ||
    packet.source1 - packet.destination1 ||
    packet.source2 - packet.destination2 ||
    packet.source3 - packet.destination3 ||
    packet.sourcePort - packet.destinationPort
  return order > 0
}

function addRow(
  window: Window,
  packet: Packet,
  sourceHash: number,
  destinationHash: number,
  isBackward: boolean,
): void {
  const n = window.packets
  if (n === window.times.length) grow(window)
  window.times[n] = packet.timeUs
  const { rows } = window
  const at = n * ROW
  rows[at + IP_BYTES] = packet.ipBytes
  rows[at + PAYLOAD_BYTES] = packet.payloadBytes
  rows[at + KIND] =
    packet.protocol |
    (packet.tcpFlags << 8) |
    (packet.fragment << 16) |
    (packet.extraBytes > 0 ? HAS_EXTRA : 0) |
    (isBackward ? IS_BACKWARD : 0)
  rows[at + TCP_SHAPE] = packet.tcpWindow | (packet.tcpOptionBytes << 16)
  rows[at + ICMP_TYPE] = packet.icmpType
  rows[at + SOURCE_HASH] = sourceHash
  rows[at + DESTINATION_HASH] = destinationHash
  rows[at + PORTS] = (packet.sourcePort << 16) | packet.destinationPort
  window.packets = n + 1
}

function grow(window: Window): void {
  const times = new Float64Array(window.times.length * 2)
  times.set(window.times)
  const rows = new Int32Array(window.rows.length * 2)
  rows.set(window.rows)
  window.times = times
  window.rows = rows
}
