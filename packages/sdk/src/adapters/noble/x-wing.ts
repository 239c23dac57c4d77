/**
 * X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one KEM. Loaded only when suite 2 is used; it brings
 * ML-KEM and SHA-3 with it. About 1.5 ms to encapsulate, 2.5 ms to decapsulate.
 *
 * @module
 */
import { ml_kem768_x25519 as kem } from '@noble/post-quantum/hybrid.js'
import type { Bytes } from '../../bytes.ts'

/** A private key is its 32-byte seed. What is malformed or of small order gives `undefined`. */
export const xWing = {
  keygen() {
    const { secretKey, publicKey } = kem.keygen()
    return { privateKey: secretKey as Bytes, publicKey: publicKey as Bytes }
  },
  publicKey: (privateKey: Uint8Array): Bytes => kem.keygen(privateKey).publicKey as Bytes,
  /** @param randomness 64 bytes, for test vectors only. */
  encapsulate(publicKey: Uint8Array, randomness?: Uint8Array) {
    try {
      const { cipherText, sharedSecret } = kem.encapsulate(publicKey, randomness)
      return { enc: cipherText as Bytes, sharedSecret: sharedSecret as Bytes }
    } catch {
      return undefined
    }
  },
  decapsulate(privateKey: Uint8Array, enc: Uint8Array): Bytes | undefined {
    try {
      return kem.decapsulate(enc, privateKey) as Bytes
    } catch {
      return undefined
    }
  },
}
