/**
 * What a reader of captures gives, and how one format is cut into records.
 *
 * @module
 */

/** One captured frame: `data[start, end)`. The object and its bytes are valid only while the callback runs. */
export interface Frame {
  data: Uint8Array
  start: number
  end: number
  /** Bytes on the wire, at least those captured. */
  wireBytes: number
  /** Microseconds since 1970; NaN when the capture carries no time. */
  timeUs: number
  /** Number of the registry of tcpdump.org; -1 where a block names an interface that was not described. */
  linkType: number
}

/** What is wrong with a capture around its frames. */
export interface CaptureCounts {
  /** Frames given to the callback. */
  frames: number
  /** Records or blocks over the cap: skipped by their length. */
  oversized: number
  /** Blocks whose fields contradict their length: skipped. */
  malformed: number
  /** Blocks of a kind that carries no frame. */
  otherBlocks: number
  /** 1 when a length made it impossible to find the next record: the rest was not read. */
  lost: number
  /** Bytes of a last record that never came to its end. */
  trailingBytes: number
}

/** How one format is cut into records. */
export interface Framing {
  /**
   * Takes all whole records of `data[start, end)` and gives the offset behind the last one. An offset behind `end` means
   * that so many bytes of what follows are to be dropped; `LOST` that no record can be found any more.
   */
  take(data: Uint8Array, start: number, end: number): number
}

export const LOST = -1
