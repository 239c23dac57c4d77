/**
 * ChaCha20-Poly1305 (RFC 8439) in JavaScript. Written out here because it is called for every frame: for what fits a
 * frame it takes a third of the library's time and, on Node ≥ 22, a seventh of OpenSSL's, whose cost is in setting up.
 *
 * Nothing here branches on a secret or uses one as an index.
 *
 * @module
 */
import type { Bytes } from '../../bytes.ts'
import { assertAeadSizes, TAG_BYTES } from '../hkdf.ts'

// Nothing here yields, so one piece of memory serves all calls. It is wiped before each returns.
const memory = new Uint8Array(256)
/** r of Poly1305, and its accumulator: six limbs of 22 bits each, lowest first. */
const r = new Float64Array(memory.buffer, 0, 6)
const h = new Float64Array(memory.buffer, 48, 6)
/** "expand 32-byte k", key, counter, nonce (RFC 8439 §2.3). */
const state = new Int32Array(memory.buffer, 96, 16)
/** One block of the key stream. */
const stream = memory.subarray(160, 224)
const streamView = new DataView(memory.buffer, 160, 64)
/** s of Poly1305: what is added at the end. */
const s = new Uint32Array(memory.buffer, 224, 4)
/** A block that is filled up with zeros, then both lengths, then the tag. */
const last = memory.subarray(240)
const lastView = new DataView(memory.buffer, 240)

/** `ciphertext ‖ tag`. @throws RangeError for a key or nonce of another size. */
export function aeadSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Bytes {
  assertAeadSizes(key, nonce)
  const out = new Uint8Array(plaintext.length + TAG_BYTES)
  begin(key, nonce)
  encrypt(plaintext, out, plaintext.length)
  authenticate(aad, out, plaintext.length)
  for (let i = 0; i < TAG_BYTES; i++) out[plaintext.length + i] = last[i]!
  memory.fill(0)
  return out
}

/** Inverse of {@link aeadSeal}: nothing is decrypted before the tag was found right. */
export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Bytes | undefined {
  assertAeadSizes(key, nonce)
  const length = ciphertext.length - TAG_BYTES
  if (length < 0) return undefined
  begin(key, nonce)
  authenticate(aad, ciphertext, length)
  let difference = 0
  for (let i = 0; i < TAG_BYTES; i++) difference |= last[i]! ^ ciphertext[length + i]!
  const out = difference === 0 ? new Uint8Array(length) : undefined
  if (out !== undefined) encrypt(ciphertext, out, length)
  memory.fill(0)
  return out
}

function begin(key: Uint8Array, nonce: Uint8Array): void {
  state[0] = 0x61707865
  state[1] = 0x3320646e
  state[2] = 0x79622d32
  state[3] = 0x6b206574
  for (let i = 0; i < 8; i++) state[4 + i] = word(key, 4 * i)
  for (let i = 0; i < 3; i++) state[13 + i] = word(nonce, 4 * i)
}

/** Little-endian, as everything in both algorithms. */
const word = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/** Its own inverse. Block 0 made the key of Poly1305. */
function encrypt(from: Uint8Array, to: Uint8Array, length: number): void {
  for (let at = 0; at < length; at += 64) {
    nextBlock(at / 64 + 1)
    const count = Math.min(64, length - at)
    for (let i = 0; i < count; i++) to[at + i] = from[at + i]! ^ stream[i]!
  }
}

