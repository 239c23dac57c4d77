/**
 * The hashes that name things: docs/protocol.md §4, §5 and §7.1. Each has its own label, so none can pass for another.
 *
 * @module
 */
import { sha256 } from '#primitives'
import { type Bytes, u16be, u32be, utf8 } from '../bytes.ts'
import type { Thing } from './dsse.ts'

const label = (name: string): Bytes => utf8(`mystranet/v1/${name}\0`)

const PACKET_ID = /* @__PURE__ */ label('packet-id')
const RECIPIENTS = /* @__PURE__ */ label('recipients')
const CIPHERTEXT = /* @__PURE__ */ label('ciphertext')
const CONTENT = /* @__PURE__ */ label('content')
const NETWORK = /* @__PURE__ */ label('network')
const KEM_KEY_ID = /* @__PURE__ */ label('kem-key-id')

/** Packet id of exact header bytes. 32 bytes. */
export const packetId = (header: Uint8Array): Bytes => sha256(PACKET_ID, u32be(header.length), header)

export const recipientsHash = (recipients: Uint8Array): Bytes =>
  sha256(RECIPIENTS, u32be(recipients.length), recipients)

export const ciphertextHash = (ciphertext: Uint8Array): Bytes =>
  sha256(CIPHERTEXT, u32be(ciphertext.length), ciphertext)

/** Commitment to a content, hidden by a salt of 32 bytes. Its length takes 64 bits, and never needs the upper ones. */
export const contentCommitment = (salt: Uint8Array, content: Uint8Array): Bytes =>
  sha256(CONTENT, salt, u32be(0), u32be(content.length), content)

/** Id of the network whose first log has this origin line and raw Ed25519 key. */
export function networkId(origin: string, logPublicKey: Uint8Array): Bytes {
  const name = utf8(origin)
  return sha256(NETWORK, u16be(name.length), name, logPublicKey)
}

export const kemKeyId = (suite: number, publicKey: Uint8Array): Bytes => sha256(KEM_KEY_ID, u16be(suite), publicKey)

/** Digest of a signed document's exact body; it is the subject of the document's leaf. */
export const documentDigest = (thing: Thing, body: Uint8Array): Bytes =>
  sha256(label(`document/${thing}`), u32be(body.length), body)
