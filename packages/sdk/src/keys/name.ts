/**
 * Text forms of instance ids and of private seeds.
 *
 * @module
 */
import type { Bytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { encodeBech32, parseBech32, writeBech32 } from './bech32.ts'

const INSTANCE_PREFIX = 'weave'
const ID_BYTES = 32
const SEED_BYTES = 32

/** `weave1…`: 64 characters. @throws RangeError when the id is not 32 bytes. */
export function formatInstanceId(id: Uint8Array): string {
  if (id.length !== ID_BYTES)
    throw new RangeError(`Cannot write an instance id: ${id.length} bytes, wanted ${ID_BYTES}`)
  return writeBech32(INSTANCE_PREFIX, id)
}

/**
 * Inverse of {@link formatInstanceId}.
 *
 * @throws {PacketError} `FIELD_INVALID`, with the reason.
 */
export function parseInstanceId(text: string): Bytes {
  const parsed = parseBech32(text)
  if (typeof parsed === 'string') throw noInstance(parsed)
  const { prefix, bytes } = parsed
  if (prefix !== INSTANCE_PREFIX) throw noInstance(`the prefix "${prefix}", wanted "${INSTANCE_PREFIX}"`)
  if (bytes.length !== ID_BYTES) throw noInstance(`${bytes.length} bytes, wanted ${ID_BYTES}`)
  return bytes
}

/** What a seed is for. The name is part of its text form, so that a seed cannot be taken for one of another kind. */
export type SeedKind = 'root' | 'operational' | 'packet' | 'x25519' | 'x-wing'
export const SEED_KINDS: readonly SeedKind[] = ['root', 'operational', 'packet', 'x25519', 'x-wing']

const prefixOf = (kind: SeedKind) => `weave-${kind}-secret-`

export interface Seed {
  readonly kind: SeedKind
  /** 32 bytes. Secret. */
  readonly bytes: Bytes
}

/** `WEAVE-ROOT-SECRET-1…` and its like. @throws RangeError when the seed is not 32 bytes. */
export function formatSeed(seed: Seed): string {
  if (seed.bytes.length !== SEED_BYTES) {
    throw new RangeError(`Cannot write a ${seed.kind} seed: ${seed.bytes.length} bytes, wanted ${SEED_BYTES}`)
  }
  return encodeBech32(prefixOf(seed.kind), seed.bytes).toUpperCase()
}

/**
 * Inverse of {@link formatSeed}. Capitals only. The message never repeats the text.
 *
 * @throws {PacketError} `IDENTITY_FILE_INVALID`
 */
export function parseSeed(text: string): Seed {
  const parsed = parseBech32(text)
  if (typeof parsed === 'string') throw invalid(parsed)
  const kind = SEED_KINDS.find((each) => prefixOf(each) === parsed.prefix)
  if (kind === undefined) throw invalid(`an unknown prefix, wanted one of ${SEED_KINDS.map(prefixOf).join(' ')}`)
  if (text !== text.toUpperCase()) throw invalid('small letters, wanted capitals')
  if (parsed.bytes.length !== SEED_BYTES) throw invalid(`${parsed.bytes.length} bytes, wanted ${SEED_BYTES}`)
  return { kind, bytes: parsed.bytes }
}

const noInstance = (fault: string) => new PacketError('FIELD_INVALID', `Cannot read an instance id: it has ${fault}`)
const invalid = (fault: string) => new PacketError('IDENTITY_FILE_INVALID', `Cannot read a seed: it has ${fault}`)
