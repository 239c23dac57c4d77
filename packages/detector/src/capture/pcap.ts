/**
 * The records of a classic pcap file, both byte orders, microseconds or nanoseconds (draft-ietf-opsawg-pcap).
 *
 * @module
 */

import type { CaptureCounts, Frame, Framing } from './frame.ts'
import { u32be, u32le } from './number.ts'

const FILE_HEADER = 24
const RECORD_HEADER = 16

/** `perMicrosecond`: how many units of the second time field make one microsecond. */
export function pcapFraming(
  onFrame: (frame: Frame) => void,
  maxFrameBytes: number,
  counts: CaptureCounts,
  isLittle: boolean,
  perMicrosecond: number,
): Framing {
  const u32 = isLittle ? u32le : u32be
  const frame: Frame = { data: new Uint8Array(0), start: 0, end: 0, wireBytes: 0, timeUs: 0, linkType: -1 }

  return {
    take(data, start, end) {
      let at = start
      if (frame.linkType === -1) {
        if (end - at < FILE_HEADER) return at
        // The upper half tells of checksums behind the frames.
        frame.linkType = u32(data, at + 20) & 0xffff
        at += FILE_HEADER
      }
      frame.data = data
      while (end - at >= RECORD_HEADER) {
        const captured = u32(data, at + 8)
        const next = at + RECORD_HEADER + captured
        if (captured > maxFrameBytes) {
          counts.oversized++
        } else {
          if (next > end) return at
          frame.start = at + RECORD_HEADER
          frame.end = next
          frame.wireBytes = Math.max(u32(data, at + 12), captured)
          frame.timeUs = u32(data, at) * 1e6 + u32(data, at + 4) / perMicrosecond
          counts.frames++
          onFrame(frame)
        }
        at = next
      }
      return at
    },
  }
}
