/**
 * The beginning of a file, as much of it as was needed so far.
 *
 * @module
 */
import { type Meter, Spent } from '../source.ts'

/** Most headers are shorter: they are read once, and walked once. */
const FIRST_BYTES = 16 * 1024 * 1024
const FIRST_FAR_BYTES = 256 * 1024

export interface Window {
  readonly bytes: Uint8Array
  /** At least four times as long as before, and as long as `end` wants; the file's end is the limit. */
  grow(end: number): Promise<void>
}

/** @throws {Spent} when the header budget does not hold what is asked for. */
export async function openWindow(meter: Meter): Promise<Window> {
  const { source, budget } = meter
  const first = Math.min(source.size, budget.headerBytes, source.isFar ? FIRST_FAR_BYTES : FIRST_BYTES)
  let bytes = await meter.read(0, first)
  const fill = async (length: number) => {
    const grown = new Uint8Array(length)
    grown.set(bytes)
    grown.set(await meter.read(bytes.length, length - bytes.length), bytes.length)
    bytes = grown
  }
  return {
    get bytes() {
      return bytes
    },
    async grow(end) {
      if (bytes.length >= budget.headerBytes || end > budget.headerBytes) {
        throw new Spent(`the header takes more than ${budget.headerBytes} bytes`)
      }
      await fill(Math.min(source.size, budget.headerBytes, Math.max(end, bytes.length * 4)))
    },
  }
}
