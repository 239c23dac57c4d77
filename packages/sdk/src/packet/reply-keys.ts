/**
 * Keys of one attempt's answer, out of the HPKE context of the recipient that answers (docs/protocol.md §7.4).
 *
 * @module
 */
import { hkdfExpand, hkdfExtract } from '#primitives'
import { type Bytes, concat, utf8 } from '../bytes.ts'
import type { Exporter } from '../keys/hpke.ts'

const EXPORT_LABEL = utf8('mystranet/v1/response')

/** What requester and answering recipient share before the response nonce is known. Keep it secret. */
export interface ReplySecret {
  /** Empty in a session. */
  readonly enc: Uint8Array
  readonly exported: Uint8Array
}

export const replySecret = (enc: Uint8Array, exporter: Exporter): ReplySecret => ({
  enc,
  exported: exporter(EXPORT_LABEL, 32),
})

export interface AeadKey {
  readonly key: Bytes
  readonly nonce: Bytes
}

export interface ReplyKeys {
  readonly open: AeadKey & { readonly salt: Bytes }
  readonly close: AeadKey & { readonly salt: Bytes }
  readonly frame: AeadKey
  readonly answerSalt: Bytes
}

/** @param responseNonce 32 random bytes, fresh for each attempt: a repeated request never repeats a nonce. */
export function deriveReplyKeys({ enc, exported }: ReplySecret, responseNonce: Uint8Array): ReplyKeys {
  const prk = hkdfExtract(concat(enc, responseNonce), exported)
  const expand = (name: string, length: number) => hkdfExpand(prk, utf8(`mystranet/v1/${name}`), length)
  const aead = (x: string) => ({ key: expand(`${x}/key`, 32), nonce: expand(`${x}/nonce`, 12) })
  return {
    open: { ...aead('open'), salt: expand('open/salt', 32) },
    close: { ...aead('close'), salt: expand('close/salt', 32) },
    frame: aead('frame'),
    answerSalt: expand('answer/salt', 32),
  }
}
