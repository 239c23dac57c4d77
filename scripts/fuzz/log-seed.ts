/**
 * A log of the fuzzer's own: checkpoints and receipts that are signed again after one thing in them was changed.
 *
 * @module
 */
import { encodeCheckpoint } from '../../packages/sdk/src/proof/checkpoint.ts'
import { signCosignature } from '../../packages/sdk/src/proof/cosignature.ts'
import { encodeLeaf, type Leaf, type LeafKind } from '../../packages/sdk/src/proof/leaf.ts'
import { computeRoot, hashLeaf } from '../../packages/sdk/src/proof/merkle.ts'
import { encodeNote, type NoteSignature, parseNote, signNote } from '../../packages/sdk/src/proof/note.ts'
import type { Policy } from '../../packages/sdk/src/proof/policy.ts'
import { proveInclusion } from '../../packages/sdk/src/proof/prove.ts'
import type { Receipt } from '../../packages/sdk/src/proof/receipt.ts'
import { testSigner } from '../../packages/sdk/test/note-keys.ts'
import type { Random } from './random.ts'
import { createLedger } from './target.ts'

const log = testSigner('log.fuzz.test', 1)
const witnesses = [2, 3, 4].map((seed) => testSigner(`witness${seed}.fuzz.test`, seed))
const stranger = testSigner('log.fuzz.test', 9)

const policy: Policy = {
  logs: [{ key: log.logKey }],
  witnesses: witnesses.map(({ keyName, witnessKey }) => ({ name: keyName, key: witnessKey })),
  groups: [{ name: 'two', threshold: 2, members: witnesses.map(({ keyName }) => keyName) }],
  quorum: 'two',
}

export const fuzzTrust = { policy, operators: new Map([['witness2.fuzz.test', 'one']]) }

/** Texts of checkpoints that the log signed. */
export const signedTexts = createLedger()

const leaves = Array.from({ length: 9 }, (_, i) =>
  encodeLeaf({
    kind: (['request', 'attempt', 'ack'] satisfies LeafKind[])[i % 3] as LeafKind,
    timeMs: 1_780_000_000_000 + i,
    partition: new Uint8Array(32).fill(1),
    seq: BigInt(i + 1),
    previous: new Uint8Array(32).fill(i),
    subject: new Uint8Array(32).fill(i + 1),
    attempt: i % 2,
    commitment: i % 2 ? new Uint8Array(32).fill(5) : undefined,
  } satisfies Leaf),
)
const hashes = leaves.map(hashLeaf)

export interface NoteChange {
  readonly text?: (text: string) => string
  readonly by?: 'log' | 'stranger'
  readonly cosigners?: number
  readonly timeSeconds?: bigint
  readonly lines?: (lines: readonly NoteSignature[]) => readonly NoteSignature[]
}

export async function noteOf(change: NoteChange = {}): Promise<Uint8Array> {
  const { text: changed = (text) => text, by = 'log', cosigners = 3, timeSeconds = 1_780_000_001n, lines } = change
  const text = changed(encodeCheckpoint({ origin: log.keyName, treeSize: 9n, rootHash: computeRoot(hashes) }))
  if (by === 'log') signedTexts.note(Buffer.from(text))
  const note = parseNote(await signNote(text, by === 'log' ? log : stranger))
  const more = await Promise.all(witnesses.slice(0, cosigners).map((each) => signCosignature(text, each, timeSeconds)))
  const signatures = [...note.signatures, ...more]
  return encodeNote({ text, signatures: lines?.(signatures) ?? signatures })
}

/** Ways in which a checkpoint is signed, and still wrong. */
export const NOTE_CHANGES: readonly ((random: Random) => NoteChange)[] = [
  () => ({}),
  () => ({ by: 'stranger' }),
  (random) => ({ cosigners: random.below(2) }),
  (random) => ({ timeSeconds: random.pick([0n, 1n, (1n << 63n) - 1n]) }),
  (random) => ({
    text: (text) => text.replace(/\n9\n/, `\n${random.pick(['09', '-1', '9223372036854775808', '', '8'])}\n`),
  }),
  () => ({ text: (text) => `${text}an extension\n` }),
  () => ({ text: (text) => text.replace('log.fuzz.test', 'another.test') }),
  (random) => ({ lines: (lines) => lines.toReversed().slice(0, 1 + random.below(lines.length)) }),
  (random) => ({
    lines: (lines) => {
      const at = random.below(lines.length)
      const line = lines[at] as NoteSignature
      const length = random.pick([1, 63, 64, 71, 72, 73])
      return lines.with(at, { ...line, signature: random.bytes(length) })
    },
  }),
  (random) => ({
    lines: (lines) => [
      ...lines,
      { keyName: 'stranger.test', keyId: random.below(2 ** 31), signature: random.bytes(72) },
    ],
  }),
]

export async function receiptOf(index: number, change: NoteChange = {}): Promise<Receipt> {
  const leaf = leaves[index] as Uint8Array<ArrayBuffer>
  const path = proveInclusion(hashes, index) as Uint8Array<ArrayBuffer>[]
  return {
    leaf,
    index: index === 0 ? undefined : BigInt(index),
    path,
    checkpoint: (await noteOf(change)) as Uint8Array<ArrayBuffer>,
  }
}

/** Whether it is a leaf of the log, at its place. */
export const isLeaf = (leaf: Uint8Array, index: bigint): boolean => {
  const own = leaves[Number(index)]
  return own !== undefined && Buffer.compare(own, leaf) === 0
}
