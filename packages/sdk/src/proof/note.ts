/**
 * Signed notes: a text, a blank line, and signature lines ({@link https://c2sp.org/signed-note C2SP signed-note}).
 *
 * @module
 */
import { MAX_NOTE_BYTES } from '@mystranet/schemas/limits'
import { sha256, verifyEd25519 } from '#primitives'
import { concat, fromBase64, fromUtf8, toBase64, u32be, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'

/** Signature type of a log's own Ed25519 signature. */
export const ED25519_TYPE = 0x01
/** Signature type of a witness's timestamped Ed25519 cosignature. */
export const COSIGNATURE_TYPE = 0x04

export type KeyType = typeof ED25519_TYPE | typeof COSIGNATURE_TYPE

/** One signature line. Nothing about it is verified. */
export interface NoteSignature {
  readonly keyName: string
  /** First four bytes of the key's hash, as an unsigned number: a label, not a proof. */
  readonly keyId: number
  /** What follows the key id: 64 bytes for a log's key, 8 of time and 64 for a witness's. */
  readonly signature: Uint8Array
}

export interface SignedNote {
  /** With its final newline, without the blank line. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A public key with its name, as a vkey spells it. */
export interface NoteKey {
  readonly keyName: string
  readonly keyId: number
  readonly type: KeyType
  /** 32 bytes. */
  readonly publicKey: Uint8Array
}

/** Who signs a note. `sign` gets the exact message and returns 64 bytes of Ed25519. */
export interface NoteSigner {
  readonly keyName: string
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/**
 * Reads a note. No signature is verified: see `verifyNote`.
 *
 * @param bytes As received, at most `MAX_NOTE_BYTES`.
 * @throws {PacketError} `NOTE_MALFORMED`.
 */
export function parseNote(bytes: Uint8Array): SignedNote {
  if (bytes.length > MAX_NOTE_BYTES) throw malformed(`${bytes.length} bytes, wanted at most ${MAX_NOTE_BYTES}`)
  const whole = decodeText(bytes)
  // The text may hold empty lines of its own, so the signatures begin after the last one.
  const split = whole.lastIndexOf('\n\n')
  if (split < 0) throw malformed('no blank line before the signatures')
  return { text: whole.slice(0, split + 1), signatures: parseSignatureLines(whole.slice(split + 2)) }
}

/** The bytes of a note; the inverse of {@link parseNote}. */
export function encodeNote({ text, signatures }: SignedNote): Uint8Array {
  if (!text.endsWith('\n')) throw new RangeError('Cannot encode a note: the text lacks its final newline')
  return utf8(`${text}\n${signatures.map(encodeSignatureLine).join('')}`)
}

/**
 * Reads signature lines alone, as a witness answers with them.
 *
 * @throws {PacketError} `NOTE_MALFORMED` when a line is not one, when one key signed twice, or when there is none.
 */
export function parseSignatureLines(text: string): NoteSignature[] {
  if (!text.endsWith('\n')) throw malformed('the last signature line lacks its newline')
  const signatures = text.slice(0, -1).split('\n').map(parseSignatureLine)
  const keys = new Set(signatures.map(({ keyName, keyId }) => `${keyId} ${keyName}`))
  if (keys.size !== signatures.length) throw malformed('two signature lines of one key')
  return signatures
}

/** One signature line, with its newline. */
export function encodeSignatureLine({ keyName, keyId, signature }: NoteSignature): string {
  if (!isKeyName(keyName)) throw new RangeError(`Cannot encode a signature line: key name ${JSON.stringify(keyName)}`)
  return `— ${keyName} ${toBase64(concat(u32be(keyId), signature))}\n`
}

function parseSignatureLine(line: string): NoteSignature {
  const parts = line.match(/^— ([^ ]+) ([^ ]+)$/)
  if (parts === null) throw malformed('a signature line is not “— name base64”')
  const [, keyName, encoded] = parts as readonly string[] as [string, string, string]
  if (!isKeyName(keyName)) throw malformed('a key name holds a space or a plus')
  const blob = fromBase64(encoded)
  if (blob === undefined) throw malformed('a signature is not canonical base64')
  if (blob.length <= 4) throw malformed(`a signature of ${blob.length} bytes, wanted more than 4`)
  return { keyName, keyId: readKeyId(blob), signature: blob.subarray(4) }
}

/**
 * Adds a log's Ed25519 signature to a text.
 *
 * @param text With its final newline.
 * @returns The whole note.
 */
export async function signNote(text: string, signer: NoteSigner): Promise<Uint8Array> {
  const signature = await signer.sign(utf8(text))
  const keyId = computeKeyId(signer.keyName, ED25519_TYPE, signer.publicKey)
  return encodeNote({ text, signatures: [{ keyName: signer.keyName, keyId, signature }] })
}

/**
 * Verifies every signature of a known key of type 0x01. Signatures of unknown keys are ignored, as the spec demands;
 * one of a known key that does not verify condemns the whole note.
 *
 * @returns The known keys that signed, at least one.
 * @throws {PacketError} `SIGNATURE_INVALID` when a known key's signature fails or no known key signed.
 */
export async function verifyNote(note: SignedNote, known: readonly NoteKey[]): Promise<NoteKey[]> {
  const message = utf8(note.text)
  const signers: NoteKey[] = []
  for (const line of note.signatures) {
    const key = known.find((candidate) => candidate.type === ED25519_TYPE && isSignedBy(line, candidate))
    if (key === undefined) continue
    if (!(await verifyEd25519(key.publicKey, message, line.signature)))
      throw untrusted(`the signature of ${key.keyName} does not verify`)
    signers.push(key)
  }
  if (signers.length === 0) throw untrusted('no known key signed it')
  return signers
}

/** Whether a line claims to be of this key. Name and id must both match; only verifying proves it. */
export function isSignedBy(line: NoteSignature, key: NoteKey): boolean {
  return line.keyName === key.keyName && line.keyId === key.keyId
}

/** SHA-256(name ‖ 0A ‖ type ‖ public key), its first four bytes. */
export function computeKeyId(keyName: string, type: KeyType, publicKey: Uint8Array): number {
  return readKeyId(sha256(concat(utf8(keyName), Uint8Array.of(0x0a, type), publicKey)))
}

/** @throws RangeError when the name cannot stand in a signature line or the key is not 32 bytes. */
export function createNoteKey(keyName: string, type: KeyType, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(keyName))
    throw new RangeError(`Cannot name a key ${JSON.stringify(keyName)}: it holds a space or a plus`)
  if (publicKey.length !== 32) throw new RangeError(`Cannot name a key: ${publicKey.length} bytes, wanted 32`)
  return { keyName, type, publicKey, keyId: computeKeyId(keyName, type, publicKey) }
}

/** `name+id+base64(type ‖ key)`. */
export function encodeVkey({ keyName, keyId, type, publicKey }: NoteKey): string {
  const id = keyId.toString(16).padStart(8, '0')
  return `${keyName}+${id}+${toBase64(concat(Uint8Array.of(type), publicKey))}`
}

/**
 * Reads a vkey; the inverse of {@link encodeVkey}.
 *
 * @throws {PacketError} `NOTE_MALFORMED`, also when the id is not the key's or the type is none of ours.
 */
export function parseVkey(text: string): NoteKey {
  // The name cannot hold a plus, base64 can: so only the first two separate.
  const parts = text.match(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/s)
  if (parts === null) throw badKey('it is not “name+id+base64”')
  const [, keyName, id, encoded] = parts as readonly string[] as [string, string, string, string]
  if (!isKeyName(keyName)) throw badKey('its name holds a space')
  const blob = fromBase64(encoded)
  if (blob === undefined) throw badKey('it is not canonical base64')
  const type = blob[0]
  if (type !== ED25519_TYPE && type !== COSIGNATURE_TYPE) throw badKey(`type ${type}, wanted 1 or 4`)
  if (blob.length !== 33) throw badKey(`${blob.length - 1} bytes, wanted 32`)
  const publicKey = blob.slice(1)
  const keyId = computeKeyId(keyName, type, publicKey)
  if (keyId !== Number.parseInt(id, 16)) throw badKey('its id is not the hash of its name and key')
  return { keyName, type, publicKey, keyId }
}

function decodeText(bytes: Uint8Array): string {
  let text: string
  try {
    text = fromUtf8(bytes)
  } catch (cause) {
    throw malformed('it is not UTF-8', { cause })
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw malformed('it holds a control character')
  return text
}

const isKeyName = (name: string) => name.length > 0 && !/[\p{White_Space}+]/u.test(name)

const readKeyId = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)

const malformed = (reason: string, options?: ErrorOptions) =>
  new PacketError('NOTE_MALFORMED', `Cannot read the note: ${reason}`, options)

const badKey = (reason: string) => new PacketError('NOTE_MALFORMED', `Cannot read the vkey: ${reason}`)

const untrusted = (reason: string) => new PacketError('SIGNATURE_INVALID', `Cannot trust the note: ${reason}`)
