/**
 * SHA-256 (FIPS 180-4) in JavaScript. Written out here because the library's module brings SHA-512 with it, which would
 * be a quarter of a page that only verifies; as fast as the library's.
 *
 * @module
 */
import type { Bytes } from '../../bytes.ts'

const BLOCK_BYTES = 64

/** First 32 bits of the fractional parts of the cube (`K`) and square (`START`) roots of the first primes: exact. */
const K = new Int32Array(64)
const START = new Int32Array(8)
const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) | 0
for (let prime = 2, found = 0; found < 64; prime++) {
  let factor = 2
  while (prime % factor !== 0) factor++
  if (factor !== prime) continue
  if (found < 8) START[found] = fraction(Math.sqrt(prime))
  K[found++] = fraction(Math.cbrt(prime))
}

const W = new Int32Array(64)
const STATE = new Int32Array(8)

/** Nothing here yields, so one block of memory serves all small texts; what was in it is wiped before the call returns. */
const SMALL = new DataView(new ArrayBuffer(16 * BLOCK_BYTES))

/** SHA-256 of the parts, one after the other. Synchronous; about 5 ms a MiB. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const end = Math.ceil((length + 9) / BLOCK_BYTES) * BLOCK_BYTES
  const view = end <= SMALL.byteLength ? SMALL : new DataView(new ArrayBuffer(end))
  const padded = new Uint8Array(view.buffer)
  let at = 0
  for (const part of parts) {
    padded.set(part, at)
    at += part.length
  }
  padded[at] = 0x80
  view.setUint32(end - 8, Math.floor(length / 2 ** 29))
  view.setUint32(end - 4, length << 3)
  STATE.set(START)
  for (let block = 0; block < end; block += BLOCK_BYTES) compress(STATE, view, block)
  padded.fill(0, 0, end)
  const digest = new Uint8Array(32)
  for (let i = 0; i < 32; i++) digest[i] = STATE[i >> 2]! >>> (24 - 8 * (i & 3))
  return digest
}

function compress(state: Int32Array, view: DataView, block: number): void {
  for (let i = 0; i < 16; i++) W[i] = view.getInt32(block + 4 * i)
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15]!
    const y = W[i - 2]!
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    W[i] = (W[i - 16]! + s0 + W[i - 7]! + s1) | 0
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + K[i]! + W[i]!) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}
