/**
 * What a check of the verdict is, and what the checks leave for each other.
 *
 * @module
 */
import type {
  AnswerContent,
  CloseContent,
  OpenContent,
  Receipt,
  RequestContent,
  SavedAnswer,
} from '@mystranet/schemas/messages'
import type { ParsedHeader } from '../../envelope/parse.ts'
import { PacketError } from '../../errors.ts'
import type { VerifiedChain } from '../../keys/chain.ts'
import type { VerifiedModelStatement } from '../model-statement.ts'
import type { CheckpointVerifier, VerifiedReceipt } from '../receipt.ts'
import type { VerifiedTable } from '../routing-table.ts'
import type { TrustFile } from '../trust-file.ts'
import type { CheckName } from './name.ts'

export interface Check {
  readonly name: CheckName
  /** Checks that must have passed: without them this one says nothing, and is skipped. */
  readonly needs?: readonly CheckName[]
  /** Checks that run first, whatever comes of them: this one uses what they prove. */
  readonly after?: readonly CheckName[]
  /**
   * Passes by returning nothing. Fails by throwing. Returns the reason when it cannot be judged, but only after all that
   * can be judged of it was found right.
   */
  run(facts: Facts): Promise<string | undefined> | string | undefined
  /** What a pass is to be read with. */
  readonly note?: string
}

/** The leaves that are about the packets. */
export type LeafName = 'request' | 'attempt' | 'open' | 'close'

/** What is examined, and what the checks so far have proven of it. Each field is set by one check, when it holds. */
export interface Facts {
  readonly saved: SavedAnswer
  readonly trust: TrustFile
  readonly checkpoints: CheckpointVerifier
  /** By `envelope`. */
  request?: ParsedHeader
  open?: ParsedHeader | undefined
  close?: ParsedHeader | undefined
  /** By `checkpoint`: why a checkpoint that its log signed has no quorum. */
  quorumFault?: PacketError
  /** By the four inclusion checks. */
  readonly logged: { [Name in LeafName]?: VerifiedReceipt }
  /** By `keys`: the chains, and whether the sender's key, and the agent's in OPEN or CLOSE, were theirs at that leaf. */
  senderChain?: VerifiedChain
  agentChain?: VerifiedChain
  senderKnown?: boolean
  agentKnown?: boolean
  /** By `binding`: the three packets belong together, whatever is still to be said of the decision. */
  isBound?: boolean
  /** By `routing-table`. */
  table?: VerifiedTable
  /** By `request-commitment` and `answer-commitment`: contents that open the commitments in the headers. */
  requestContent?: RequestContent
  openContent?: OpenContent
  closeContent?: CloseContent
  answer?: AnswerContent
  /** By `model-statement`. */
  statement?: VerifiedModelStatement
}

/** The request, after `envelope` passed. */
export const requestOf = (facts: Facts): ParsedHeader => facts.request as ParsedHeader

/** OPEN, or CLOSE where there is no OPEN: both name the same agent and attempt. */
export const replyOf = ({ open, close }: Facts): ParsedHeader | undefined => open ?? close

/** Every receipt in a saved answer, with what it is about. */
export function receiptsOf({ saved }: Facts): (readonly [string, Receipt])[] {
  const { request, attempt, open, close, senderKeys, agentKeys, routingTableReceipt, modelStatementReceipt } = saved
  const one = (what: string, receipt: Receipt | undefined) => (receipt ? [[what, receipt] as const] : [])
  return [
    ...one('request', request.receipt),
    ...one('attempt', attempt),
    ...one('open', open?.receipt),
    ...one('close', close?.receipt),
    ...(senderKeys?.events ?? []).flatMap(({ receipt }) => one('sender key event', receipt)),
    ...(agentKeys?.events ?? []).flatMap(({ receipt }) => one('agent key event', receipt)),
    ...one('routing table', routingTableReceipt),
    ...one('model statement', modelStatementReceipt),
  ]
}

/** Says of which part an error speaks. */
export async function about<T>(part: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof PacketError) throw new PacketError(cause.code, `${part}: ${cause.message}`, { cause })
    throw cause
  }
}

/** The reasons why something cannot be judged, in one line; undefined when there are none. */
export const joinReasons = (reasons: readonly string[]): string | undefined =>
  reasons.length === 0 ? undefined : reasons.join('; ')
