/** @module What a reader needs before the first packet of an attempt, to believe that packet. */
import type { HeaderCore } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { encodeReceipt, parseReceipt } from '@mystranet/sdk/proof/receipt'
import type { AnswerRecord, AttemptRecord } from '../ports.ts'
import type { Desk } from './desk.ts'
import type { Keyring } from './keyring.ts'

/**
 * The agent's chain, the attempt's receipt, the receipts of its model statements: all under the attempt's checkpoint, where
 * it covers them.
 *
 * @param core Of the agent's reply.
 */
export async function introduction(
  desk: Desk,
  keyring: Keyring,
  attempt: AttemptRecord,
  core: HeaderCore,
): Promise<AnswerRecord[]> {
  const { checkpoint } = parseReceipt(attempt.receipt as Uint8Array)
  const chain = await keyring.excerpt(core.sender, core.senderKey, checkpoint)
  const newest = await desk.statements.newest(attempt.agent)
  const statements = await desk.log.prove(newest.map(parseReceipt), checkpoint)
  return [
    { type: 'agent-keys', key: `chain:${attempt.agent}:${toHex(core.senderKey)}`, value: chain },
    { type: 'attempt-receipt', key: `attempt:${attempt.number}`, value: attempt.receipt as Uint8Array },
    // A reader that keeps one keeps the newest.
    ...statements.toReversed().map(
      (receipt): AnswerRecord => ({
        type: 'statement-receipt',
        key: `statement:${toHex(hashLeaf(receipt.leaf))}`,
        value: encodeReceipt(receipt),
      }),
    ),
  ]
}
