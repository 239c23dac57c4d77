/**
 * Receipts: proof, without a network, that a leaf is in the log, and when witnesses had seen it (docs/protocol.md §10).
 *
 * @module
 */
import { MAX_RECEIPT_BYTES } from '@mystranet/schemas/limits'
import { Addendum, encode, Receipt, type SchemaError } from '@mystranet/schemas/messages'
import { sha256 } from '#primitives'
import { type Bytes, concat, equalBytes, u16be } from '../bytes.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import { type CheckpointTrust, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { type LoggedLeaf, verifyInclusion } from './inclusion.ts'
import { type Leaf, type LeafKind, parseLeaf } from './leaf.ts'
import { hashLeaf } from './merkle.ts'
import { holdsQuorum, type Policy } from './policy.ts'
import { encodeTlogProof, parseTlogProof } from './tlog-proof.ts'

export type { Addendum, Receipt } from '@mystranet/schemas/messages'

/** A leaf that is proven to be in the log, opened. Only {@link verifyReceipt} makes one. */
export interface VerifiedReceipt extends LoggedLeaf {
  readonly leaf: Leaf
  /** What the leaf's digest stands for; undefined when the leaf has none. */
  readonly addendum: Addendum | undefined
  /** {@link positionOf} the leaf: what order is compared by. */
  readonly position: bigint
  /**
   * The least time at which cosignatures satisfied the policy, in milliseconds; the leaf's own time when the policy asks
   * for none. Of the checkpoint in the receipt: a later checkpoint than the first over the leaf gives a later time.
   */
  readonly quorumTimeMs: number
}

/** Verifies a checkpoint's note; see {@link rememberCheckpoints}. */
export type CheckpointVerifier = (note: Uint8Array) => Promise<VerifiedCheckpoint>

/** @throws {PacketError} `PROOF_INVALID` for bytes that are not the canonical encoding of a receipt. */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_RECEIPT_BYTES) {
    throw invalid(`${bytes.length} bytes, wanted at most ${MAX_RECEIPT_BYTES}`)
  }
  return read(Receipt, bytes, 'PROOF_INVALID')
}

/** The inverse of {@link parseReceipt}. */
export const encodeReceipt = (receipt: Receipt): Bytes => encode(Receipt, receipt)

/**
 * Verifies checkpoints and remembers those that held, by their exact bytes: receipts that share one cost one.
 * Keeps them for as long as the function lives, so make one for each piece of work.
 */
export function rememberCheckpoints(trust: CheckpointTrust): CheckpointVerifier {
  const known: { readonly note: Uint8Array; readonly checkpoint: Promise<VerifiedCheckpoint> }[] = []
  return (note) => {
    const found = known.find((each) => equalBytes(each.note, note))
    if (found) return found.checkpoint
    const checkpoint = verifyCheckpoint(note, trust)
    known.push({ note: note.slice(), checkpoint })
    return checkpoint
  }
}

/** A receipt read, its addendum opened. Nothing is proven yet. */
export interface OpenedReceipt {
  readonly leaf: Leaf
  readonly addendum: Addendum | undefined
}

/**
 * Reads a receipt's leaf, and its addendum against the digest in the leaf.
 *
 * @throws {PacketError} `LEAF_MISMATCH`
 */
export function openReceipt(receipt: Receipt): OpenedReceipt {
  const leaf = parseLeaf(receipt.leaf)
  if (receipt.addendum === undefined) {
    if (leaf.addendumDigest !== undefined) throw mismatch('its addendum is absent')
    return { leaf, addendum: undefined }
  }
  if (leaf.addendumDigest === undefined) throw mismatch('an addendum that its leaf does not name')
  if (!equalBytes(sha256(receipt.addendum), leaf.addendumDigest))
    throw mismatch('its addendum is not the one of its leaf')
  return { leaf, addendum: read(Addendum, receipt.addendum, 'LEAF_MISMATCH') }
}

/**
 * Verifies a receipt from end to end: leaf, addendum, checkpoint, quorum, and the leaf's place. Costs one signature for
 * the log and for each known witness, and one hash a level of the tree.
 *
 * @param receipt As received, or its exact bytes.
 * @param checkpoints Shares checkpoints with other receipts of the same piece of work.
 * @throws {PacketError} `PROOF_INVALID`, `LEAF_MISMATCH`, `NOTE_MALFORMED` or `CHECKPOINT_UNTRUSTED`.
 */
