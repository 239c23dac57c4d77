/**
 * Ed25519 for the rest of the SDK and for the router: one verdict on every runtime.
 *
 * @module
 */
export { createEd25519Key, verifyEd25519 } from '#primitives'
export type { Ed25519Key } from '../adapters/primitives.ts'
