/**
 * What a host was seen to do in earlier windows: who spoke to it, whom it asked, and how fast its windows came. A single
 * window cannot tell 64 strangers from 64 of the host's regulars.
 *
 * @module
 */
import { LATER_FRAGMENT, type Packet, RST, TCP, UDP } from '../capture/packet.ts'
import type { Tally } from './tally.ts'
import { DESTINATION_HASH, KIND, PORTS, ROW, SOURCE_HASH, type Window } from './window.ts'

/** 8,192 bits: a quarter is set when a generation of 1,024 packets ends, each of another flow. */
const WORDS = 256
const GENERATION_WINDOWS = 16
/** Seen now, seen before, asked now, asked before. */
const SLOT = 4 * WORDS
const SUSTAINED_WINDOWS = 8

export interface HostMemory {
  /** A packet went by: if its sender is a host that is remembered, it asks. O(1). */
  sent(packet: Packet, sourceHash: number, destinationHash: number): void
  /**
   * Fills what the tally says of earlier windows, then remembers this one: of a destination the flows that come, of a source
   * the hosts that it goes to. One memory holds windows of one group.
   */
  recall(window: Window, tally: Tally): void
}

/**
 * Bounded: 4 kB a host, the one that comes to another's place takes it. Flows are kept as bits of hashes, so that a few
 * strangers pass for known: about one of ten packets of a flood, never the other way round.
 *
 * @throws RangeError when `maxHosts` is no power of two.
 */
export function hostMemory(maxHosts = 1024): HostMemory {
  if (!(maxHosts >= 1) || (maxHosts & (maxHosts - 1)) !== 0) {
    throw new RangeError(`Cannot remember ${maxHosts} hosts: wanted a power of two`)
  }
  const bits = new Int32Array(maxHosts * SLOT)
  const owner = new Float64Array(maxHosts).fill(Number.NaN)
  const windows = new Uint8Array(maxHosts)
  /** Start and packets of this and of the last generation. */
  const startUs = new Float64Array(maxHosts * 2)
  const packets = new Float64Array(maxHosts * 2)

  const forget = (slot: number, hash: number, nowUs: number): void => {
    bits.fill(0, slot * SLOT, (slot + 1) * SLOT)
    owner[slot] = hash
    windows[slot] = 0
    startUs.fill(nowUs, slot * 2, slot * 2 + 2)
    packets.fill(0, slot * 2, slot * 2 + 2)
  }
  const turn = (slot: number, nowUs: number): void => {
    const at = slot * SLOT
    bits.copyWithin(at + WORDS, at, at + WORDS).fill(0, at, at + WORDS)
    bits.copyWithin(at + 3 * WORDS, at + 2 * WORDS, at + 3 * WORDS).fill(0, at + 2 * WORDS, at + 3 * WORDS)
    windows[slot] = 0
    startUs[slot * 2 + 1] = startUs[slot * 2]!
    startUs[slot * 2] = nowUs
    packets[slot * 2 + 1] = packets[slot * 2]!
    packets[slot * 2] = 0
  }
  const holds = (at: number, flow: number): boolean => {
    const word = at + ((flow >>> 5) & (WORDS - 1))
    return ((bits[word]! | bits[word + WORDS]!) & (1 << (flow & 31))) !== 0
  }

  return {
    sent(packet, sourceHash, destinationHash) {
      const slot = sourceHash & (maxHosts - 1)
      if (owner[slot] !== sourceHash) return
      // A refusal is no question: otherwise a flood's own answers would make it welcome.
      if (packet.protocol !== UDP && (packet.protocol !== TCP || (packet.tcpFlags & RST) !== 0)) return
      const flow = flowHash(destinationHash, (packet.destinationPort << 16) | packet.sourcePort)
      const word = slot * SLOT + 2 * WORDS + ((flow >>> 5) & (WORDS - 1))
      bits[word] = bits[word]! | (1 << (flow & 31))
    },
    recall(window, tally) {
      const { hash, rows, times } = window
      const bySource = window.group === 'source'
      const slot = hash & (maxHosts - 1)
      const isKnown = owner[slot] === hash
      if (!isKnown) forget(slot, hash, times[0]!)
      else if (windows[slot] === GENERATION_WINDOWS) turn(slot, times[0]!)
      let strangers = 0
      let unasked = 0
      const at = slot * SLOT
      for (let row = 0; row < window.packets * ROW; row += ROW) {
        const flow = bySource
          ? flowHash(rows[row + DESTINATION_HASH]!, 0)
          : flowHash(rows[row + SOURCE_HASH]!, rows[row + PORTS]!)
        // A later fragment shows no ports: it is of no flow.
        if (!holds(at, flow) && ((rows[row + KIND]! >>> 16) & 3) !== LATER_FRAGMENT) strangers++
        if (!holds(at + 2 * WORDS, flow)) unasked++
        const word = at + ((flow >>> 5) & (WORDS - 1))
        bits[word] = bits[word]! | (1 << (flow & 31))
      }
      windows[slot] = windows[slot]! + 1
      packets[slot * 2] = packets[slot * 2]! + window.packets
      tally.strangers = isKnown ? strangers : Number.NaN
      tally.unasked = isKnown ? unasked : Number.NaN
      const all = packets[slot * 2]! + packets[slot * 2 + 1]!
      const seconds = (times[window.packets - 1]! - startUs[slot * 2 + 1]!) / 1e6
      tally.sustainedRate = all >= SUSTAINED_WINDOWS * window.packets && seconds > 0 ? all / seconds : Number.NaN
    },
  }
}

const flowHash = (host: number, ports: number): number => {
  const value = Math.imul(host ^ Math.imul(ports, 0x9e3779b1), 0x85ebca6b)
  return value ^ (value >>> 15)
}
