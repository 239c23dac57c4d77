/**
 * Where a file's bytes come from, and how much of it a scan may take.
 *
 * @module
 */

/**
 * A file of a known length that can be read anywhere. Reads may overlap; one at a time is asked for.
 *
 * `read` gives exactly `length` bytes, which lie inside the file, or rejects with `DetectorError`: `NOT_FOUND`,
 * `STORE_FAILED` when the file changed or shrank since it was opened, `MODEL_UNAVAILABLE`, `CANCELLED`.
 */
export interface ByteSource {
  /** For people: a path, a URL. */
  readonly name: string
  /** Bytes, at most 2^53. */
  readonly size: number
  /** Each read is a round trip: fewer samples are taken. */
  readonly isFar: boolean
  read(offset: number, length: number): Promise<Uint8Array>
}

/** A file that is in memory already. Its reads are views of it. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return {
    name,
    size: bytes.length,
    isFar: false,
    read: async (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > bytes.length) {
        throw new RangeError(
          `Cannot read ${name}: bytes ${offset} to ${offset + length}, wanted at most ${bytes.length}`,
        )
      }
      return bytes.subarray(offset, offset + length)
    },
  }
}

/** What one scan may take of the machine. Spent, the verdict is `incomplete`. */
export interface Budget {
  /** Milliseconds for one file. Default 60,000. */
  readonly timeMs: number
  /** Bytes of header, vocabulary and tensor list that are held in memory. Default 128 MiB. */
  readonly headerBytes: number
  /** Bytes that are read of one file altogether. Default 512 MiB. */
  readonly readBytes: number
  /** Reads of weights in one file that is near, and in one that is far. */
  readonly samples: { readonly near: number; readonly far: number }
}

export const DEFAULT_BUDGET: Budget = {
  timeMs: 60_000,
  headerBytes: 128 * 1024 * 1024,
  readBytes: 512 * 1024 * 1024,
  samples: { near: 8_192, far: 96 },
}

/** A budget was spent. Ends the scan of a file; never reaches a caller. */
export class Spent extends Error {
  override readonly name = 'Spent'
}

/** Counts what is read and how long it takes. */
export interface Meter {
  readonly source: ByteSource
  readonly budget: Budget
  /** @throws {Spent} once the time is over. */
  tick(): void
  /** @throws {Spent} before a read that the budget does not hold. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** @param nowMs A clock that only its differences are taken of. */
export function createMeter(source: ByteSource, budget: Budget, nowMs: () => number): Meter {
  const startMs = nowMs()
  let bytes = 0
  const tick = () => {
    if (nowMs() - startMs > budget.timeMs) throw new Spent(`more than ${budget.timeMs} ms were needed`)
  }
  return {
    source,
    budget,
    tick,
    read(offset, length) {
      tick()
      bytes += length
      if (bytes > budget.readBytes) throw new Spent(`more than ${budget.readBytes} bytes had to be read`)
      return source.read(offset, length)
    },
  }
}
