/**
 * Reads a packet capture, pcap or pcapng, from chunks of any size.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import { type CaptureCounts, type Frame, type Framing, LOST } from './frame.ts'
import { u32be, u32le } from './number.ts'
import { pcapFraming } from './pcap.ts'
import { pcapngFraming } from './pcapng.ts'

export { decodeFrame } from './decode.ts'
export { LINK } from './link.ts'
export { newPacket, type Packet, SKIP_REASONS, type SkipReason } from './packet.ts'
export type { CaptureCounts, Frame }

export interface CaptureOptions {
  /** Frames are given up to so many captured bytes; longer records are skipped. Default 262,144, as tcpdump's. */
  readonly maxFrameBytes?: number
}

/** An incremental reader. After `end` it takes nothing more. */
export interface CaptureReader {
  /** @throws DetectorError `DOCUMENT_MALFORMED` when the first four bytes are of no capture. */
  push(chunk: Uint8Array): void
  /** @throws DetectorError `DOCUMENT_MALFORMED` when there were fewer than four bytes. */
  end(): CaptureCounts
  readonly counts: Readonly<CaptureCounts>
}

/**
 * A reader that hands every frame to `onFrame`. Malformed records are counted and skipped. Memory: one chunk and one record
 * of at most `maxFrameBytes`, whatever the capture says of itself. Source: draft-ietf-opsawg-pcap,
 * draft-ietf-opsawg-pcapng.
 */
export function captureReader(onFrame: (frame: Frame) => void, options: CaptureOptions = {}): CaptureReader {
  const maxFrameBytes = options.maxFrameBytes ?? 262_144
  if (!Number.isInteger(maxFrameBytes) || maxFrameBytes < 1 || maxFrameBytes > 1 << 26) {
    throw new RangeError(`Cannot read a capture: frames of ${maxFrameBytes} bytes, wanted 1 to 67108864`)
  }
  const counts: CaptureCounts = { frames: 0, oversized: 0, malformed: 0, otherBlocks: 0, lost: 0, trailingBytes: 0 }
  const held = holdBytes()
  let framing: Framing | undefined
  let drop = 0

  const take = (data: Uint8Array, start: number, end: number): number => {
    let at = start
    if (framing === undefined) {
      if (end - at < 4) return at
      const found = detect(data, at, onFrame, maxFrameBytes, counts)
      if (found === undefined) throw notACapture()
      framing = found
    }
    at = framing.take(data, at, end)
    if (at === LOST) {
      counts.lost = 1
      return end
    }
    drop = Math.max(0, at - end)
    return Math.min(at, end)
  }

  return {
    counts,
    push(chunk) {
      if (counts.lost === 1) return
      const skipped = Math.min(drop, chunk.length)
      drop -= skipped
      if (skipped < chunk.length) held.through(chunk, skipped, take)
    },
    end() {
      if (framing === undefined) throw notACapture()
      counts.trailingBytes = held.size() + drop
      return { ...counts }
    },
  }
}

const notACapture = () =>
  new DetectorError(
    'DOCUMENT_MALFORMED',
    'Cannot read the capture: its first bytes are of no format, wanted pcap or pcapng',
  )

function detect(
  data: Uint8Array,
  at: number,
  onFrame: (frame: Frame) => void,
  maxFrameBytes: number,
  counts: CaptureCounts,
): Framing | undefined {
  const big = u32be(data, at)
  if (big === 0x0a0d0d0a) return pcapngFraming(onFrame, maxFrameBytes, counts)
  for (const [isLittle, magic] of [
    [false, big],
    [true, u32le(data, at)],
  ] as const) {
    if (magic === 0xa1b2c3d4) return pcapFraming(onFrame, maxFrameBytes, counts, isLittle, 1)
    if (magic === 0xa1b23c4d) return pcapFraming(onFrame, maxFrameBytes, counts, isLittle, 1000)
  }
  return undefined
}

/** Keeps the bytes of a record that is not whole yet. Whole records are read where they lie in the chunk. */
function holdBytes() {
  let store = new Uint8Array(0)
  let size = 0
  const keep = (bytes: Uint8Array): void => {
    if (size + bytes.length > store.length) {
      const larger = new Uint8Array(Math.max(size + bytes.length, store.length * 2))
      larger.set(store.subarray(0, size))
      store = larger
    }
    store.set(bytes, size)
    size += bytes.length
  }
  return {
    size: () => size,
    through(chunk: Uint8Array, from: number, take: (data: Uint8Array, start: number, end: number) => number): void {
      if (size === 0) {
        const at = take(chunk, from, chunk.length)
        if (at < chunk.length) keep(chunk.subarray(at))
        return
      }
      keep(chunk.subarray(from))
      const at = take(store, 0, size)
      store.copyWithin(0, at, size)
      size -= at
    },
  }
}
