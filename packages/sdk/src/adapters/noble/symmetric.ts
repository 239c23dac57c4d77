/**
 * Hashes in JavaScript: small enough for every bundle, and synchronous.
 *
 * @module
 */
import type { Bytes } from '../../bytes.ts'
import { expandWith } from '../hkdf.ts'
import { sha256 } from './sha256.ts'

export { sha256 }

const BLOCK_BYTES = 64

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  const block = new Uint8Array(BLOCK_BYTES)
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key)
  const inner = sha256(
    block.map((byte) => byte ^ 0x36),
    ...parts,
  )
  return sha256(
    block.map((byte) => byte ^ 0x5c),
    inner,
  )
}

export const hkdfExtract = (salt: Uint8Array, ikm: Uint8Array): Bytes => hmacSha256(salt, ikm)

export const hkdfExpand = (prk: Uint8Array, info: Uint8Array, length: number): Bytes =>
  expandWith(hmacSha256, prk, info, length)

export const randomBytes = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
