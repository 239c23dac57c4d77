/**
 * Hashes and the AEAD in JavaScript: small enough for every bundle, and synchronous.
 *
 * @module
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as hash } from '@noble/hashes/sha2.js'
import type { Bytes } from '../../bytes.ts'
import { assertAeadSizes, expandWith, TAG_BYTES } from '../hkdf.ts'

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  if (parts.length === 1) return hash(parts[0]!) as Bytes
  const state = hash.create()
  for (const part of parts) state.update(part)
  return state.digest() as Bytes
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  const state = hmac.create(hash, key)
  for (const part of parts) state.update(part)
  return state.digest() as Bytes
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
