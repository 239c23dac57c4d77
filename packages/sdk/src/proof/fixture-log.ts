/**
 * A log in memory for the story of `fixture.ts`: leaves, tree, signed and cosigned checkpoints, receipts.
 *
 * @module
 */
import { Addendum, encode, type Receipt } from '@mystranet/schemas/messages'
import { sha256 } from '#primitives'
import { toHex, utf8 } from '../bytes.ts'
import type { Signer } from '../keys/signer.ts'
import { encodeCheckpoint } from './checkpoint.ts'
import { signCosignature } from './cosignature.ts'
import { encodeLeaf, type Leaf } from './leaf.ts'
import { computeRoot, hashLeaf } from './merkle.ts'
import { encodeNote, parseNote, signNote } from './note.ts'
import { proveInclusion } from './prove.ts'

const ORIGIN = 'log.story.test'

/** What a leaf is to say; the log adds time, place in the partition, and digests. */
export interface Entry extends Pick<Leaf, 'kind' | 'subject' | 'partition'> {
  readonly attempt?: number | undefined
  readonly commitment?: Uint8Array | undefined
  readonly addendum?: Addendum
}

export interface Batch {
  readonly names: readonly string[]
  /** Time of its leaves; its witnesses sign within the next two seconds. */
  readonly atMs: number
  /** So many leaves of others come before them. */
  readonly others?: number
  /** Earlier leaves whose receipts are replaced by proofs under this batch's checkpoint. */
  readonly anew?: readonly string[]
}

export interface StoryLogTwist {
  readonly batches?: readonly Batch[]
  /** Changes what a leaf says. */
  readonly leaf?: (name: string, entry: Entry) => Entry
  /** Who cosigns a batch's checkpoint. */
  readonly cosigners?: (batch: number) => readonly string[]
  /** When they sign, in seconds. */
  readonly cosignedAt?: (batch: number, usual: bigint) => bigint
  /** Which key signs as the log. */
  readonly logSigner?: (batch: number) => string
}

export interface LoggedStory {
  /** Names in the order of their leaves. */
  readonly order: readonly string[]
  readonly receipts: ReadonlyMap<string, Receipt>
}

const EVERYONE = ['witness2', 'witness3', 'witness4', 'witness5']

/** Appends the entries in the order of the batches, and proves each under its batch's checkpoint, or under a later one. */
export async function logStory(
  entries: ReadonlyMap<string, Entry>,
  batches: readonly Batch[],
  keys: Readonly<Record<string, Signer>>,
  twist: StoryLogTwist,
): Promise<LoggedStory> {
  const hashes: Uint8Array[] = []
  const order: string[] = []
  const receipts = new Map<string, Receipt>()
  const partitions = new Map<string, { seq: bigint; previous: Uint8Array }>()
  for (const [at, { names, atMs, others = 0, anew = [] }] of batches.entries()) {
    for (let i = 0; i < others; i++) hashes.push(sha256(utf8(`other ${at} ${i}`)))
    const fresh = names.map((name) => {
      const entry = entries.get(name)
      if (entry === undefined) throw new RangeError(`Cannot log ${name}: the story has no such entry`)
      const addendumOf = (twist.leaf?.(name, entry) ?? entry) as Entry
      const { addendum: opened, ...rest } = addendumOf
      const addendum = opened && encode(Addendum, opened)
      const place = partitions.get(toHex(rest.partition)) ?? { seq: 1n, previous: new Uint8Array(32) }
      const { kind, subject, partition, attempt = 0, commitment } = rest
      const addendumDigest = addendum && sha256(addendum)
      const leaf = encodeLeaf({ kind, subject, partition, attempt, commitment, addendumDigest, timeMs: atMs, ...place })
      const hash = hashLeaf(leaf)
      partitions.set(toHex(partition), { seq: place.seq + 1n, previous: hash })
      order.push(name)
      return { name, leaf, addendum, index: hashes.push(hash) - 1 }
    })
    const checkpoint = await signHead(hashes, at, atMs, keys, twist)
    for (const { name, leaf, addendum, index } of fresh) {
      const path = proveInclusion(hashes, index)
      receipts.set(name, { leaf, addendum, index: index === 0 ? undefined : BigInt(index), path, checkpoint })
    }
    for (const name of anew) {
      const receipt = receipts.get(name) as Receipt
      receipts.set(name, { ...receipt, path: proveInclusion(hashes, Number(receipt.index ?? 0n)), checkpoint })
    }
  }
  return { order, receipts }
}

async function signHead(
  hashes: readonly Uint8Array[],
  batch: number,
  atMs: number,
  keys: Readonly<Record<string, Signer>>,
  { cosigners, cosignedAt, logSigner }: StoryLogTwist,
): Promise<Uint8Array> {
  const named = (keyName: string, name: string) => ({ ...(keys[name] as Signer), keyName, sign: keys[name]!.sign })
  const head = { origin: ORIGIN, treeSize: BigInt(hashes.length), rootHash: computeRoot(hashes) }
  const note = await signNote(encodeCheckpoint(head), named(ORIGIN, logSigner?.(batch) ?? 'log'))
  const { text, signatures } = parseNote(note)
  const usual = BigInt(Math.floor(atMs / 1_000) + 1)
  const time = cosignedAt?.(batch, usual) ?? usual
  const lines = (cosigners?.(batch) ?? EVERYONE).map((name) =>
    signCosignature(text, named(`${name}.story.test`, name), time),
  )
  return encodeNote({ text, signatures: [...signatures, ...(await Promise.all(lines))] })
}
