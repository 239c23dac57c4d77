/** @module The log as dispatch sees it: receipts in their binary form, and old ones proven anew. */
import { equalBytes } from '@mystranet/sdk/bytes'
import { isPacketError } from '@mystranet/sdk/errors'
import { type Checkpoint, parseCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { checkInclusion } from '@mystranet/sdk/proof/inclusion'
import { hashLeaf } from '@mystranet/sdk/proof/merkle'
import { type NoteSignature, parseNote } from '@mystranet/sdk/proof/note'
import { encodeReceipt, type Receipt } from '@mystranet/sdk/proof/receipt'
import type { Log } from './log/log.ts'
import type { LogReceipt } from './log/round.ts'
import type { PacketLog } from './ports.ts'

/** Receipts proven anew that are kept, some 1.5 KiB each. */
const MAX_PROVEN = 4_096

/** @param deadlineMs How long `commit` waits for a quorum. */
export function packetLog(log: Pick<Log, 'append' | 'find' | 'published' | 'tree'>, deadlineMs: number): PacketLog {
  /** By leaf index and size. */
  const proven = new Map<string, Receipt>()

  /** @throws {PacketError} `PROOF_INVALID` or `STORE_FAILED`, when this log cannot prove the leaf under that head. */
  const proveAnew = async (receipt: Receipt, head: Head): Promise<Receipt> => {
    const leafIndex = receipt.index ?? 0n
    const name = `${leafIndex} ${head.treeSize}`
    const known = proven.get(name)
    if (known !== undefined && equalBytes(known.leaf, receipt.leaf) && equalBytes(known.checkpoint, head.note)) {
      return known
    }
    const path = await log.tree.inclusion(Number(leafIndex), Number(head.treeSize))
    // The leaf may be of a log before this one, and a store may have lost what it held.
    checkInclusion(hashLeaf(receipt.leaf), { leafIndex, path }, head)
    const anew = { ...receipt, path, checkpoint: head.note }
    if (proven.size >= MAX_PROVEN) proven.delete(proven.keys().next().value as string)
    proven.set(name, anew)
    return anew
  }

  return {
    commit: async (drafts, options) => (await log.append(drafts, { ...options, deadlineMs })).map(encoded),
    async find(kind, subject, attempt) {
      const receipt = await log.find({ kind, subject, attempt })
      return receipt && encoded(receipt)
    },
    async prove(receipts, under) {
      const newest = log.published()?.note
      const heads = [under, newest].flatMap((note) => (note === undefined ? [] : [headOf(note)]))
      const prove = async (receipt: Receipt): Promise<Receipt> => {
        const first = headOf(receipt.checkpoint)
        // Not under one of another key: a place counts in the log whose key signed it.
        const head = heads.find((each) => each.treeSize > (receipt.index ?? 0n) && isOneLog(each, first))
        if (head === undefined) return receipt
        try {
          return await proveAnew(receipt, head)
        } catch (error) {
          // The receipt that it got first is as good a proof.
          if (isPacketError(error)) return receipt
          throw error
        }
      }
      return Promise.all(receipts.map(prove))
    },
  }
}

interface Head extends Checkpoint {
  readonly note: Uint8Array
  /** Of the log. */
  readonly signature: NoteSignature | undefined
}

/** Of a note that was verified when its round was confirmed. */
function headOf(note: Uint8Array): Head {
  const { text, signatures } = parseNote(note)
  const checkpoint = parseCheckpoint(text)
  return { ...checkpoint, note, signature: signatures.find(({ keyName }) => keyName === checkpoint.origin) }
}

const isOneLog = (a: Head, b: Head) => a.origin === b.origin && a.signature?.keyId === b.signature?.keyId

const encoded = ({ leaf, leafIndex, path, note, addendum }: LogReceipt): Uint8Array =>
  encodeReceipt({ leaf, addendum, index: leafIndex === 0n ? undefined : leafIndex, path, checkpoint: note })
