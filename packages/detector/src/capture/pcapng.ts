/**
 * The blocks of a pcapng file: sections of either byte order, interfaces with their clocks, enhanced and simple packets
 * (draft-ietf-opsawg-pcapng). Other blocks are counted and skipped.
 *
 * @module
 */

import { type CaptureCounts, type Frame, type Framing, LOST } from './frame.ts'
import { u16be, u16le, u32be, u32le } from './number.ts'

const SECTION = 0x0a0d0d0a
const INTERFACE = 1
const SIMPLE = 3
const ENHANCED = 6

const SECTION_BYTES = 28
const MIN_BLOCK = 12
/** Options and padding beside the frame. */
const BLOCK_ROOM = 65_536
/** A capture that describes more has its packets on the others counted as of an unknown link. */
const MAX_INTERFACES = 1024

const OPTION_END = 0
const OPTION_CLOCK = 9
const OPTION_CLOCK_OFFSET = 14

interface Clocked {
  readonly linkType: number
  /** 0: frames are not cut. */
  readonly snapLength: number
  /** NaN when the resolution is none that a number can hold. */
  readonly ticksPerSecond: number
  readonly offsetSeconds: number
}

export function pcapngFraming(onFrame: (frame: Frame) => void, maxFrameBytes: number, counts: CaptureCounts): Framing {
  const frame: Frame = { data: new Uint8Array(0), start: 0, end: 0, wireBytes: 0, timeUs: 0, linkType: -1 }
  const maxBlock = maxFrameBytes + BLOCK_ROOM
  let interfaces: Clocked[] = []
  let isLittle = true
  let u32 = u32le

  /** True when the section's byte order is known. */
  const openSection = (data: Uint8Array, at: number): boolean => {
    const magic = u32be(data, at + 8)
    if (magic !== 0x1a2b3c4d && magic !== 0x4d3c2b1a) return false
    isLittle = magic === 0x4d3c2b1a
    u32 = isLittle ? u32le : u32be
    interfaces = []
    return true
  }

  const give = (clocked: Clocked | undefined, from: number, captured: number, wireBytes: number, timeUs: number) => {
    frame.linkType = clocked?.linkType ?? -1
    frame.start = from
    frame.end = from + captured
    frame.wireBytes = Math.max(wireBytes, captured)
    frame.timeUs = timeUs
    counts.frames++
    onFrame(frame)
  }

  /** Block type 6: interface, time, lengths, frame. False when its lengths contradict each other. */
  const enhanced = (data: Uint8Array, at: number, length: number): boolean => {
    if (length < 32) return false
    const captured = u32(data, at + 20)
    if (captured > length - 32 || captured > maxFrameBytes) return false
    const clocked = interfaces[u32(data, at + 8)]
    const ticks = u32(data, at + 12) * 0x1_0000_0000 + u32(data, at + 16)
    const timeUs = clocked === undefined ? Number.NaN : timeOf(ticks, clocked)
    give(clocked, at + 28, captured, u32(data, at + 24), timeUs)
    return true
  }

  /** Block type 3: of the first interface, without a time; cut by its snap length only. */
  const simple = (data: Uint8Array, at: number, length: number): boolean => {
    if (length < 16) return false
    const wireBytes = u32(data, at + 8)
    const snapLength = interfaces[0]?.snapLength || Number.POSITIVE_INFINITY
    const captured = Math.min(wireBytes, snapLength)
    if (captured > length - 16 || captured > maxFrameBytes) return false
    give(interfaces[0], at + 12, captured, wireBytes, Number.NaN)
    return true
  }

  const block = (data: Uint8Array, at: number, type: number, length: number): boolean => {
    // Section 3.1: the length stands at both ends.
    if (u32(data, at + length - 4) !== length) return false
    if (type === ENHANCED) return enhanced(data, at, length)
    if (type === SIMPLE) return simple(data, at, length)
    if (type !== INTERFACE) {
      counts.otherBlocks++
      return true
    }
    if (length < 20 || interfaces.length === MAX_INTERFACES) return false
    interfaces.push(readInterface(data, at, length, isLittle))
    return true
  }

  return {
    take(data, start, end) {
      frame.data = data
      let at = start
      while (end - at >= MIN_BLOCK) {
        // The same in both byte orders, so that a section may change them.
        const isSection = u32be(data, at) === SECTION
        if (isSection) {
          if (end - at < SECTION_BYTES) return at
          if (!openSection(data, at)) return LOST
        }
        const length = u32(data, at + 4)
        if (length < (isSection ? SECTION_BYTES : MIN_BLOCK) || length % 4 !== 0) return LOST
        if (length > maxBlock) counts.oversized++
        else if (length > end - at) return at
        else if (!isSection && !block(data, at, u32(data, at), length)) counts.malformed++
        at += length
      }
      return at
    },
  }
}

/** Block type 1 with the options that tell of its clock; an option that reaches past the block ends the list. */
function readInterface(data: Uint8Array, at: number, length: number, isLittle: boolean): Clocked {
  const u16 = isLittle ? u16le : u16be
  const u32 = isLittle ? u32le : u32be
  let ticksPerSecond = 1e6
  let offsetSeconds = 0
  const stop = at + length - 4
  for (let option = at + 16; option + 4 <= stop; ) {
    const code = u16(data, option)
    const size = u16(data, option + 2)
    if (code === OPTION_END || option + 4 + size > stop) break
    if (code === OPTION_CLOCK && size === 1) ticksPerSecond = resolutionOf(data[option + 4]!)
    if (code === OPTION_CLOCK_OFFSET && size === 8) {
      const high = u32(data, option + (isLittle ? 8 : 4)) | 0
      offsetSeconds = high * 0x1_0000_0000 + u32(data, option + (isLittle ? 4 : 8))
    }
    option += 4 + Math.ceil(size / 4) * 4
  }
  return { linkType: u16(data, at + 8), snapLength: u32(data, at + 12), ticksPerSecond, offsetSeconds }
}

/** Section 4.2, `if_tsresol`: a power of ten, or of two when the high bit is set. Finer than 10^-18 s is no clock. */
function resolutionOf(field: number): number {
  const exponent = field & 0x7f
  const ticks = (field & 0x80) === 0 ? 10 ** exponent : 2 ** exponent
  return ticks > 1e18 ? Number.NaN : ticks
}

const timeOf = (ticks: number, { ticksPerSecond, offsetSeconds }: Clocked): number =>
  (ticksPerSecond === 1e6 ? ticks : (ticks / ticksPerSecond) * 1e6) + offsetSeconds * 1e6