/** The ChaCha20 block function (RFC 8439 §2.3), in local variables, which stay in registers. */
function nextBlock(counter: number): void {
  state[12] = counter
  let a0 = state[0]!
  let a1 = state[1]!
  let a2 = state[2]!
  let a3 = state[3]!
  let b0 = state[4]!
  let b1 = state[5]!
  let b2 = state[6]!
  let b3 = state[7]!
  let c0 = state[8]!
  let c1 = state[9]!
  let c2 = state[10]!
  let c3 = state[11]!
  let d0 = state[12]!
  let d1 = state[13]!
  let d2 = state[14]!
  let d3 = state[15]!
  for (let round = 0; round < 10; round++) {
    a0 = (a0 + b0) | 0
    d0 = rotate(d0 ^ a0, 16)
    c0 = (c0 + d0) | 0
    b0 = rotate(b0 ^ c0, 12)
    a0 = (a0 + b0) | 0
    d0 = rotate(d0 ^ a0, 8)
    c0 = (c0 + d0) | 0
    b0 = rotate(b0 ^ c0, 7)
    a1 = (a1 + b1) | 0
    d1 = rotate(d1 ^ a1, 16)
    c1 = (c1 + d1) | 0
    b1 = rotate(b1 ^ c1, 12)
    a1 = (a1 + b1) | 0
    d1 = rotate(d1 ^ a1, 8)
    c1 = (c1 + d1) | 0
    b1 = rotate(b1 ^ c1, 7)
    a2 = (a2 + b2) | 0
    d2 = rotate(d2 ^ a2, 16)
    c2 = (c2 + d2) | 0
    b2 = rotate(b2 ^ c2, 12)
    a2 = (a2 + b2) | 0
    d2 = rotate(d2 ^ a2, 8)
    c2 = (c2 + d2) | 0
    b2 = rotate(b2 ^ c2, 7)
    a3 = (a3 + b3) | 0
    d3 = rotate(d3 ^ a3, 16)
    c3 = (c3 + d3) | 0
    b3 = rotate(b3 ^ c3, 12)
    a3 = (a3 + b3) | 0
    d3 = rotate(d3 ^ a3, 8)
    c3 = (c3 + d3) | 0
    b3 = rotate(b3 ^ c3, 7)
    a0 = (a0 + b1) | 0
    d3 = rotate(d3 ^ a0, 16)
    c2 = (c2 + d3) | 0
    b1 = rotate(b1 ^ c2, 12)
    a0 = (a0 + b1) | 0
    d3 = rotate(d3 ^ a0, 8)
    c2 = (c2 + d3) | 0
    b1 = rotate(b1 ^ c2, 7)
    a1 = (a1 + b2) | 0
    d0 = rotate(d0 ^ a1, 16)
    c3 = (c3 + d0) | 0
    b2 = rotate(b2 ^ c3, 12)
    a1 = (a1 + b2) | 0
    d0 = rotate(d0 ^ a1, 8)
    c3 = (c3 + d0) | 0
    b2 = rotate(b2 ^ c3, 7)
    a2 = (a2 + b3) | 0
    d1 = rotate(d1 ^ a2, 16)
    c0 = (c0 + d1) | 0
    b3 = rotate(b3 ^ c0, 12)
    a2 = (a2 + b3) | 0
    d1 = rotate(d1 ^ a2, 8)
    c0 = (c0 + d1) | 0
    b3 = rotate(b3 ^ c0, 7)
    a3 = (a3 + b0) | 0
    d2 = rotate(d2 ^ a3, 16)
    c1 = (c1 + d2) | 0
    b0 = rotate(b0 ^ c1, 12)
    a3 = (a3 + b0) | 0
    d2 = rotate(d2 ^ a3, 8)
    c1 = (c1 + d2) | 0
    b0 = rotate(b0 ^ c1, 7)
  }
  streamView.setInt32(0, a0 + state[0]!, true)
  streamView.setInt32(4, a1 + state[1]!, true)
  streamView.setInt32(8, a2 + state[2]!, true)
  streamView.setInt32(12, a3 + state[3]!, true)
  streamView.setInt32(16, b0 + state[4]!, true)
  streamView.setInt32(20, b1 + state[5]!, true)
  streamView.setInt32(24, b2 + state[6]!, true)
  streamView.setInt32(28, b3 + state[7]!, true)
  streamView.setInt32(32, c0 + state[8]!, true)
  streamView.setInt32(36, c1 + state[9]!, true)
  streamView.setInt32(40, c2 + state[10]!, true)
  streamView.setInt32(44, c3 + state[11]!, true)
  streamView.setInt32(48, d0 + state[12]!, true)
  streamView.setInt32(52, d1 + state[13]!, true)
  streamView.setInt32(56, d2 + state[14]!, true)
  streamView.setInt32(60, d3 + state[15]!, true)
}

// Poly1305 (RFC 8439 §2.5): h = (h + block) · r mod 2^130 − 5. With limbs of 22 bits the sums of products stay below 2^53,
// so they are exact as numbers. 2^132 = 4 · 2^130 ≡ 20: what overflows the sixth limb comes back twentyfold.

const LIMB = 2 ** 22
const LOW = LIMB - 1
const TOP = 2 ** 20

/** Leaves in `last` the tag over aad, ciphertext and their lengths, each filled up with zeros (RFC 8439 §2.8). */
function authenticate(aad: Uint8Array, ciphertext: Uint8Array, length: number): void {
  nextBlock(0)
  const w0 = word(stream, 0) & 0x0fffffff
  const w1 = word(stream, 4) & 0x0ffffffc
  const w2 = word(stream, 8) & 0x0ffffffc
  const w3 = word(stream, 12) & 0x0ffffffc
  r[0] = w0 & LOW
  r[1] = ((w0 >>> 22) | (w1 << 10)) & LOW
  r[2] = ((w1 >>> 12) | (w2 << 20)) & LOW
  r[3] = (w2 >>> 2) & LOW
  r[4] = ((w2 >>> 24) | (w3 << 8)) & LOW
  r[5] = w3 >>> 14
  for (let i = 0; i < 4; i++) s[i] = word(stream, 16 + 4 * i)
  absorb(aad, aad.length)
  absorb(ciphertext, length)
  last.fill(0)
  lastView.setUint32(0, aad.length, true)
  lastView.setUint32(8, length, true)
  absorb(last, TAG_BYTES)
  finish()
}

