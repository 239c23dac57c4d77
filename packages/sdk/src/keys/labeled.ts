/**
 * LabeledExtract and LabeledExpand (RFC 9180 §4) for HKDF-SHA256.
 *
 * @module
 */
import { hkdfExpand, hmacSha256 } from '#primitives'
import { type Bytes, concat, u16be, utf8 } from '../bytes.ts'

const VERSION = utf8('HPKE-v1')
const HASH_BYTES = 32
/** Counter of HKDF-Expand's first block. */
const FIRST_BLOCK = Uint8Array.of(1)

export interface LabeledKdf {
  extract(salt: Uint8Array, label: Uint8Array, ikm: Uint8Array): Bytes
  expand(prk: Uint8Array, label: Uint8Array, info: Uint8Array, length: number): Bytes
}

/** The two functions under one `suite_id`. */
export function labeledKdf(suiteId: Uint8Array): LabeledKdf {
  const prefix = concat(VERSION, suiteId)
  return {
    extract: (salt, label, ikm) => hmacSha256(salt, prefix, label, ikm),
    expand(prk, label, info, length) {
      if (!(length > 0 && length <= HASH_BYTES)) {
        return hkdfExpand(prk, concat(u16be(length), prefix, label, info), length)
      }
      // One block: its HMAC takes the parts as they are.
      const block = hmacSha256(prk, u16be(length), prefix, label, info, FIRST_BLOCK)
      return length === HASH_BYTES ? block : block.slice(0, length)
    },
  }
}
