/**
 * Padding to buckets, so that sizes tell little (docs/protocol.md §7.1 and §8). Each pair stands side by side.
 *
 * @module
 */
import { MAX_FRAME_CONTENT_BYTES, MAX_PADDED_BYTES } from '@mystranet/schemas/limits'
import { type Bytes, equalBytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { contentCommitment } from './hash.ts'

const MIB = 1 << 20
const PREFIX_BYTES = 36

/** The smallest bucket that holds so many bytes: 256, 1,024, 4,096, powers of two to 1 MiB, then multiples of 1 MiB. */
export function bucketOf(bytes: number): number {
  if (bytes <= 256) return 256
  if (bytes <= 1024) return 1024
  if (bytes > MIB) return Math.ceil(bytes / MIB) * MIB
  let bucket = 4096
  while (bucket < bytes) bucket *= 2
  return bucket
}

export const isBucket = (bytes: number): boolean => bucketOf(bytes) === bytes

/**
 * `salt ‖ u32 length ‖ content ‖ zeros`.
 *
 * @throws {PacketError} `PACKET_TOO_LARGE` when the content does not fit a packet.
 */
export function pad(salt: Uint8Array, content: Uint8Array): Bytes {
  const size = bucketOf(PREFIX_BYTES + content.length)
  if (size > MAX_PADDED_BYTES) {
    throw new PacketError(
      'PACKET_TOO_LARGE',
      `Cannot seal the content: ${content.length} bytes, wanted at most ${MAX_PADDED_BYTES - PREFIX_BYTES}`,
    )
  }
  const plain = new Uint8Array(size)
  plain.set(salt)
  new DataView(plain.buffer).setUint32(32, content.length)
  plain.set(content, PREFIX_BYTES)
  return plain
}

/**
 * Inverse of {@link pad}; checks the content against its commitment as well. What it gives are views of `plain`.
 *
 * @throws {PacketError} `CONTENT_INVALID` for any other padding, `COMMITMENT_MISMATCH` for another content.
 */
export function unpad(plain: Bytes, commitment: Uint8Array): { salt: Bytes; content: Bytes } {
  const length = new DataView(plain.buffer, plain.byteOffset, plain.byteLength).getUint32(32)
  if (bucketOf(PREFIX_BYTES + length) !== plain.length) {
    throw new PacketError('CONTENT_INVALID', `Cannot open the content: ${length} bytes are not padded to their bucket`)
  }
  if (!isZeroFrom(plain, PREFIX_BYTES + length)) {
    throw new PacketError('CONTENT_INVALID', 'Cannot open the content: its padding is not zero')
  }
  const salt = plain.subarray(0, 32)
  const content = plain.subarray(PREFIX_BYTES, PREFIX_BYTES + length)
  if (!equalBytes(contentCommitment(salt, content), commitment)) {
    throw new PacketError('COMMITMENT_MISMATCH', 'Cannot open the content: it is not what its commitment says')
  }
  return { salt, content }
}

/** The smallest bucket of a frame: 64, 256, 1,024, then multiples of 1,024. */
function frameBucketOf(bytes: number): number {
  if (bytes <= 64) return 64
  if (bytes <= 256) return 256
  return Math.ceil(bytes / 1024) * 1024
}

/** `u16 length ‖ payload ‖ zeros`. @throws RangeError when the payload exceeds a frame. */
export function padFrame(payload: Uint8Array): Bytes {
  if (payload.length > MAX_FRAME_CONTENT_BYTES) {
    throw new RangeError(`Cannot frame ${payload.length} bytes, wanted at most ${MAX_FRAME_CONTENT_BYTES}`)
  }
  const framed = new Uint8Array(frameBucketOf(2 + payload.length))
  framed[0] = payload.length >>> 8
  framed[1] = payload.length
  framed.set(payload, 2)
  return framed
}

/** Inverse of {@link padFrame}. @throws {PacketError} `STREAM_INVALID` for any other padding. */
export function unpadFrame(framed: Uint8Array): Uint8Array {
  const length = ((framed[0] ?? 0) << 8) | (framed[1] ?? 0)
  if (frameBucketOf(2 + length) !== framed.length || !isZeroFrom(framed, 2 + length)) {
    throw new PacketError('STREAM_INVALID', 'Cannot open the frame: its padding is not that of its length')
  }
  return framed.subarray(2, 2 + length)
}

function isZeroFrom(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}
