/**
 * What a message of a topic must be before anything of it is taken in: signed by the key in it over its exact bytes, of
 * this network and topic, of a producer that may speak there, of now, and true to its content hash.
 *
 * @module
 */
import { MAX_SKEW_MS } from '@mystranet/schemas/limits'
import { SchemaError } from '@mystranet/schemas/messages'
import { MAX_FINDING_BYTES, parseMessage, parseSigned, type Topic, type TopicMessages } from '@mystranet/schemas/topics'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { documentDigest, PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'
import { verifyEd25519 } from '@mystranet/sdk/keys/ed25519'
import { sha256 } from '@mystranet/sdk/proof/merkle'
import { RouterError } from '../errors.ts'

/** A message is taken for so long after it was signed. Whoever sends it again later signs it anew. */
export const TOPIC_AGE_MS = 600_000

/** Who may speak where. */
export interface Producers {
  readonly network: Uint8Array
  /**
   * @throws {PacketError | RouterError} `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_EXPIRED` when the key is not a live one of the
   *   producer, `NOT_PERMITTED` when the topic is not its to speak on.
   */
  permit(topic: Topic, producer: Uint8Array, key: Uint8Array): Promise<void>
}

export interface AdmittedMessage<T extends Topic = Topic> {
  readonly message: TopicMessages[T]
  /** What its leaf commits to: the digest of the signed bytes as `finding`. */
  readonly digest: Uint8Array
  /** Names it among all messages of all producers. */
  readonly id: string
  /** Names its nonce among those of all producers. */
  readonly nonce: string
}

/**
 * Verifies an encoded SignedMessage. Cost: one Ed25519 verification, and the hash of its payload.
 *
 * @param bytes Attacker-controlled.
 * @param takenMs When the stream took it in; now, when it has not.
 * @throws {PacketError | RouterError} `PACKET_TOO_LARGE`, `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID`, `NETWORK_MISMATCH`,
 *   `FIELD_INVALID`, `CLOCK_SKEWED`, or what `permit` throws.
 */
export async function admitMessage<T extends Topic>(
  topic: T,
  bytes: Uint8Array,
  producers: Producers,
  takenMs: number,
): Promise<AdmittedMessage<T>> {
  if (bytes.length > MAX_FINDING_BYTES + 128) {
    throw refuse('PACKET_TOO_LARGE', `it has ${bytes.length} bytes, wanted at most ${MAX_FINDING_BYTES + 128}`)
  }
  const { body, signature } = readAs(() => parseSigned(bytes))
  const message = readAs(() => parseMessage(topic, body))
  if (!(await verifyEd25519(message.pubkey, pae(PAYLOAD_TYPES.finding, body), signature))) {
    throw refuse('SIGNATURE_INVALID', 'its signature is not by its key')
  }
  if (!equalBytes(message.network, producers.network)) throw refuse('NETWORK_MISMATCH', 'it is of another network')
  checkContentHash(message)
  if (message.ts > takenMs + MAX_SKEW_MS || message.ts < takenMs - TOPIC_AGE_MS) {
    const wanted = `${TOPIC_AGE_MS} ms before to ${MAX_SKEW_MS} ms after it came`
    throw refuse('CLOCK_SKEWED', `it was signed ${takenMs - message.ts} ms before it came, wanted ${wanted}`)
  }
  await producers.permit(topic, message.producerId, message.pubkey)
  const producer = toHex(message.producerId)
  return {
    message,
    digest: documentDigest('finding', body),
    id: `${producer}.${toHex(message.id)}`,
    nonce: `${producer}.${toHex(message.nonce)}`,
  }
}

/** Of an anomaly the hash is of its payload, of evidence of its proof. The others carry none. */
function checkContentHash(message: TopicMessages[Topic]): void {
  if (!('contentHash' in message)) return
  const content = 'payload' in message ? message.payload : message.proofBlob
  if (equalBytes(sha256(content), message.contentHash)) return
  throw refuse('FIELD_INVALID', 'its content_hash is not the SHA-256 of its content')
}

function readAs<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    throw new RouterError('DOCUMENT_MALFORMED', 'Cannot take the message: its bytes are none of its topic', {
      cause: error,
    })
  }
}

const refuse = (code: ConstructorParameters<typeof RouterError>[0], why: string) =>
  new RouterError(code, `Cannot take the message: ${why}`)
