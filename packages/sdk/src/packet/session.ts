/**
 * Sessions: later packets to the same recipients under a secret of the first one's HPKE contexts (docs/protocol.md §7.3).
 *
 * @module
 */
import { hkdfExpand, hkdfExtract, sha256 } from '#primitives'
import { type Bytes, toHex, utf8 } from '../bytes.ts'
import type { Exporter } from '../keys/hpke.ts'

const EXPORT_LABEL = utf8('mystranet/v1/session')
const WRAP_LABEL = utf8('mystranet/v1/session/wrap')
const RESPONSE_LABEL = utf8('mystranet/v1/session/response')

/** The sender's side of a session. */
export interface Session {
  /** Id of the packet that began it. */
  readonly packetId: Uint8Array
  /** Secret for each recipient, by the hex of its instance id. */
  readonly secrets: ReadonlyMap<string, Bytes>
  /** The session ends then. */
  readonly deleteAfterMs: number
}

/** The secret that a packet's HPKE context gives to a session. 32 bytes. */
export const sessionSecret = (exporter: Exporter): Bytes => exporter(EXPORT_LABEL, 32)

/** What a session's secret gives to one packet. The core makes it fresh: a core is sealed once. */
export function sessionKeys(secret: Uint8Array, coreBytes: Uint8Array): { wrapKey: Bytes; exported: Bytes } {
  const prk = hkdfExtract(sha256(coreBytes), secret)
  return { wrapKey: hkdfExpand(prk, WRAP_LABEL, 32), exported: hkdfExpand(prk, RESPONSE_LABEL, 32) }
}

/** The secret for one recipient. @throws RangeError when the session does not reach it. */
export function secretFor(session: Session, instance: Uint8Array): Bytes {
  const secret = session.secrets.get(toHex(instance))
  if (secret === undefined) throw new RangeError(`Cannot seal in the session: ${toHex(instance)} is not of it`)
  return secret
}
