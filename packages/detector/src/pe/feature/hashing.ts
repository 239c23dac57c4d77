/**
 * The hashing trick as scikit-learn's `FeatureHasher` does it: MurmurHash3 (32 bit, seed 0) of a name gives its place and sign.
 *
 * Source: https://github.com/aappleby/smhasher, MurmurHash3_x86_32
 *
 * @module
 */

const C1 = 0xcc9e2d51
const C2 = 0x1b873593
const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by))
const UTF8 = new TextEncoder()

/** @returns A signed 32-bit number. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  let hash = 0
  for (let at = 0; at < whole; at += 4) {
    hash ^= Math.imul(rotate(Math.imul(view.getInt32(at, true), C1), 15), C2)
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = bytes.length - 1; at >= whole; at--) tail = (tail << 8) | (bytes[at] as number)
  if (bytes.length > whole) hash ^= Math.imul(rotate(Math.imul(tail, C1), 15), C2)
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}

/** The one 32-bit number whose positive counterpart there is none of. */
const LEAST = -(2 ** 31)

/**
 * Sums of what is given under each name, in `size` places.
 *
 * @param alternates Half of the names count negative, so that collisions cancel out.
 */
export function hashed(
  pairs: Iterable<readonly [name: string, value: number]>,
  size: number,
  alternates = true,
): Float64Array {
  const out = new Float64Array(size)
  for (const [name, value] of pairs) {
    const hash = murmur3(UTF8.encode(name))
    const place = hash === LEAST ? (2_147_483_647 - (size - 1)) % size : Math.abs(hash) % size
    out[place] = (out[place] as number) + (alternates && hash < 0 ? -value : value)
  }
  return out
}
