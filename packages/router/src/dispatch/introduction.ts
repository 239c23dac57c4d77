/** @module What a reader needs before the first packet of an attempt, to believe that packet. */
import type { HeaderCore } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import type { AnswerRecord, AttemptRecord } from '../ports.ts'
import type { Desk } from './desk.ts'
import type { Keyring } from './keyring.ts'

/** The agent's chain, the attempt's receipt, the receipts of its model statements. @param core Of the agent's reply. */
export async function introduction(
  desk: Desk,
  keyring: Keyring,
  attempt: AttemptRecord,
  core: HeaderCore,
): Promise<AnswerRecord[]> {
  const chain = await keyring.excerpt(core.sender, core.senderKey)
  const statements = await desk.statements.newest(attempt.agent)
  return [
    { type: 'agent-keys', key: `chain:${attempt.agent}:${toHex(core.senderKey)}`, value: chain },
    { type: 'attempt-receipt', key: `attempt:${attempt.number}`, value: attempt.receipt as Uint8Array },
    // A reader that keeps one keeps the newest.
    ...statements
      .toReversed()
      .map((value): AnswerRecord => ({ type: 'statement-receipt', key: `statement:${toHex(hashLeaf(value))}`, value })),
  ]
}
