/** @module The log as dispatch sees it: receipts in their binary form. */
import { encodeReceipt } from '@mystranet/sdk/proof/receipt'
import type { Log } from './log/log.ts'
import type { LogReceipt } from './log/round.ts'
import type { PacketLog } from './ports.ts'

/** @param deadlineMs How long `commit` waits for a quorum. */
export function packetLog(log: Pick<Log, 'append' | 'find'>, deadlineMs: number): PacketLog {
  return {
    commit: async (drafts, options) => (await log.append(drafts, { ...options, deadlineMs })).map(encoded),
    async find(kind, subject, attempt) {
      const receipt = await log.find({ kind, subject, attempt })
      return receipt && encoded(receipt)
    },
  }
}

const encoded = ({ leaf, leafIndex, path, note, addendum }: LogReceipt): Uint8Array =>
  encodeReceipt({ leaf, addendum, index: leafIndex === 0n ? undefined : leafIndex, path, checkpoint: note })
