/**
 * Body of `add-checkpoint` ({@link https://c2sp.org/tlog-witness C2SP tlog-witness}).
 *
 * @module
 */
import { concat, fromBase64, fromUtf8, toBase64, utf8 } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { parseDecimal } from '@mystranet/sdk/proof/checkpoint'
import { HASH_BYTES, type Hash } from '@mystranet/sdk/proof/merkle'

/** Hashes that a request may carry. */
export const MAX_CONSISTENCY_HASHES = 63

export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last. */
  readonly oldSize: bigint
  /** Consistency proof from it. */
  readonly path: readonly Hash[]
  /** The checkpoint, byte for byte. */
  readonly note: Uint8Array
}

/**
 * Reads a request; the note stays bytes.
 *
 * @throws {PacketError} `NOTE_MALFORMED`.
 */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  const blank = findBlankLine(body)
  const [old, ...hashes] = decodeLines(body.subarray(0, blank))
  const oldSize = old?.startsWith('old ') ? parseDecimal(old.slice(4)) : undefined
  if (oldSize === undefined) throw malformed('its first line is not “old decimal”')
  if (hashes.length > MAX_CONSISTENCY_HASHES)
    throw malformed(`${hashes.length} hashes, wanted at most ${MAX_CONSISTENCY_HASHES}`)
  const path = hashes.map((line) => {
    const hash = fromBase64(line)
    if (hash?.length !== HASH_BYTES) throw malformed('a proof line is not the canonical base64 of 32 bytes')
    return hash
  })
  return { oldSize, path, note: body.slice(blank + 2) }
}

/** The inverse of {@link parseAddCheckpoint}. */
export function encodeAddCheckpoint({ oldSize, path, note }: AddCheckpoint): Uint8Array {
  return concat(utf8(`${[`old ${oldSize}`, ...path.map(toBase64)].join('\n')}\n\n`), note)
}

function findBlankLine(body: Uint8Array): number {
  for (let at = 0; at + 1 < body.length; at++) if (body[at] === 0x0a && body[at + 1] === 0x0a) return at
  throw malformed('no blank line before the checkpoint')
}

function decodeLines(bytes: Uint8Array): string[] {
  try {
    return fromUtf8(bytes).split('\n')
  } catch (cause) {
    throw malformed('it is not UTF-8', { cause })
  }
}

const malformed = (reason: string, options?: ErrorOptions) =>
  new PacketError('NOTE_MALFORMED', `Cannot read the request: ${reason}`, options)