function absorb(bytes: Uint8Array, length: number): void {
  const [r0, r1, r2, r3, r4, r5] = [r[0]!, r[1]!, r[2]!, r[3]!, r[4]!, r[5]!]
  const [x1, x2, x3, x4, x5] = [20 * r1, 20 * r2, 20 * r3, 20 * r4, 20 * r5]
  let [h0, h1, h2, h3, h4, h5] = [h[0]!, h[1]!, h[2]!, h[3]!, h[4]!, h[5]!]
  for (let at = 0; at < length; at += TAG_BYTES) {
    let block = bytes
    let from = at
    if (at + TAG_BYTES > length) {
      last.fill(0)
      for (let i = at; i < length; i++) last[i - at] = bytes[i]!
      block = last
      from = 0
    }
    const w0 = word(block, from)
    const w1 = word(block, from + 4)
    const w2 = word(block, from + 8)
    const w3 = word(block, from + 12)
    h0 += w0 & LOW
    h1 += ((w0 >>> 22) | (w1 << 10)) & LOW
    h2 += ((w1 >>> 12) | (w2 << 20)) & LOW
    h3 += (w2 >>> 2) & LOW
    h4 += ((w2 >>> 24) | (w3 << 8)) & LOW
    // 2^128 is added to every block, as each is whole.
    h5 += (w3 >>> 14) | (2 ** 18)
    const p0 = h0 * r0 + h1 * x5 + h2 * x4 + h3 * x3 + h4 * x2 + h5 * x1
    let p1 = h0 * r1 + h1 * r0 + h2 * x5 + h3 * x4 + h4 * x3 + h5 * x2
    let p2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * x5 + h4 * x4 + h5 * x3
    let p3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * x5 + h5 * x4
    let p4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + h5 * x5
    let p5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0
    let carry = Math.floor(p0 / LIMB)
    h0 = p0 - carry * LIMB
    p1 += carry
    carry = Math.floor(p1 / LIMB)
    h1 = p1 - carry * LIMB
    p2 += carry
    carry = Math.floor(p2 / LIMB)
    h2 = p2 - carry * LIMB
    p3 += carry
    carry = Math.floor(p3 / LIMB)
    h3 = p3 - carry * LIMB
    p4 += carry
    carry = Math.floor(p4 / LIMB)
    h4 = p4 - carry * LIMB
    p5 += carry
    // From 2^130 on it counts fivefold.
    carry = Math.floor(p5 / TOP)
    h5 = p5 - carry * TOP
    h0 += 5 * carry
    carry = Math.floor(h0 / LIMB)
    h0 -= carry * LIMB
    h1 += carry
  }
  h[0] = h0
  h[1] = h1
  h[2] = h2
  h[3] = h3
  h[4] = h4
  h[5] = h5
}

/** Reduces h wholly, adds s and leaves the 16 bytes in `last`. */
function finish(): void {
  // The carries that `absorb` left, and those that they make.
  h[0]! += 5 * carryThrough(h, 0)
  carryThrough(h, 0)
  // h + 5 reaches 2^130 exactly when h is not below 2^130 − 5, and is then, without that bit, h − (2^130 − 5).
  r.set(h)
  const reduced = carryThrough(r, 5)
  for (let i = 0; i < 6; i++) h[i] = reduced * r[i]! + (1 - reduced) * h[i]!
  const [h0, h1, h2, h3, h4, h5] = [h[0]!, h[1]!, h[2]!, h[3]!, h[4]!, h[5]!]
  let sum = ((h0 | (h1 << 22)) >>> 0) + s[0]!
  lastView.setUint32(0, sum, true)
  sum = (((h1 >>> 10) | (h2 << 12)) >>> 0) + s[1]! + Math.floor(sum / 2 ** 32)
  lastView.setUint32(4, sum, true)
  sum = (((h2 >>> 20) | (h3 << 2) | (h4 << 24)) >>> 0) + s[2]! + Math.floor(sum / 2 ** 32)
  lastView.setUint32(8, sum, true)
  sum = (((h4 >>> 8) | (h5 << 14)) >>> 0) + s[3]! + Math.floor(sum / 2 ** 32)
  lastView.setUint32(12, sum, true)
}

/** Adds a number and carries once from the lowest limb to the highest. What passes 2^130 is left out and returned. */
function carryThrough(limbs: Float64Array, add: number): number {
  let carry = add
  for (let i = 0; i < 6; i++) {
    const bound = i === 5 ? TOP : LIMB
    const sum = limbs[i]! + carry
    carry = Math.floor(sum / bound)
    limbs[i] = sum - carry * bound
  }
  return carry
}
