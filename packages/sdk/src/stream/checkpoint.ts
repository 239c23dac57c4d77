/**
 * Signed stream checkpoints: how far an answer came, provable also when it was aborted (docs/protocol.md §8).
 *
 * @module
 */
import { encode, StreamCheckpoint } from '@mystranet/schemas/messages'
import { type Bytes, equalBytes } from '../bytes.ts'
import { type DocumentSigner, signDocument, verifyDocument } from '../envelope/origin.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'

/** Signs the state of a stream. Exact bytes of a SignedDocument. */
export function signStreamCheckpoint(checkpoint: StreamCheckpoint, signer: DocumentSigner): Promise<Bytes> {
  return signDocument('stream-checkpoint', encode(StreamCheckpoint, checkpoint), signer)
}

/**
 * Verifies a stream checkpoint by the key that signed the stream's OPEN.
 *
 * @param root Root of the frames that the caller holds, if there are `size` of them; checked then.
 * @throws {PacketError} `DOCUMENT_MALFORMED`, `SIGNATURE_INVALID`, or `STREAM_INVALID` for another key, stream or root.
 */
export async function verifyStreamCheckpoint(
  bytes: Uint8Array,
  of: { readonly network: Uint8Array; readonly streamId: Uint8Array; readonly key: Uint8Array },
  root?: (size: number) => Uint8Array | undefined,
): Promise<StreamCheckpoint> {
  const document = await verifyDocument('stream-checkpoint', bytes)
  const checkpoint = read(StreamCheckpoint, document.body)
  if (!equalBytes(document.key, of.key)) throw invalid("another key than its OPEN's signed it")
  if (!equalBytes(checkpoint.network, of.network) || !equalBytes(checkpoint.streamId, of.streamId)) {
    throw invalid('it is of another stream')
  }
  const held = root?.(checkpoint.size)
  if (held !== undefined && !equalBytes(held, checkpoint.root)) throw invalid('its root is not that of the frames')
  return checkpoint
}

const invalid = (why: string) => new PacketError('STREAM_INVALID', `Cannot take the stream checkpoint: ${why}`)
