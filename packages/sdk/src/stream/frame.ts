/**
 * Frames of an answer: made once, each authenticated, each a leaf of the stream's tree (docs/protocol.md §8).
 * `createFrameWriter` and `createFrameReader` are a pair.
 *
 * @module
 */
import { MAX_FRAMES } from '@mystranet/schemas/limits'
import { encode, Frame } from '@mystranet/schemas/messages'
import { aeadOpen, aeadSeal } from '#primitives'
import { type Bytes, concat, equalBytes, utf8 } from '../bytes.ts'
import { padFrame, unpadFrame } from '../envelope/padding.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import type { AeadKey } from '../packet/reply-keys.ts'
import { createFrontier, type Hash, hashLeaf } from '../proof/merkle.ts'

export const FLAG_FINAL = 1

const AAD_LABEL = utf8('mystranet/v1/frame\0')

export interface FrameWriter {
  readonly count: number
  /**
   * Makes the next frame. About 6 µs for 100 bytes on Node 24.
   *
   * @param payload Exact bytes of an AnswerContent.
   * @throws RangeError after the final frame, or beyond 2^20 frames.
   */
  write(payload: Uint8Array, final: boolean): Bytes
  /** Root over the frames so far. */
  root(): Hash
}

/** @param streamId Packet id of the stream's OPEN. A writer's keys must never serve a second writer. */
export function createFrameWriter(streamId: Uint8Array, keys: AeadKey): FrameWriter {
  const tree = createFrontier()
  const inputs = cipherInputs(streamId, keys)
  let count = 0
  let ended = false
  return {
    get count() {
      return count
    },
    write(payload, final) {
      if (ended || count >= MAX_FRAMES) throw new RangeError(`Cannot write frame ${count}: the stream has ended`)
      const flags = final ? FLAG_FINAL : 0
      const { nonce, aad } = inputs(count, flags)
      const ct = aeadSeal(keys.key, nonce, aad, padFrame(payload))
      const frame = encode(Frame, { streamId, i: count, flags, ct })
      tree.append(hashLeaf(frame))
      count += 1
      ended = final
      return frame
    },
    root: () => tree.root(),
  }
}

export interface FrameReader {
  /** Frames accepted: the next one wanted has this number. */
  readonly count: number
  /** Whether the final frame was accepted. */
  readonly ended: boolean
  root(): Hash
  /**
   * Takes the next frame and gives its payload.
   *
   * @param bytes Attacker-controlled.
   * @throws {PacketError} `FRAME_MALFORMED`, or `STREAM_INVALID` for a frame of another stream, out of order, after the
   *   final one, or changed. The reader stays as it was: the right frame may still come.
   */
  read(bytes: Uint8Array): Uint8Array
}

/** Reads a stream from its first frame; to resume, ask for frames from `count` on and go on with the same reader. */
export function createFrameReader(streamId: Uint8Array, keys: AeadKey): FrameReader {
  const tree = createFrontier()
  const inputs = cipherInputs(streamId, keys)
  let count = 0
  let ended = false
  return {
    get count() {
      return count
    },
    get ended() {
      return ended
    },
    root: () => tree.root(),
    read(bytes) {
      const frame = read(Frame, bytes, 'FRAME_MALFORMED')
      const i = frame.i ?? 0
      const flags = frame.flags ?? 0
      if (!equalBytes(frame.streamId, streamId)) throw invalid(`frame ${i} is of another stream`)
      if (i !== count) throw invalid(`frame ${i} came, wanted frame ${count}`)
      if (ended) throw invalid(`frame ${i} came after the final one`)
      if (flags > FLAG_FINAL) throw invalid(`frame ${i} has unknown flags`)
      const { nonce, aad } = inputs(i, flags)
      const framed = aeadOpen(keys.key, nonce, aad, frame.ct)
      if (framed === undefined) throw invalid(`frame ${i} is not what its agent made`)
      const payload = unpadFrame(framed)
      tree.append(hashLeaf(bytes))
      count += 1
      ended = flags === FLAG_FINAL
      return payload
    },
  }
}

/** Nonce and aad of a stream's frames. Each call writes over what the last one gave: only `i` and flags differ. */
function cipherInputs(streamId: Uint8Array, keys: AeadKey) {
  const nonce = concat(keys.nonce)
  const aad = concat(AAD_LABEL, streamId, new Uint8Array(5))
  const counter = new DataView(nonce.buffer, 8)
  const place = new DataView(aad.buffer, aad.length - 5)
  const base = counter.getUint32(0)
  const inputs = { nonce, aad }
  return (i: number, flags: number): typeof inputs => {
    counter.setUint32(0, base ^ i)
    place.setUint32(0, i)
    place.setUint8(4, flags)
    return inputs
  }
}

const invalid = (why: string) => new PacketError('STREAM_INVALID', `Cannot read the stream: ${why}`)
