/**
 * A witness's statement that a checkpoint is consistent with all it saw before
 * ({@link https://c2sp.org/tlog-cosignature C2SP tlog-cosignature}, Ed25519, `cosignature/v1`).
 *
 * @module
 */
import { verifyEd25519 } from '#primitives'
import { concat, u64be, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import {
  COSIGNATURE_TYPE,
  computeKeyId,
  isSignedBy,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
} from './note.ts'

const MAX_TIME = (1n << 63n) - 1n

/** The bytes that a witness signs. `timeSeconds` is POSIX time; `text` is the note's, with its final newline. */
export function cosignatureMessage(text: string, timeSeconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`)
}

/**
 * Cosigns a checkpoint's text. The witness must have checked consistency and kept its state before.
 *
 * @throws RangeError when the time is negative or above 2^63 − 1.
 */
export async function signCosignature(text: string, signer: NoteSigner, timeSeconds: bigint): Promise<NoteSignature> {
  if (timeSeconds < 0n || timeSeconds > MAX_TIME)
    throw new RangeError(`Cannot cosign: time ${timeSeconds} is out of range`)
  const signature = await signer.sign(cosignatureMessage(text, timeSeconds))
  return {
    keyName: signer.keyName,
    keyId: computeKeyId(signer.keyName, COSIGNATURE_TYPE, signer.publicKey),
    signature: concat(u64be(timeSeconds), signature),
  }
}

/**
 * Verifies one cosignature.
 *
 * @returns Its time in seconds since 1970.
 * @throws {PacketError} `CHECKPOINT_UNTRUSTED` when it is of another key, has the wrong length or does not verify.
 */
export async function verifyCosignature(text: string, line: NoteSignature, key: NoteKey): Promise<bigint> {
  if (key.type !== COSIGNATURE_TYPE || !isSignedBy(line, key)) throw untrusted(key, 'the line is of another key')
  if (line.signature.length !== 72) throw untrusted(key, `${line.signature.length} bytes, wanted 72`)
  const view = new DataView(line.signature.buffer, line.signature.byteOffset)
  const timeSeconds = view.getBigUint64(0)
  if (timeSeconds > MAX_TIME) throw untrusted(key, 'its time exceeds 2^63 − 1')
  const message = cosignatureMessage(text, timeSeconds)
  if (!(await verifyEd25519(key.publicKey, message, line.signature.subarray(8))))
    throw untrusted(key, 'it does not verify')
  return timeSeconds
}

const untrusted = (key: NoteKey, reason: string) =>
  new PacketError('CHECKPOINT_UNTRUSTED', `Cannot trust the cosignature of ${key.keyName}: ${reason}`)
