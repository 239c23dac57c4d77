/**
 * The signed end of an answer: what CLOSE states, made and checked (docs/protocol.md §8).
 *
 * @module
 */
import { type Finish, finishOf, isComplete } from '@mystranet/schemas/kinds'
import { AnswerContent, type CloseContent, type Usage } from '@mystranet/schemas/messages'
import { type Bytes, concat, equalBytes } from '../bytes.ts'
import { contentCommitment } from '../envelope/hash.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import type { Hash } from '../proof/merkle.ts'

/** What both ends of a stream know when it ends. */
export interface StreamEnd {
  readonly streamId: Uint8Array | undefined
  readonly frames: number
  readonly root: Hash
  /** Whether a final frame was written or read. */
  readonly ended: boolean
  /** The payloads of all frames, joined. */
  readonly answer: Uint8Array
  readonly answerSalt: Uint8Array
}

/** What a CLOSE says of a stream. `usage` and `error` as the engine reported them. */
export function closeContentOf(end: StreamEnd, usage: Usage | undefined, error?: number): CloseContent {
  return {
    stream: end.streamId,
    frames: end.frames,
    root: end.root,
    answerCommitment: contentCommitment(end.answerSalt, end.answer),
    usage,
    error,
  }
}

/**
 * Holds a CLOSE to the stream that was read. The pair of {@link closeContentOf}.
 *
 * @param code `core.code` of the CLOSE.
 * @returns The finish. Only `STOP` and `TOOL_CALLS` are complete; `ABORTED` says nothing of the frames.
 * @throws {PacketError} `STREAM_TRUNCATED` if frames are missing that CLOSE counts; `STREAM_INVALID` for any other
 *   disagreement; `COMMITMENT_MISMATCH` if the answer is not the one it commits to.
 */
export function checkClose(code: number | undefined, content: CloseContent, end: StreamEnd): Finish {
  const finish = finishOf(code)
  if (finish === undefined) throw invalid(`its finish is ${code}`)
  if (finish === 'ABORTED') return finish
  const frames = content.frames ?? 0
  const sameStream = content.stream === undefined ? end.streamId === undefined : same(content.stream, end.streamId)
  if (!sameStream) throw invalid('it closes another stream')
  if (end.frames < frames) {
    throw new PacketError(
      'STREAM_TRUNCATED',
      `Cannot take the answer as whole: ${end.frames} frames came, wanted ${frames}`,
    )
  }
  if (end.frames > frames) throw invalid(`${end.frames} frames came, and it counts ${frames}`)
  const wantsFinal = isComplete(finish) || finish === 'LENGTH'
  if (wantsFinal !== end.ended) throw invalid(`finish ${finish} ${end.ended ? 'with' : 'without'} a final frame`)
  if (!equalBytes(content.root, end.root)) throw invalid('its root is not that of the frames')
  if (!equalBytes(content.answerCommitment, contentCommitment(end.answerSalt, end.answer))) {
    throw new PacketError('COMMITMENT_MISMATCH', 'Cannot take the answer: it is not what CLOSE commits to')
  }
  return finish
}

const same = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && equalBytes(a, b)

/** The whole answer: the payloads of its frames, joined. */
export const joinPayloads = (payloads: readonly Uint8Array[]): Bytes => concat(...payloads)

/** Text of an answer. @throws {PacketError} `CONTENT_INVALID` when it is not an AnswerContent. */
export function textOf(answer: Uint8Array): string {
  return read(AnswerContent, answer, 'CONTENT_INVALID')
    .parts.map((part) => part.text ?? '')
    .join('')
}

const invalid = (why: string) => new PacketError('STREAM_INVALID', `Cannot take the end of the answer: ${why}`)
