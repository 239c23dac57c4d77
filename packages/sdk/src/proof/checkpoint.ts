/**
 * Checkpoints: signed size and root of the log
 * ({@link https://c2sp.org/tlog-checkpoint C2SP tlog-checkpoint}), without extension lines.
 *
 * @module
 */
import { equalBytes, fromBase64, toBase64 } from '../bytes.ts'
import { isPacketError, PacketError } from '../errors.ts'
import { verifyCosignature } from './cosignature.ts'
import { EMPTY_ROOT, HASH_BYTES, type TreeHead } from './merkle.ts'
import { isSignedBy, type NoteKey, type NoteSignature, parseNote, type SignedNote, verifyNote } from './note.ts'
import { holdsIndependently, holdsQuorum, type Policy, type PolicyWitness } from './policy.ts'
import { settled } from './settled.ts'

const MAX_TREE_SIZE = (1n << 63n) - 1n

/** What the text of a checkpoint says. */
export interface Checkpoint extends TreeHead {
  /** Name of the log. */
  readonly origin: string
}

/** Under what a checkpoint is trusted; comes out of band. */
export interface CheckpointTrust {
  /** Logs, witnesses and quorum. */
  readonly policy: Policy
  /** Who runs which witness, by its name in the policy: witnesses of one operator count once. */
  readonly operators?: ReadonlyMap<string, string>
}

/** One witness that signed, by its name in the policy. */
export interface Cosigner {
  readonly witness: string
  readonly keyName: string
  /** Seconds since 1970, as the witness says. */
  readonly timeSeconds: bigint
  /** Who runs it, when the trust says so. */
  readonly operator: string | undefined
}

/** A checkpoint whose log signature and witness quorum hold. Only {@link verifyCheckpoint} makes one. */
export interface VerifiedCheckpoint extends Checkpoint {
  /** The note's bytes, copied. */
  readonly note: Uint8Array
  /** The log's key that signed it. */
  readonly logKey: NoteKey
  /** Every known witness that cosigned, also beyond the quorum, in the policy's order. */
  readonly cosigners: readonly Cosigner[]
  /** Whether the quorum also holds with one witness per operator; undefined when the trust names no operators. */
  readonly independent: boolean | undefined
  readonly __brand: 'VerifiedCheckpoint'
}

/**
 * Reads the text of a checkpoint.
 *
 * @throws {PacketError} `NOTE_MALFORMED`, also for extension lines, for a size above 2^63 − 1 and for size 0 with
 *   another root than the empty one.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  if (lines.length > 4) throw malformed('it has extension lines')
  const [origin, size, root, end] = lines as [string, string, string, string | undefined]
  if (end !== '') throw malformed('it does not have three lines')
  if (origin === '') throw malformed('its origin is empty')
  const treeSize = parseDecimal(size)
  if (treeSize === undefined || treeSize > MAX_TREE_SIZE) throw malformed('its size is not a decimal below 2^63')
  const rootHash = fromBase64(root)
  if (rootHash === undefined) throw malformed('its root is not canonical base64')
  if (rootHash.length !== HASH_BYTES) throw malformed(`its root has ${rootHash.length} bytes, wanted ${HASH_BYTES}`)
  if (treeSize === 0n && !equalBytes(rootHash, EMPTY_ROOT))
    throw malformed('size 0 has another root than the empty one')
  return { origin, treeSize, rootHash }
}

/** The text of a checkpoint; the inverse of {@link parseCheckpoint}. @throws RangeError when it would not parse. */
export function encodeCheckpoint({ origin, treeSize, rootHash }: Checkpoint): string {
  const text = `${origin}\n${treeSize}\n${toBase64(rootHash)}\n`
  try {
    parseCheckpoint(text)
  } catch (cause) {
    throw new RangeError('Cannot encode the checkpoint: it would not parse', { cause })
  }
  return text
}

/** A decimal without leading zeros or sign, or undefined. At most 20 digits: no wire integer has more. */
export function parseDecimal(text: string): bigint | undefined {
  return /^(0|[1-9][0-9]{0,19})$/.test(text) ? BigInt(text) : undefined
}

/**
 * Verifies a checkpoint: the log's signature, each known witness's cosignature, and the quorum of the policy. Unknown
 * signatures are ignored; a known one that fails condemns the note. Costs one Ed25519 verification for each.
 *
 * @param note As received.
 * @throws {PacketError} `NOTE_MALFORMED` when it cannot be read; `CHECKPOINT_UNTRUSTED` when the log is unknown, a known
 *   signature fails or the quorum is missed.
 */
export async function verifyCheckpoint(note: Uint8Array, trust: CheckpointTrust): Promise<VerifiedCheckpoint> {
  const bytes = note.slice()
  const signed = parseNote(bytes)
  const checkpoint = parseCheckpoint(signed.text)
  const log = verifyLogSignature(signed, checkpoint.origin, trust.policy)
  const witnessed = trust.policy.witnesses.flatMap((witness) => {
    const line = signed.signatures.find((candidate) => isSignedBy(candidate, witness.key))
    return line ? [cosignerOf(signed.text, line, witness, trust)] : []
  })
  await settled<unknown>([log, ...witnessed])
  const [logKey, cosigners] = [await log, await Promise.all(witnessed)]
  const names = cosigners.map(({ witness }) => witness)
  if (!holdsQuorum(trust.policy, names)) {
    throw untrusted(`${names.length} of ${trust.policy.witnesses.length} witnesses cosigned, which is no quorum`)
  }
  const independent = trust.operators && holdsIndependently(trust.policy, names, trust.operators)
  const verified: Omit<VerifiedCheckpoint, '__brand'> = { ...checkpoint, note: bytes, logKey, cosigners, independent }
  return verified as VerifiedCheckpoint
}

/**
 * Whether the quorum had already cosigned at a moment: such as a key's `not_after`, or a freshness bound.
 *
 * @param atSeconds Seconds since 1970; cosignatures of this second count.
 */
export function heldQuorumAt(
  { cosigners }: VerifiedCheckpoint,
  { policy }: CheckpointTrust,
  atSeconds: bigint,
): boolean {
  return holdsQuorum(
    policy,
    cosigners.filter(({ timeSeconds }) => timeSeconds <= atSeconds).map(({ witness }) => witness),
  )
}

async function verifyLogSignature(signed: SignedNote, origin: string, policy: Policy): Promise<NoteKey> {
  const keys = policy.logs.map(({ key }) => key).filter(({ keyName }) => keyName === origin)
  if (keys.length === 0) throw untrusted(`the policy knows no log ${JSON.stringify(origin)}`)
  try {
    const [key] = await verifyNote(signed, keys)
    return key as NoteKey
  } catch (cause) {
    if (isPacketError(cause)) throw untrusted(cause.message, { cause })
    throw cause
  }
}

async function cosignerOf(
  text: string,
  line: NoteSignature,
  { name, key }: PolicyWitness,
  trust: CheckpointTrust,
): Promise<Cosigner> {
  const timeSeconds = await verifyCosignature(text, line, key)
  return { witness: name, keyName: key.keyName, timeSeconds, operator: trust.operators?.get(name) }
}

const malformed = (reason: string) => new PacketError('NOTE_MALFORMED', `Cannot read the checkpoint: ${reason}`)

const untrusted = (reason: string, options?: ErrorOptions) =>
  new PacketError('CHECKPOINT_UNTRUSTED', `Cannot trust the checkpoint: ${reason}`, options)
