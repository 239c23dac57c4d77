/**
 * Asks this browser for results that are published, and the verifier for a verdict that is known, before any other verdict
 * is shown. It also warms both up: a browser compiles what it has run, so that the first file that is dropped need not
 * wait for that.
 *
 * @module
 */
import { fromBase64, fromHex, toHex, utf8 } from '@mystranet/sdk/bytes'
import { verifyEd25519 } from '@mystranet/sdk/keys/ed25519'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { examine, parseTrustFile } from '@mystranet/sdk/verify'
import known from './known-answer.json' with { type: 'json' }

// RFC 8032 §7.1, TEST 2.
const KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const MESSAGE = '72'
const SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
/** SHA-256 of a million times the letter a (FIPS 180-4, examples). */
const MILLION = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'

/** Where the known answer is changed, one byte at a time: in the request, a key event and the last checkpoint. */
const CHANGED = [200, 3_000, 9_000]

/** Resolves to what is wrong with this browser; undefined when nothing is. */
export async function selfTest(): Promise<string | undefined> {
  try {
    return (await primitiveFault()) ?? (await verdictFault())
  } catch (error) {
    return (error as Error).message
  }
}

async function primitiveFault(): Promise<string | undefined> {
  const [key, message, signature] = [KEY, MESSAGE, SIGNATURE].map((hex) => fromHex(hex)!) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  if (toHex(sha256(new Uint8Array(1_000_000).fill(0x61))) !== MILLION) return 'SHA-256 gave a wrong result'
  const other = signature.slice()
  other[40]! ^= 1
  if (!(await verifyEd25519(key, message, signature))) return 'Ed25519 refused a good signature'
  if (await verifyEd25519(key, message, other)) return 'Ed25519 took a bad signature'
  return undefined
}

/** The known answer is verified, and none that differs from it in a byte. */
async function verdictFault(): Promise<string | undefined> {
  const answer = await inflated(fromBase64(known.answer)!)
  const trust = utf8(known.trust)
  const { line } = await examine(answer, parseTrustFile(trust))
  if (line !== 'VERIFIED under "self-test"') return 'the known answer was not verified'
  for (const at of CHANGED) {
    const other = answer.slice()
    other[at]! ^= 1
    const { status } = await examine(other, parseTrustFile(trust))
    if (status !== 'FAILED') return 'a changed answer was taken'
  }
  return undefined
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
