/**
 * Reads that cannot leave the file.
 *
 * @module
 */
import type { Warning } from './warning.ts'

/** The file cannot be read as a PE file at all. Never reaches a caller of a scan. */
export class NotPe extends Error {
  override readonly name = 'NotPe'
}

/** An address that lies nowhere in the file. Ends the reading of one structure. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** A budget was spent. Never reaches a caller of a scan. */
export class Spent extends Error {
  override readonly name = 'Spent'
}

/** Counts what is looked at, in bytes or entries: a file that refers to itself cannot make a scan endless. */
export interface Meter {
  /** @throws {Spent} once the time is over or the work is more than allowed. */
  work(amount: number): void
}

/**
 * @param workUnits Bytes and entries that may be looked at.
 * @param nowMs A clock that only its differences are taken of.
 */
export function createMeter(workUnits: number, timeMs: number, nowMs: () => number): Meter {
  const startMs = nowMs()
  let left = workUnits
  let sinceClock = 0
  return {
    work(amount) {
      left -= amount
      sinceClock += amount + 64
      if (left < 0) throw new Spent(`more than ${workUnits} bytes and entries had to be looked at`)
      if (sinceClock < 65_536) return
      sinceClock = 0
      if (nowMs() - startMs > timeMs) throw new Spent(`more than ${timeMs} ms were needed`)
    },
  }
}

/** A part of the file, shortened to what the file has. Negative lengths give nothing. */
export function slice(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const from = Math.min(Math.max(start, 0), bytes.length)
  return bytes.subarray(from, Math.max(from, Math.min(end, bytes.length)))
}

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] as number) | ((bytes[at + 1] as number) << 8)

export const u32 = (bytes: Uint8Array, at: number): number =>
  (u16(bytes, at) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0

/** Exact to 2^53: what is larger lies outside every file. */
export const u64 = (bytes: Uint8Array, at: number): number => u32(bytes, at) + u32(bytes, at + 4) * 2 ** 32

/** Bytes up to the first zero, as one character a byte. */
export function untilZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  const text = end < 0 ? bytes : bytes.subarray(0, end)
  let out = ''
  for (let at = 0; at < text.length; at += 8_192) out += String.fromCharCode(...text.subarray(at, at + 8_192))
  return out
}

export const allZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** What a reader of one directory gets. */
export interface Notes {
  readonly warnings: Set<Warning>
  readonly meter: Meter
}

/** So many bytes of a structure, or nothing: too short a one is noted. */
export function structure(bytes: Uint8Array, size: number, { warnings }: Notes): Uint8Array | undefined {
  if (bytes.length >= size) return bytes.subarray(0, size)
  warnings.add('corrupt-structure')
  return undefined
}
