/** @module What is proven anew once an answer has ended, so that whoever keeps it verifies few checkpoints. */
import { Addendum, decode } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import type { RecordType } from '@mystranet/sdk/envelope'
import { encodeReceipt, parseReceipt, type Receipt } from '@mystranet/sdk/proof/receipt'
import { coreOf, type Desk } from './desk.ts'
import type { Keyring } from './keyring.ts'
import type { Tables } from './tables.ts'

export interface ClosingRecord {
  readonly type: RecordType
  readonly value: Uint8Array
}

interface Sources {
  readonly keyring: Keyring
  readonly tables: Tables
}

/**
 * OPEN, the keys of agent and sender, the agent's model statements and the routing table, all under the checkpoint of the
 * newest CLOSE. Nothing where there is none, or where it cannot be had: the answer ends all the same. Costs a path in the tree
 * for each; no write, and no round of the log.
 *
 * @param packet Hex id of the request.
 */
export async function closingRecords(desk: Desk, sources: Sources, packet: string): Promise<readonly ClosingRecord[]> {
  try {
    return await underClose(desk, sources, packet)
  } catch (error) {
    desk.metrics.count('weave_faults_total', { stage: 'closing' })
    desk.trace.fault('closing', error, { packet })
    return []
  }
}

async function underClose(desk: Desk, { keyring, tables }: Sources, packet: string): Promise<readonly ClosingRecord[]> {
  const record = (await desk.packets.find(packet))?.record
  const close = record?.replies.findLast(({ kind, receipt }) => kind === 'STREAM_CLOSE' && receipt !== undefined)
  if (record === undefined || close === undefined) return []
  const { checkpoint: under } = parseReceipt(close.receipt as Uint8Array)
  const prove = async (type: RecordType, receipts: readonly Receipt[]): Promise<ClosingRecord[]> =>
    (await desk.log.prove(receipts, under)).map((receipt) => ({ type, value: encodeReceipt(receipt) }))
  const keysOf = async (type: RecordType, instance: Uint8Array, key: Uint8Array): Promise<ClosingRecord[]> => [
    { type, value: await keyring.excerpt(instance, key, under) },
  ]
  const open = record.replies.find(({ kind, attempt }) => kind === 'STREAM_OPEN' && attempt === close.attempt)
  const { sender, senderKey, tableDigest } = coreOf(record)
  const { sender: agent, senderKey: agentKey } = decode(Addendum, close.draft.addendum as Uint8Array)
  const [statements, table] = await Promise.all([
    desk.statements.newest(toHex(agent as Uint8Array)),
    tables.receiptOf(tableDigest as Uint8Array),
  ])
  const found = await Promise.all([
    prove('receipt', open?.receipt === undefined ? [] : [parseReceipt(open.receipt)]),
    prove('statement-receipt', statements.toReversed().map(parseReceipt)),
    prove('table-receipt', table === undefined ? [] : [table]),
    keysOf('agent-keys', agent as Uint8Array, agentKey as Uint8Array),
    keysOf('sender-keys', sender, senderKey),
  ])
  return found.flat()
}
