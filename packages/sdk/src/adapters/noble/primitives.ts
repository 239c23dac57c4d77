/**
 * All primitives in JavaScript, for a runtime that has neither `node:crypto` nor Ed25519 in WebCrypto, and as the third
 * voice in the contract. Randomness is the platform's.
 *
 * @module
 */
import type { X25519 } from '../primitives.ts'
import { x25519 } from './x25519.ts'

export { createEd25519Key, verifyEd25519 } from './ed25519.ts'
export * from './symmetric.ts'

export const loadX25519 = async (): Promise<X25519> => x25519
