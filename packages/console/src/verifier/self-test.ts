/**
 * Asks this browser for results that are published, before any verdict is shown. It also warms the crypto up: a million
 * bytes of SHA-256 in JavaScript are enough for a browser to compile it, so that the first file that is dropped need not
 * wait for that.
 *
 * @module
 */
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import { verifyEd25519 } from '@mystranet/sdk/keys/ed25519'
import { sha256 } from '@mystranet/sdk/proof/merkle'

// RFC 8032 §7.1, TEST 2.
const KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const MESSAGE = '72'
const SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
/** SHA-256 of a million times the letter a (FIPS 180-4, examples). */
const MILLION = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'

/** Resolves to what is wrong with this browser; undefined when nothing is. */
export async function selfTest(): Promise<string | undefined> {
  const [key, message, signature] = [KEY, MESSAGE, SIGNATURE].map((hex) => fromHex(hex)!) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  if (toHex(sha256(new Uint8Array(1_000_000).fill(0x61))) !== MILLION) return 'SHA-256 gave a wrong result'
  const other = signature.slice()
  other[40]! ^= 1
  try {
    if (!(await verifyEd25519(key, message, signature))) return 'Ed25519 refused a good signature'
    if (await verifyEd25519(key, message, other)) return 'Ed25519 took a bad signature'
  } catch (error) {
    return (error as Error).message
  }
  return undefined
}
