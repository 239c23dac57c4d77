/**
 * The part of the Ed25519 verdict on which libraries disagree, decided here once for all back ends.
 *
 * Implementations differ about `S ≥ L`, about encodings of `y ≥ p`, and about points of small order, where the
 * cofactored and the cofactorless equation part ways. What passes here is judged alike by every cofactorless back end:
 * `A` and `R` are canonical, so comparing encodings and comparing points is the same thing. About 0.05 µs.
 *
 * @module
 */

import { fromHex } from '../bytes.ts'

/** Order of the base point, little-endian. */
const L = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')!

/** A y-coordinate of order 8, sign bit cleared. */
const ORDER_8 = fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')!
/** The other one is p minus it: each byte from p's own, without a borrow. */
const ORDER_8_NEGATED = ORDER_8.map((byte, at) => (at === 0 ? 0xed : at === 31 ? 0x7f : 0xff) - byte)

/** Whether a signature and a key may be handed to a back end. `false` is the final verdict; `true` is not yet one. */
export function passesEd25519Gate(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === 64 &&
    isBelowOrder(signature) &&
    isUsefulPoint(publicKey) &&
    isUsefulPoint(signature)
  )
}

/** S, the upper half of a signature, is below L. Both are public: no need for constant time. */
function isBelowOrder(signature: Uint8Array): boolean {
  for (let at = 31; at >= 0; at--) {
    const difference = signature[32 + at]! - L[at]!
    if (difference !== 0) return difference < 0
  }
  return false
}

/** The first 32 bytes encode a `y < p` that belongs to no point of order 1, 2, 4 or 8. */
function isUsefulPoint(bytes: Uint8Array): boolean {
  const first = bytes[0]!
  const top = bytes[31]! & 0x7f
  // 0 and 1: order 4 and the identity.
  if (first <= 1 && top === 0) return !isFilled(bytes, 0)
  // p − 1 = 0xec ff … 7f has order 2, and p … 2^255 − 1 are second encodings of 0 … 18.
  if (first >= 0xec && top === 0x7f) return !isFilled(bytes, 0xff)
  // Their first bytes differ from each other and from those above.
  for (const small of [ORDER_8, ORDER_8_NEGATED])
    if (first === small[0] && top === small[31]) return !agreesWithin(bytes, small)
  return true
}

function isFilled(bytes: Uint8Array, value: number): boolean {
  for (let at = 1; at < 31; at++) if (bytes[at] !== value) return false
  return true
}

function agreesWithin(bytes: Uint8Array, other: Uint8Array): boolean {
  for (let at = 1; at < 31; at++) if (bytes[at] !== other[at]) return false
  return true
}
