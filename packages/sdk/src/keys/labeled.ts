/**
 * LabeledExtract and LabeledExpand (RFC 9180 §4) for HKDF-SHA256.
 *
 * @module
 */
import { hkdfExpand, hmacSha256 } from '#primitives'
import { type Bytes, concat, u16be, utf8 } from '../bytes.ts'

const VERSION = utf8('HPKE-v1')

export interface LabeledKdf {
  extract(salt: Uint8Array, label: Uint8Array, ikm: Uint8Array): Bytes
  expand(prk: Uint8Array, label: Uint8Array, info: Uint8Array, length: number): Bytes
}

/** The two functions under one `suite_id`. */
export function labeledKdf(suiteId: Uint8Array): LabeledKdf {
  const prefix = concat(VERSION, suiteId)
  return {
    extract: (salt, label, ikm) => hmacSha256(salt, prefix, label, ikm),
    expand: (prk, label, info, length) => hkdfExpand(prk, concat(u16be(length), prefix, label, info), length),
  }
}
