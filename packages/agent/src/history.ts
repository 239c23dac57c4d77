/**
 * The log as this agent and its senders know it: whoever shows it two histories is found out by comparing (docs/protocol.md
 * §10.1).
 *
 * @module
 */
import type { Receipt } from '@mystranet/schemas/messages'
import { equalBytes } from '@mystranet/sdk/bytes'
import { isPacketError, PacketError } from '@mystranet/sdk/errors'
import type { CheckpointTrust } from '@mystranet/sdk/proof/checkpoint'
import { hashNode } from '@mystranet/sdk/proof/merkle'
import {
  type CheckpointVerifier,
  exportReceipt,
  rememberCheckpoints,
  type VerifiedReceipt,
} from '@mystranet/sdk/proof/receipt'
import type { ForkEvidence, History } from './ports.ts'

/** Sizes whose root is remembered: of thousands of packets. */
const MAX_ROOTS = 8_192
const MAX_NOTES = 256

interface Root {
  readonly rootHash: Uint8Array
  readonly evidence: () => Uint8Array
}

/** @param keep Keeps evidence; its failure is its own to report. */
export function createHistory(trust: CheckpointTrust, keep: (evidence: ForkEvidence) => void): History {
  const roots = new Map<string, Root>()
  let remembered = rememberCheckpoints(trust)
  let notes = 0

  function hold(origin: string, treeSize: bigint, root: Root): void {
    const name = `${treeSize} ${origin}`
    const known = roots.get(name)
    if (known === undefined) {
      roots.set(name, root)
      const [oldest] = roots.keys()
      if (roots.size > MAX_ROOTS && oldest !== undefined) roots.delete(oldest)
      return
    }
    if (equalBytes(known.rootHash, root.rootHash)) return
    keep({ treeSize, known: known.evidence(), shown: root.evidence() })
    throw new PacketError('CHECKPOINT_ROLLED_BACK', `Cannot believe the log: two roots of size ${treeSize}: a fork`)
  }

  const checkpoints: CheckpointVerifier = (note) => {
    if (++notes > MAX_NOTES) [remembered, notes] = [rememberCheckpoints(trust), 1]
    return remembered(note)
  }

  return {
    checkpoints,
    learn(receipt, verified) {
      const { origin, treeSize, rootHash, note } = verified.checkpoint
      hold(origin, treeSize, { rootHash, evidence: () => note })
      const rootBefore = { rootHash: rootUpTo(receipt, verified), evidence: () => exportReceipt(receipt) }
      hold(origin, verified.leafIndex + 1n, rootBefore)
    },
    async compare(note) {
      const head = await checkpoints(note).catch((error: unknown) => {
        if (isPacketError(error)) return undefined
        throw error
      })
      if (head !== undefined) hold(head.origin, head.treeSize, { rootHash: head.rootHash, evidence: () => head.note })
    },
  }
}

/**
 * Root of the tree whose last leaf a proof is about: the leaf with the siblings at its left, which a later leaf does not
 * change. `fn` and `sn` as in RFC 9162 §2.1.3.2; the path was verified.
 */
function rootUpTo({ path }: Receipt, { leafHash, leafIndex, checkpoint }: VerifiedReceipt): Uint8Array {
  let [fn, sn, hash] = [leafIndex, checkpoint.treeSize - 1n, leafHash]
  for (const sibling of path) {
    if (fn % 2n === 1n || fn === sn) {
      hash = hashNode(sibling, hash)
      while (fn % 2n === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n]
    }
    ;[fn, sn] = [fn >> 1n, sn >> 1n]
  }
  return hash
}
