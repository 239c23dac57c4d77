/**
 * Saved answers (`.weave`): an answer with all that a third party needs to check it, offline and without any key.
 *
 * @module
 */
import { MAX_SAVED_ANSWER_BYTES } from '@mystranet/schemas/limits'
import { encode, SavedAnswer } from '@mystranet/schemas/messages'
import type { Bytes } from '../bytes.ts'
import { read } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'

export type { SavedAnswer } from '@mystranet/schemas/messages'

export const SAVED_ANSWER_VERSION = 1

/**
 * Reads a saved answer. Copies the bytes; nothing in it is verified: see `examine`.
 *
 * @param bytes As received, at most 16 MiB.
 * @throws {PacketError} `ANSWER_INVALID`
 */
export function parseSavedAnswer(bytes: Uint8Array): SavedAnswer {
  if (bytes.length > MAX_SAVED_ANSWER_BYTES) {
    throw invalid(`${bytes.length} bytes, wanted at most ${MAX_SAVED_ANSWER_BYTES}`)
  }
  const saved = read(SavedAnswer, bytes.slice(), 'ANSWER_INVALID')
  if (saved.version !== SAVED_ANSWER_VERSION) {
    throw invalid(`version ${saved.version}, wanted ${SAVED_ANSWER_VERSION}`)
  }
  return saved
}

/** The inverse of {@link parseSavedAnswer}. @throws RangeError when it would not parse. */
export function encodeSavedAnswer(saved: SavedAnswer): Bytes {
  try {
    const bytes = encode(SavedAnswer, saved)
    parseSavedAnswer(bytes)
    return bytes
  } catch (cause) {
    throw new RangeError('Cannot encode the saved answer: it would not parse', { cause })
  }
}

const invalid = (why: string) => new PacketError('ANSWER_INVALID', `Cannot read the saved answer: ${why}`)
