/**
 * All primitives in JavaScript, for a runtime that has neither `node:crypto` nor Ed25519 in WebCrypto, and as the third
 * voice in the contract. Randomness is the platform's.
 *
 * @module
 */
import { passesEd25519Gate } from '../ed25519-gate.ts'
import { assertKeySize } from '../hkdf.ts'
import type { SyncEd25519Key, X25519 } from '../primitives.ts'
import * as ed25519 from './ed25519.ts'
import { x25519 } from './x25519.ts'

export { aeadOpen, aeadSeal } from './aead.ts'
export * from './symmetric.ts'

export const loadAead = async (): Promise<void> => {}

export const loadX25519 = async (): Promise<X25519> => x25519

export const verifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  passesEd25519Gate(publicKey, signature) && ed25519.verifyEd25519(publicKey, message, signature)

export function createEd25519Key(seed: Uint8Array): SyncEd25519Key {
  assertKeySize('an Ed25519 seed', seed)
  return ed25519.createEd25519Key(seed)
}
