/**
 * Who signs. A key of our own in memory, or one that another machine holds (KMS, PKCS #11, non-extractable WebCrypto).
 *
 * @module
 */
import { createEd25519Key, verifyEd25519 } from '#primitives'
import type { Bytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'

/**
 * Signs with one Ed25519 key.
 *
 * `sign` gets ready PAE bytes (`envelope/dsse.ts`), at most 4,096 of them for a packet, and signs them raw: no hash, no
 * prefix of its own. It may reject when the key is out of reach; then nothing was signed, or nobody will see it.
 */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Bytes
  sign(message: Uint8Array): Promise<Bytes> | Bytes
}

/**
 * A signer over a seed in memory. What it returns is not verified again: that would double its cost, and a fault of our
 * own processor would show at the first receiver.
 *
 * @param seed 32 bytes. Not kept; wipe it when you like.
 */
export async function localSigner(seed: Uint8Array): Promise<Signer> {
  return await createEd25519Key(seed)
}

/**
 * A signer that may be wrong, made safe: what it returns is verified under the key that it is meant to have before
 * anybody sees it. A KMS that was given another key, that hashes first, or that answers something else is found here,
 * and not by a router that then refuses our packets. Costs one verification (about 70 µs on Node).
 *
 * @param remote Its `publicKey` is read once, now.
 * @returns A signer that rejects with a {@link PacketError} `SIGNER_FAILED`.
 */
export function checkedSigner(remote: Signer): Signer {
  const publicKey = remote.publicKey.slice() as Bytes
  if (publicKey.length !== 32) {
    throw new RangeError(`Cannot use a signer: its key has ${publicKey.length} bytes, wanted 32`)
  }
  return {
    publicKey,
    async sign(message) {
      const sent = message.slice()
      let signature: Bytes
      try {
        signature = (await remote.sign(message)).slice() as Bytes
      } catch (cause) {
        throw new PacketError('SIGNER_FAILED', 'Cannot sign: the signer failed, wanted a signature', { cause })
      }
      if (await verifyEd25519(publicKey, sent, signature)) return signature
      throw new PacketError(
        'SIGNER_FAILED',
        'Cannot sign: the signer returned what does not verify, wanted Ed25519 over the very bytes under its own key',
      )
    },
  }
}
