/**
 * ChaCha20-Poly1305 in JavaScript. No browser has it in WebCrypto, so every page that asks loads this, together with
 * X25519; one that shows what it has does not. It shares none of our modules with what is loaded first, as `ed25519.ts`.
 *
 * @module
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import type { Bytes } from '../../bytes.ts'

/** Bytes of the Poly1305 tag at the end of a ciphertext. */
export const TAG_BYTES = 16

/** @throws RangeError when the calling code hands over a key or nonce of another size. */
export function assertAeadSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`Cannot use ChaCha20-Poly1305: key has ${key.length} bytes, wanted 32`)
  if (nonce.length !== 12)
    throw new RangeError(`Cannot use ChaCha20-Poly1305: nonce has ${nonce.length} bytes, wanted 12`)
}

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
