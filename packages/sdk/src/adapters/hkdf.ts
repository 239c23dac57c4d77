/**
 * HKDF-SHA256 over any HMAC, and the guards that all adapters share.
 *
 * @module
 */
import type { Bytes } from '../bytes.ts'
import type { Primitives } from './primitives.ts'

const HASH_BYTES = 32
const NOTHING = /* @__PURE__ */ new Uint8Array(0)

/** HKDF-Expand (RFC 5869 §2.3). One HMAC per 32 bytes of output. */
export function expandWith(hmac: Primitives['hmacSha256'], prk: Uint8Array, info: Uint8Array, length: number): Bytes {
  if (!Number.isInteger(length) || length < 0 || length > 255 * HASH_BYTES) {
    throw new RangeError(`Cannot expand a key: length is ${length}, wanted 0 … ${255 * HASH_BYTES}`)
  }
  if (length === HASH_BYTES) return hmac(prk, info, Uint8Array.of(1))
  const out = new Uint8Array(length)
  let block: Uint8Array = NOTHING
  for (let at = 0, counter = 1; at < length; at += HASH_BYTES, counter++) {
    block = hmac(prk, block, info, Uint8Array.of(counter))
    out.set(at + HASH_BYTES <= length ? block : block.subarray(0, length - at), at)
  }
  return out
}

/** @throws RangeError when a private key is not 32 bytes. */
export function assertKeySize(what: string, key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`Cannot import ${what}: it has ${key.length} bytes, wanted 32`)
}

/** All bytes are zero; looks at every byte. */
export function isZero(bytes: Uint8Array): boolean {
  let any = 0
  for (const byte of bytes) any |= byte
  return any === 0
}
