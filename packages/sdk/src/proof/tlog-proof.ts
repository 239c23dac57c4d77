/**
 * Receipts as files: a leaf's place, its path, and the checkpoint
 * ({@link https://c2sp.org/tlog-proof C2SP tlog-proof}).
 *
 * @module
 */
import { MAX_RECEIPT_BYTES } from '@mystranet/schemas/limits'
import { concat, fromBase64, fromUtf8, toBase64, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { type CheckpointTrust, parseDecimal, verifyCheckpoint } from './checkpoint.ts'
import { type LoggedLeaf, verifyInclusion } from './inclusion.ts'
import { HASH_BYTES, type Hash, hashLeaf } from './merkle.ts'

const VERSION = 'c2sp.org/tlog-proof@v1'
/** A tree of 2^63 − 1 leaves is 63 levels deep. */
export const MAX_PATH_HASHES = 63

/** What a `.tlog-proof` file holds. Nothing in it is verified. */
export interface TlogProof {
  /** Not authenticated by itself. In ours: the leaf's bytes, which the proof then authenticates. */
  readonly extra?: Uint8Array
  readonly leafIndex: bigint
  readonly path: readonly Hash[]
  /** The checkpoint with its signatures, byte for byte. */
  readonly note: Uint8Array
}

/**
 * Reads a `.tlog-proof` file. The checkpoint stays bytes.
 *
 * @param bytes As received, at most `MAX_RECEIPT_BYTES`.
 * @throws {PacketError} `NOTE_MALFORMED`.
 */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > MAX_RECEIPT_BYTES) throw malformed(`${bytes.length} bytes, wanted at most ${MAX_RECEIPT_BYTES}`)
  const blank = findBlankLine(bytes)
  const lines = decodeHead(bytes.subarray(0, blank)).split('\n')
  if (lines.shift() !== VERSION) throw malformed(`its first line is not ${VERSION}`)
  const extra = lines[0]?.startsWith('extra ') ? readBase64(lines.shift()?.slice(6) as string, 'extra') : undefined
  const index = lines.shift()
  const leafIndex = index?.startsWith('index ') ? parseDecimal(index.slice(6)) : undefined
  if (leafIndex === undefined || leafIndex >= 1n << 63n) throw malformed('its index line is not “index decimal”')
  if (lines.length > MAX_PATH_HASHES) throw malformed(`${lines.length} hashes, wanted at most ${MAX_PATH_HASHES}`)
  const path = lines.map(readHash)
  const note = bytes.slice(blank + 2)
  return extra === undefined ? { leafIndex, path, note } : { extra, leafIndex, path, note }
}

/** The bytes of a `.tlog-proof` file; the inverse of {@link parseTlogProof}. @throws RangeError when it would not parse. */
export function encodeTlogProof({ extra, leafIndex, path, note }: TlogProof): Uint8Array {
  const lines = [
    VERSION,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${leafIndex}`,
    ...path.map(toBase64),
  ]
  const bytes = concat(utf8(`${lines.join('\n')}\n\n`), note)
  try {
    parseTlogProof(bytes)
  } catch (cause) {
    throw new RangeError('Cannot encode the proof: it would not parse', { cause })
  }
  return bytes
}

/**
 * Verifies a receipt from end to end: checkpoint, quorum, and the leaf's place.
 *
 * @param leaf The leaf's bytes. They come from `extra`, or from the verifier's own data.
 * @throws {PacketError} as `verifyCheckpoint` and `verifyInclusion`.
 */
export async function verifyTlogProof(proof: TlogProof, leaf: Uint8Array, trust: CheckpointTrust): Promise<LoggedLeaf> {
  const checkpoint = await verifyCheckpoint(proof.note, trust)
  return verifyInclusion(hashLeaf(leaf), proof, checkpoint)
}

function findBlankLine(bytes: Uint8Array): number {
  for (let at = 0; at + 1 < bytes.length; at++) if (bytes[at] === 0x0a && bytes[at + 1] === 0x0a) return at
  throw malformed('no blank line before the checkpoint')
}

function decodeHead(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch (cause) {
    throw malformed('it is not UTF-8', { cause })
  }
}

function readBase64(text: string, what: string): Uint8Array {
  const bytes = fromBase64(text)
  if (bytes === undefined) throw malformed(`${what} is not canonical base64`)
  return bytes
}

function readHash(line: string): Hash {
  const hash = readBase64(line, 'a hash')
  if (hash.length !== HASH_BYTES) throw malformed(`a hash of ${hash.length} bytes, wanted ${HASH_BYTES}`)
  return hash
}

const malformed = (reason: string, options?: ErrorOptions) =>
  new PacketError('NOTE_MALFORMED', `Cannot read the proof: ${reason}`, options)
