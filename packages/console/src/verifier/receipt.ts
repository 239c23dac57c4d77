/**
 * Examines a receipt alone: what was logged, and where and when witnesses had seen it (docs/protocol.md §10).
 *
 * @module
 */

import {
  importReceipt,
  openReceipt,
  type Receipt,
  rememberCheckpoints,
  type VerifiedReceipt,
  verifyReceipt,
} from '@mystranet/sdk/proof/receipt'
import { isPacketError, type TrustFile } from '@mystranet/sdk/verify'
import type { Row, Status } from '../parts/verdict.ts'

export interface ReceiptVerdict {
  readonly status: Status
  readonly trustName: string
  readonly firstUse: boolean
  readonly checks: readonly Row[]
  /** Only when every check passed. */
  readonly logged: VerifiedReceipt | undefined
}

/** Costs one signature for the log and one for each witness. @param file A `.tlog-proof`, as received. Never throws. */
export async function examineReceipt(file: Uint8Array, trust: TrustFile): Promise<ReceiptVerdict> {
  let receipt: Receipt | undefined
  let logged: VerifiedReceipt | undefined
  const checks: Row[] = []
  const check = async (name: string, run: () => unknown) => {
    const before = checks.find(({ result }) => result !== 'pass')
    let outcome: Pick<Row, 'result' | 'reason'> = { result: 'pass', reason: '' }
    if (before) outcome = { result: 'skipped', reason: `builds on ${before.name}, which did not pass` }
    else {
      try {
        await run()
      } catch (error) {
        outcome = { result: 'fail', reason: isPacketError(error) ? `${error.code}: ${error.message}` : String(error) }
      }
    }
    checks.push({ name, ...outcome, required: true })
  }
  // The log's signature alone first, so that a missing quorum and a wrong log are told apart.
  const { policy } = trust
  const anyQuorum = { ...trust, policy: { ...policy, quorum: 'none' } }
  await check('receipt', () => {
    receipt = importReceipt(file)
    openReceipt(receipt)
  })
  await check('checkpoint', () => rememberCheckpoints(anyQuorum)(receipt!.checkpoint))
  await check('witness-quorum', () => rememberCheckpoints(trust)(receipt!.checkpoint))
  await check('inclusion', async () => {
    logged = await verifyReceipt(receipt!, trust)
  })
  const status = checks.some(({ result }) => result === 'fail') ? 'FAILED' : 'VERIFIED'
  return { status, trustName: trust.name, firstUse: trust.firstUse, checks, logged }
}
