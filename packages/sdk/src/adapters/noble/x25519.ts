/**
 * X25519 in JavaScript: about 0.6 ms an agreement. On the web it is loaded when something is sealed or opened, and shares
 * none of our modules with what is loaded first, as `ed25519.ts` does not.
 *
 * @module
 */
import { x25519 as curve } from '@noble/curves/ed25519.js'
import type { Bytes } from '../../bytes.ts'
import type { X25519 } from '../primitives.ts'

function keygen() {
  const { secretKey, publicKey } = curve.keygen()
  return { privateKey: secretKey as Bytes, publicKey: publicKey as Bytes }
}

function agree(privateKey: Uint8Array, publicKey: Uint8Array): Bytes | undefined {
  assertPrivate(privateKey)
  if (publicKey.length !== 32) return undefined
  try {
    const shared = curve.getSharedSecret(privateKey, publicKey) as Bytes
    return shared.some((byte) => byte !== 0) ? shared : undefined
  } catch {
    // The library refuses points of small order by throwing.
    return undefined
  }
}

function assertPrivate({ length }: Uint8Array): void {
  if (length !== 32) throw new RangeError(`Cannot import an X25519 private key: it has ${length} bytes, wanted 32`)
}

export const x25519: X25519 = {
  keygen,
  publicKey(privateKey) {
    assertPrivate(privateKey)
    return curve.getPublicKey(privateKey) as Bytes
  },
  agree,
  agreeOnce(peer) {
    const { privateKey, publicKey } = keygen()
    const shared = agree(privateKey, peer)
    return shared && { publicKey, shared }
  },
}
