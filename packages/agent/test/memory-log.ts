import { Addendum, encode, Receipt } from '@mystranet/schemas/messages'
import { toHex, utf8 } from '@mystranet/sdk/bytes'
import { networkId } from '@mystranet/sdk/envelope'
import { localSigner } from '@mystranet/sdk/keys/signer'
import { encodeCheckpoint } from '@mystranet/sdk/proof/checkpoint'
import { signCosignature } from '@mystranet/sdk/proof/cosignature'
import { encodeLeaf, type Leaf } from '@mystranet/sdk/proof/leaf'
import { computeRoot, hashLeaf, sha256 } from '@mystranet/sdk/proof/merkle'
import {
  COSIGNATURE_TYPE,
  createNoteKey,
  ED25519_TYPE,
  encodeNote,
  parseNote,
  signNote,
} from '@mystranet/sdk/proof/note'
import { proveInclusion } from '@mystranet/sdk/proof/prove'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import type { Clock } from '../src/ports.ts'

export interface Draft extends Pick<Leaf, 'kind' | 'subject' | 'partition'> {
  readonly attempt?: number | undefined
  readonly commitment?: Uint8Array | undefined
  readonly addendum?: Omit<Addendum, 'nonce'> | undefined
}

/** A log with one witness: real leaves, a real tree, signed and cosigned checkpoints. A leaf is logged once. */
export interface MemoryLog {
  readonly trust: TrustFile
  append(draft: Draft): Promise<Uint8Array>
  /** Names of what was logged: kind, attempt, subject. */
  readonly leaves: readonly string[]
}

export async function memoryLog(clock: Clock, name = 'log.agent.test'): Promise<MemoryLog> {
  const named = async (keyName: string) => ({ keyName, ...(await localSigner(sha256(utf8(keyName)))) })
  const logKey = await named(name)
  const witnessKey = await named(`w.${name}`)
  const trust: TrustFile = {
    name: 'test',
    operators: new Map(),
    tableSigners: [],
    publishers: [],
    authorizers: [],
    nexusKeys: [],
    required: new Set(),
    firstUse: false,
    network: networkId(name, logKey.publicKey),
    policy: {
      logs: [{ key: createNoteKey(name, ED25519_TYPE, logKey.publicKey) }],
      witnesses: [{ name: 'w', key: createNoteKey(witnessKey.keyName, COSIGNATURE_TYPE, witnessKey.publicKey) }],
      groups: [],
      quorum: 'w',
    },
  }
  const hashes: Uint8Array[] = []
  const leaves: string[] = []
  const receipts = new Map<string, Promise<Uint8Array>>()
  const partitions = new Map<string, { seq: bigint; previous: Uint8Array }>()

  async function add({ addendum: opened, ...draft }: Draft): Promise<Uint8Array> {
    const addendum = opened && encode(Addendum, { ...opened, nonce: crypto.getRandomValues(new Uint8Array(16)) })
    const place = partitions.get(toHex(draft.partition)) ?? { seq: 1n, previous: new Uint8Array(32) }
    const addendumDigest = addendum && sha256(addendum)
    const leaf = encodeLeaf({ attempt: 0, ...draft, ...place, timeMs: clock.now(), addendumDigest } as Leaf)
    const hash = hashLeaf(leaf)
    partitions.set(toHex(draft.partition), { seq: place.seq + 1n, previous: hash })
    const index = hashes.push(hash) - 1
    const head = { origin: name, treeSize: BigInt(hashes.length), rootHash: computeRoot(hashes) }
    const path = proveInclusion(hashes, index)
    const note = parseNote(await signNote(encodeCheckpoint(head), logKey))
    const line = await signCosignature(note.text, witnessKey, BigInt(Math.floor(clock.now() / 1_000)))
    const checkpoint = encodeNote({ text: note.text, signatures: [...note.signatures, line] })
    return encode(Receipt, { leaf, addendum, index: index === 0 ? undefined : BigInt(index), path, checkpoint })
  }

  return {
    trust,
    leaves,
    append(draft) {
      const key = `${draft.kind} ${draft.attempt ?? 0} ${toHex(draft.subject)}`
      let receipt = receipts.get(key)
      if (receipt === undefined) {
        leaves.push(key)
        receipt = add(draft)
        receipts.set(key, receipt)
      }
      return receipt
    },
  }
}
