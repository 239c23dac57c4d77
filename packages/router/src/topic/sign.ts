/** @module A message of a topic, signed: what travels. */
import { encodeMessage, encodeSigned, type Topic, type TopicMessages } from '@mystranet/schemas/topics'
import { type DocumentSigner, PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'

/**
 * Signs a message as a finding of its topic. `pubkey` of the message must be the signer's, or nobody takes it.
 *
 * @throws {SchemaError} when a field is outside its range.
 */
export async function signMessage<T extends Topic>(
  topic: T,
  message: TopicMessages[T],
  signer: DocumentSigner,
): Promise<Uint8Array> {
  const body = encodeMessage(topic, message)
  return encodeSigned({ body, signature: await signer.sign(pae(PAYLOAD_TYPES.finding, body)) })
}
