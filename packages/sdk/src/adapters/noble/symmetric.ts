/**
 * Hashes and the AEAD in JavaScript: small enough for every bundle, and synchronous.
 *
 * @module
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { Bytes } from '../../bytes.ts'
import { assertAeadSizes, expandWith, TAG_BYTES } from '../hkdf.ts'
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

export function aeadSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Bytes {
  assertAeadSizes(key, nonce)
  return chacha20poly1305(key, nonce, aad).encrypt(plaintext) as Bytes
}

export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Bytes | undefined {
  assertAeadSizes(key, nonce)
  if (ciphertext.length < TAG_BYTES) return undefined
  try {
    return chacha20poly1305(key, nonce, aad).decrypt(ciphertext) as Bytes
  } catch {
    return undefined
  }
}
