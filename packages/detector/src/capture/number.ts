/**
 * Integers out of bytes. The caller has checked the bounds; a byte past the end reads as 0.
 *
 * @module
 */

export const u16be = (data: Uint8Array, at: number): number => (data[at]! << 8) | data[at + 1]!

export const u16le = (data: Uint8Array, at: number): number => data[at]! | (data[at + 1]! << 8)

/** Signed: the word of an address. */
export const i32be = (data: Uint8Array, at: number): number =>
  (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!

export const u32be = (data: Uint8Array, at: number): number => i32be(data, at) >>> 0

export const u32le = (data: Uint8Array, at: number): number =>
  (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0
