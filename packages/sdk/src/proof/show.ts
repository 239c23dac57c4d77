/**
 * What a verdict shows: only what a check has proven.
 *
 * @module
 */
import { type Finish, finishOf, isComplete } from '@mystranet/schemas/kinds'
import type { ChatMessage, ModelStatement, ToolCall } from '@mystranet/schemas/messages'
import { formatInstanceId } from '../keys/name.ts'
import { type Facts, requestOf } from './checks/check.ts'

export interface ShownRequest {
  readonly packetId: Uint8Array
  /** `weave1…`; absent when it is not proven whose key signed. */
  readonly sender: string | undefined
  /** A tag, or an instance as `weave1…`. */
  readonly target: string
  readonly createdMs: number
  /** Absent when they were not disclosed. */
  readonly messages: readonly ChatMessage[] | undefined
}

export interface ShownAnswer {
  /** All text, joined. */
  readonly text: string
  /** Released only when the answer is whole. */
  readonly toolCalls: readonly ToolCall[]
  readonly finish: Finish
  /** False: the text is cut. */
  readonly isComplete: boolean
  readonly attempt: number
  /** Packet ids. */
  readonly openId: Uint8Array
  readonly closeId: Uint8Array
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number }
  /** `weave1…`; absent when it is not proven whose key signed. */
  readonly agent: string | undefined
  /** What the agent says it ran; absent when that is not proven. */
  readonly model: ModelStatement | undefined
}

/** After `request-signature` passed. @param isOpened `request-commitment` passed too. */
export function showRequest(facts: Facts, isOpened: boolean): ShownRequest {
  const { id, core } = requestOf(facts)
  return {
    packetId: id,
    sender: facts.senderKnown ? formatInstanceId(core.sender) : undefined,
    target: core.targetTag ?? formatInstanceId(core.targetInstance!),
    createdMs: core.createdMs,
    messages: isOpened ? facts.requestContent?.chat.messages : undefined,
  }
}

/** After `answer-signature` and `answer-commitment` passed and the packets were found to belong together. */
export function showAnswer({
  open,
  close,
  closeContent,
  answer,
  statement,
  agentKnown,
}: Facts): ShownAnswer | undefined {
  if (!open || !close || !closeContent || !answer) return undefined
  const finish = finishOf(close.core.code)!
  const whole = isComplete(finish)
  return {
    text: answer.parts.map((part) => part.text ?? '').join(''),
    toolCalls: whole ? answer.parts.flatMap(({ toolCall }) => toolCall ?? []) : [],
    finish,
    isComplete: whole,
    attempt: close.core.attempt!,
    openId: open.id,
    closeId: close.id,
    usage: {
      promptTokens: closeContent.usage?.promptTokens ?? 0,
      completionTokens: closeContent.usage?.completionTokens ?? 0,
    },
    agent: agentKnown ? formatInstanceId(open.core.sender) : undefined,
    model: statement?.value,
  }
}
