/**
 * What a third party needs to check an answer, from what was sent and read.
 *
 * @module
 */
import type { KeyChain, Receipt, SavedAnswer } from '@mystranet/schemas/messages'
import { toHex } from '../bytes.ts'
import { excerptChain } from '../keys/chain.ts'
import { KEY_EVENT_TYPES } from '../keys/event.ts'
import type { SealedRequest } from '../packet/seal.ts'
import { SAVED_ANSWER_VERSION } from '../proof/saved-answer.ts'
import type { ReadAnswer, ReadReply } from '../stream/answer.ts'
import type { Directory } from '../transport/directory.ts'

export interface Sent {
  readonly request: SealedRequest
  readonly receipt: Receipt
  /** What it was sealed under. */
  readonly using: Directory
}

/** @param own The sender's chain: what the answer came with, or all of it, as the router gives it. */
export function savedAnswerOf({ request, receipt, using }: Sent, read: ReadAnswer, own: KeyChain): SavedAnswer {
  const ownKey = toHex(request.core.senderKey)
  const isOwnKey = (type: number, key: Uint8Array | undefined) =>
    type === KEY_EVENT_TYPES.PACKET_KEY && key !== undefined && toHex(key) === ownKey
  return {
    version: SAVED_ANSWER_VERSION,
    request: { header: request.header, ...request.origin, receipt, opening: request.opening },
    open: read.open && savedReply(read.open),
    close: read.close && savedReply(read.close),
    answer: read.answerSalt && read.close && { salt: read.answerSalt, content: read.answer },
    attempt: read.attemptReceipt,
    senderKeys: excerptChain(own.events, ({ type, key }) => isOwnKey(type, key)),
    agentKeys: read.agentKeys,
    routingTable: using.document,
    routingTableReceipt: read.tableReceipt ?? using.receipt,
    modelStatementReceipt: read.statementReceipt,
  }
}

/** The checkpoints that the packet was sealed under, and those over what happened to it: the newest that its sender has. */
export function checkpointsOf({ using, receipt }: Sent, { open, close, attemptReceipt }: ReadAnswer): Uint8Array[] {
  const receipts = [receipt, attemptReceipt, open?.receipt, close?.receipt]
  return [using.checkpoint, ...receipts.flatMap((each) => (each ? [each.checkpoint] : []))]
}

function savedReply({ packet, receipt, opening }: ReadReply) {
  return { header: packet.header, ...packet.origin, receipt, opening }
}