export async function verifyReceipt(
  receipt: Receipt | Uint8Array,
  trust: CheckpointTrust,
  checkpoints: CheckpointVerifier = rememberCheckpoints(trust),
): Promise<VerifiedReceipt> {
  const parsed = receipt instanceof Uint8Array ? parseReceipt(receipt) : receipt
  const opened = openReceipt(parsed)
  const checkpoint = await checkpoints(parsed.checkpoint)
  const logged = verifyInclusion(
    hashLeaf(parsed.leaf),
    { leafIndex: parsed.index ?? 0n, path: parsed.path },
    checkpoint,
  )
  const quorumTimeMs = quorumTime(checkpoint, trust.policy) ?? opened.leaf.timeMs
  return { ...logged, ...opened, quorumTimeMs, position: positionOf(logged, trust.policy) }
}

/**
 * Where a leaf stands among all leaves of a network: (place of its log among the `log` lines of the policy, index) as
 * one number, which is the index itself in the first log.
 */
export function positionOf({ leafIndex, checkpoint }: LoggedLeaf, { logs }: Policy): bigint {
  const { keyName, publicKey } = checkpoint.logKey
  const place = logs.findIndex(({ key }) => key.keyName === keyName && equalBytes(key.publicKey, publicKey))
  return (BigInt(place) << 64n) + leafIndex
}

/** Above every position: for what has no leaf yet. */
export const END_OF_LOG = 1n << 96n

/**
 * The least time at which a checkpoint's cosignatures satisfy a policy, in milliseconds; undefined when the policy asks
 * for none.
 */
export function quorumTime({ cosigners }: VerifiedCheckpoint, policy: Policy): number | undefined {
  if (policy.quorum === 'none') return undefined
  const inTime = cosigners.toSorted((a, b) => (a.timeSeconds < b.timeSeconds ? -1 : 1))
  const names: string[] = []
  for (const { witness, timeSeconds } of inTime) {
    names.push(witness)
    if (holdsQuorum(policy, names)) return Number(timeSeconds) * 1_000
  }
  return Number.POSITIVE_INFINITY
}

/** What a leaf must say to be about a thing. */
export interface LeafClaim {
  readonly kind: LeafKind
  /** Packet id or document digest. */
  readonly subject: Uint8Array
  readonly partition: Uint8Array
  readonly attempt?: number | undefined
  readonly commitment?: Uint8Array | undefined
}

/**
 * Holds a leaf to what it must say.
 *
 * @throws {PacketError} `LEAF_MISMATCH`, naming the field.
 */
export function checkLeaf(leaf: Leaf, claim: LeafClaim): void {
  if (leaf.kind !== claim.kind) throw mismatch(`a leaf of kind ${leaf.kind}, wanted ${claim.kind}`)
  if (!equalBytes(leaf.subject, claim.subject)) throw mismatch('its leaf is about another subject')
  if (!equalBytes(leaf.partition, claim.partition)) throw mismatch('its leaf is in another partition')
  if (leaf.attempt !== (claim.attempt ?? 0)) {
    throw mismatch(`its leaf names attempt ${leaf.attempt}, wanted ${claim.attempt ?? 0}`)
  }
  const { commitment } = leaf
  const same =
    commitment && claim.commitment ? equalBytes(commitment, claim.commitment) : commitment === claim.commitment
  if (!same) throw mismatch('its leaf has another commitment')
}

/** A receipt as a `.tlog-proof` file, which programs written by others can check. */
export function exportReceipt({ leaf, addendum, index, path, checkpoint }: Receipt): Uint8Array {
  const extra = concat(u16be(leaf.length), leaf, addendum ?? new Uint8Array(0))
  return encodeTlogProof({ extra, leafIndex: index ?? 0n, path, note: checkpoint })
}

/**
 * Inverse of {@link exportReceipt}. Nothing is verified.
 *
 * @throws {PacketError} `NOTE_MALFORMED` or `PROOF_INVALID`.
 */
export function importReceipt(file: Uint8Array): Receipt {
  const { extra = new Uint8Array(0), leafIndex, path, note } = parseTlogProof(file)
  const end = 2 + ((extra[0] ?? 0) << 8) + (extra[1] ?? 0)
  if (extra.length < end) throw invalid('its extra line does not hold a leaf')
  const leaf = extra.slice(2, end)
  const addendum = extra.length > end ? extra.slice(end) : undefined
  const receipt: Receipt = { leaf, addendum, index: leafIndex === 0n ? undefined : leafIndex, path, checkpoint: note }
  try {
    encode(Receipt, receipt)
  } catch (cause) {
    throw invalid((cause as SchemaError).message, { cause })
  }
  return receipt
}

const invalid = (why: string, options?: ErrorOptions) =>
  new PacketError('PROOF_INVALID', `Cannot take the receipt: ${why}`, options)
const mismatch = (why: string) => new PacketError('LEAF_MISMATCH', `Cannot take the receipt: ${why}`)
