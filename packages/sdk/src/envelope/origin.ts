/**
 * Who signed a packet (docs/protocol.md §6), and whether its parts are those that were signed.
 *
 * @module
 */
import { MAX_BATCH_PACKETS } from '@mystranet/schemas/limits'
import { BatchRoot, encode, SignedDocument } from '@mystranet/schemas/messages'
import { verifyEd25519 } from '#primitives'
import { type Bytes, equalBytes } from '../bytes.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { checkInclusion } from '../proof/inclusion.ts'
import { hashLeaf } from '../proof/merkle.ts'
import { PAYLOAD_TYPES, pae, type Thing } from './dsse.ts'
import { ciphertextHash, recipientsHash } from './hash.ts'
import { type Origin, type ParsedHeader, type ParsedPacket, read } from './parse.ts'

/**
 * Verifies that the header's `sender_key` signed it, by itself or in a batch. Says nothing of whose key that is.
 *
 * Cost: one Ed25519 verification.
 *
 * @throws {PacketError} `SIGNATURE_INVALID`.
 */
export async function verifyOrigin(parsed: ParsedHeader, origin: Origin): Promise<void> {
  const signed = pae(PAYLOAD_TYPES.packet, parsed.header)
  if (origin.batch === undefined) {
    const valid = origin.signature && (await verifyEd25519(parsed.core.senderKey, signed, origin.signature))
    if (!valid) throw invalid('its signature is not by its sender key')
    return
  }
  const { statement, signature, path } = origin.batch
  const root = read(BatchRoot, statement, 'SIGNATURE_INVALID')
  const { core } = parsed
  if (!equalBytes(root.network, core.network)) throw invalid('its batch is of another network')
  if (!equalBytes(root.senderKey, core.senderKey)) throw invalid('its batch is by another key')
  if (root.epoch !== core.epoch) throw invalid('its batch is of another epoch')
  if (root.createdMs !== core.createdMs) throw invalid('its batch was made at another time')
  if (root.size < 2 || root.size > MAX_BATCH_PACKETS) throw invalid(`a batch of ${root.size} packets`)
  try {
    checkInclusion(
      hashLeaf(signed),
      { leafIndex: core.seq - root.firstSeq, path },
      { treeSize: BigInt(root.size), rootHash: root.root },
    )
  } catch (error) {
    if (isPacketError(error)) throw invalid(`it is not in its batch: ${error.message}`)
    throw error
  }
  const valid = await verifyEd25519(core.senderKey, pae(PAYLOAD_TYPES['batch-root'], statement), signature)
  if (!valid) throw invalid("its batch's signature is not by its sender key")
}

/**
 * Holds recipients and ciphertext to the hashes that were signed. Call it after {@link verifyOrigin}.
 *
 * @throws {PacketError} `RECIPIENTS_MISMATCH` or `CIPHERTEXT_MISMATCH`.
 */
export function checkHashes(parsed: ParsedPacket): void {
  const { recipientsBytes, ciphertext } = parsed
  if (recipientsBytes && !equalBytes(recipientsHash(recipientsBytes), parsed.recipientsHash as Uint8Array)) {
    throw new PacketError(
      'RECIPIENTS_MISMATCH',
      'Cannot take the packet: its recipients are not those that were signed',
    )
  }
  if (ciphertext && !equalBytes(ciphertextHash(ciphertext), parsed.ciphertextHash as Uint8Array)) {
    throw new PacketError(
      'CIPHERTEXT_MISMATCH',
      'Cannot take the packet: its ciphertext is not the one that was signed',
    )
  }
}

/** Anything that signs pae bytes: a key in memory, a KMS. */
export interface DocumentSigner {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** Signs a document's exact body as a thing. The pair of {@link verifyDocument}. */
export async function signDocument(thing: Thing, body: Uint8Array, signer: DocumentSigner): Promise<Bytes> {
  const signature = await signer.sign(pae(PAYLOAD_TYPES[thing], body))
  return encode(SignedDocument, { body, key: signer.publicKey, signature })
}

/**
 * Reads a signed document and verifies that `key` signed its body as this thing. Whether that key may say so is
 * the caller's question.
 *
 * @throws {PacketError} `DOCUMENT_MALFORMED` or `SIGNATURE_INVALID`.
 */
export async function verifyDocument(thing: Thing, bytes: Uint8Array): Promise<SignedDocument> {
  const document = read(SignedDocument, bytes)
  const valid = await verifyEd25519(document.key, pae(PAYLOAD_TYPES[thing], document.body), document.signature)
  if (!valid) throw new PacketError('SIGNATURE_INVALID', `Cannot take the ${thing}: its signature is not by its key`)
  return document
}

const invalid = (why: string) => new PacketError('SIGNATURE_INVALID', `Cannot take the packet: ${why}`)
