/**
 * The checks on what was said: contents against their commitments, and whether the answer is whole.
 *
 * @module
 */
import { finishOf, isComplete } from '@mystranet/schemas/kinds'
import {
  AnswerContent,
  CloseContent,
  OpenContent,
  type Opening,
  RequestContent,
  type Table,
} from '@mystranet/schemas/messages'
import { equalBytes } from '../../bytes.ts'
import { contentCommitment } from '../../envelope/hash.ts'
import { type ParsedHeader, read } from '../../envelope/parse.ts'
import { PacketError } from '../../errors.ts'
import { type Check, joinReasons, requestOf } from './check.ts'

export const contentChecks: readonly Check[] = [
  {
    name: 'request-commitment',
    needs: ['envelope'],
    after: ['request-inclusion'],
    run(facts) {
      const missing: string[] = []
      const { saved, logged } = facts
      const content = open(RequestContent, 'request', requestOf(facts), saved.request.opening, missing)
      if (content) facts.requestContent = content
      // That the leaf has the header's commitment is what its inclusion check proved.
      if (!logged.request) missing.push('the leaf of the request is not proven')
      return joinReasons(missing)
    },
  },
  {
    name: 'answer-commitment',
    needs: ['envelope'],
    run(facts) {
      const { saved } = facts
      const missing: string[] = []
      const opened = open(OpenContent, 'OPEN', facts.open, saved.open?.opening, missing)
      if (opened) facts.openContent = opened
      const closed = open(CloseContent, 'CLOSE', facts.close, saved.close?.opening, missing)
      if (closed) facts.closeContent = closed
      if (!saved.answer) missing.push('the answer is not disclosed')
      else if (closed) facts.answer = openCommitment(AnswerContent, 'answer', closed.answerCommitment, saved.answer)
      return joinReasons(missing)
    },
  },
  {
    name: 'completeness',
    needs: ['envelope'],
    after: ['answer-commitment'],
    run({ close, closeContent }) {
      if (!close) throw new PacketError('STREAM_TRUNCATED', 'there is no CLOSE: the answer may be cut anywhere')
      const finish = finishOf(close.core.code)!
      if (!isComplete(finish)) throw new PacketError('ANSWER_CUT', `the answer ended with ${finish}`)
      if (!closeContent) return 'the content of CLOSE is not proven'
      if (!closeContent.frames) throw new PacketError('STREAM_INVALID', `${finish} without a frame`)
      return undefined
    },
  },
]

/** Opens the commitment in a packet's header. */
function open<T>(
  table: Table<T>,
  name: string,
  packet: ParsedHeader | undefined,
  opening: Opening | undefined,
  missing: string[],
): T | undefined {
  const commitment = packet?.core.contentCommitment
  if (!packet) missing.push(`there is no ${name}`)
  else if (!commitment) missing.push(`${name} has no content`)
  else if (!opening) missing.push(`the content of ${name} is not disclosed`)
  return commitment && opening && openCommitment(table, name, commitment, opening)
}

function openCommitment<T>(table: Table<T>, name: string, commitment: Uint8Array, { salt, content }: Opening): T {
  const bytes = content ?? new Uint8Array(0)
  if (!equalBytes(contentCommitment(salt, bytes), commitment)) {
    throw new PacketError('COMMITMENT_MISMATCH', `the content of ${name} is not the one that was committed to`)
  }
  return read(table, bytes, 'CONTENT_INVALID')
}
