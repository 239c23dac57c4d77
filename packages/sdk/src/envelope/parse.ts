/**
 * The gates that every packet passes before any cryptography: canonical bytes, known version, suite, kind and schema, the
 * fields of its kind (docs/protocol.md §3, §5 and §12). Nothing here touches state; nothing that it returns is authentic.
 *
 * @module
 */

import type { Code } from '@mystranet/schemas/codes'
import { CODE_RANGE, FIELD_PRESENCE, KINDS, type Kind, kindOf, misfit, OUTCOMES } from '@mystranet/schemas/kinds'
import {
  MAX_DELIVERY_BYTES,
  MAX_HEADER_BYTES,
  MAX_PACKET_BYTES,
  MAX_PADDED_BYTES,
  MAX_RECIPIENTS_BYTES,
} from '@mystranet/schemas/limits'
import {
  type BatchProof,
  decode,
  Header,
  HeaderCore,
  Packet,
  Recipients,
  SchemaError,
  type Table,
} from '@mystranet/schemas/messages'
import { SCHEMA_DIGEST_V1_HEX } from '@mystranet/schemas/schema-digest'
import { type Bytes, equalBytes, fromHex, toHex } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { packetId } from './hash.ts'
import { isBucket } from './padding.ts'

export const VERSION = 1
export const SUITES: readonly number[] = [1, 2]
const SCHEMA = fromHex(SCHEMA_DIGEST_V1_HEX)!

/** Exactly one of the two. */
export interface Origin {
  readonly signature?: Uint8Array | undefined
  readonly batch?: BatchProof | undefined
}

/** A header that is well formed. It may come from anybody. */
export interface ParsedHeader {
  /** The exact bytes that are signed. */
  readonly header: Uint8Array
  readonly id: Bytes
  readonly kind: Kind
  readonly core: HeaderCore
  readonly coreBytes: Uint8Array
  readonly recipientsHash: Uint8Array | undefined
  readonly ciphertextHash: Uint8Array | undefined
}

/** A packet that is well formed. Its parts may not belong together yet: `verifyOrigin` and `checkHashes` come next. */
export interface ParsedPacket extends ParsedHeader {
  readonly origin: Origin
  readonly recipients: Recipients | undefined
  readonly recipientsBytes: Uint8Array | undefined
  readonly ciphertext: Uint8Array | undefined
  /** The exact bytes of a Delivery, where a router added one. */
  readonly delivery: Uint8Array | undefined
}

/**
 * Reads a message from outside by the strict codec.
 *
 * @throws {PacketError} `code` for bytes that are not its canonical encoding.
 */
export function read<T>(table: Table<T>, bytes: Uint8Array, code: Code = 'DOCUMENT_MALFORMED'): T {
  try {
    return decode(table, bytes)
  } catch (error) {
    if (error instanceof SchemaError) throw new PacketError(code, error.message, { cause: error })
    throw error
  }
}

/**
 * Reads and gates a whole packet. Copies the input once, so that nobody can change it under the checks that follow.
 *
 * @param received Attacker-controlled.
 * @throws {PacketError} `PACKET_TOO_LARGE`, `HEADER_TOO_LARGE`, `PACKET_MALFORMED` and the codes of {@link parseHeader}.
 */
export function parsePacket(received: Uint8Array): ParsedPacket {
  if (received.length > MAX_PACKET_BYTES + MAX_DELIVERY_BYTES) throw tooLarge(received.length)
  const packet = read(Packet, received.slice(), 'PACKET_MALFORMED')
  const { recipients: recipientsBytes, ciphertext, signature, batch, delivery } = packet
  if (received.length - (delivery?.length ?? 0) > MAX_PACKET_BYTES) throw tooLarge(received.length)
  if (recipientsBytes && recipientsBytes.length > MAX_RECIPIENTS_BYTES) {
    throw new PacketError(
      'PACKET_TOO_LARGE',
      `Cannot take the packet: recipients of ${recipientsBytes.length} bytes, wanted at most ${MAX_RECIPIENTS_BYTES}`,
    )
  }
  if (!signature && !batch) throw malformed('neither a signature nor a batch proof')
  const parsed = parseHeader(packet.header)
  const { core } = parsed
  if ((recipientsBytes !== undefined) !== (parsed.recipientsHash !== undefined)) {
    throw field('recipients', 'stand without their hash, or the hash without them')
  }
  if ((ciphertext !== undefined) !== (parsed.ciphertextHash !== undefined)) {
    throw field('ciphertext', 'stands without its hash, or the hash without it')
  }
  if (ciphertext && ciphertext.length !== (core.paddedSize as number) + 16) {
    throw field('ciphertext', `has ${ciphertext.length} bytes, wanted padded_size + 16`)
  }
  const recipients = recipientsBytes && read(Recipients, recipientsBytes, 'PACKET_MALFORMED')
  if (recipients) checkRecipients(core, recipients)
  return { ...parsed, origin: { signature, batch }, recipients, recipientsBytes, ciphertext, delivery }
}

/**
 * Reads and gates a header.
 *
 * @throws {PacketError} `HEADER_TOO_LARGE`, `PACKET_MALFORMED`, `VERSION_UNKNOWN`, `SUITE_UNKNOWN`, `KIND_UNKNOWN`,
 *   `SCHEMA_UNKNOWN` or `FIELD_INVALID`, the first that applies.
 */
export function parseHeader(header: Uint8Array): ParsedHeader {
  if (header.length > MAX_HEADER_BYTES) {
    throw new PacketError(
      'HEADER_TOO_LARGE',
      `Cannot take the packet: a header of ${header.length} bytes, wanted at most ${MAX_HEADER_BYTES}`,
    )
  }
  const { core: coreBytes, recipientsHash, ciphertextHash } = read(Header, header, 'PACKET_MALFORMED')
  const core = read(HeaderCore, coreBytes, 'PACKET_MALFORMED')
  if (core.version !== VERSION) throw unknown('VERSION_UNKNOWN', 'version', core.version)
  if (!SUITES.includes(core.suite)) throw unknown('SUITE_UNKNOWN', 'suite', core.suite)
  const kind = kindOf(core.kind)
  if (kind === undefined) throw unknown('KIND_UNKNOWN', 'kind', core.kind)
  if (!equalBytes(core.schema, SCHEMA)) throw unknown('SCHEMA_UNKNOWN', 'schema', toHex(core.schema))
  checkFields(kind, core)
  const column = KINDS[kind] - 1
  const misplaced = misfit(HASH_PRESENCE, column, { recipientsHash, ciphertextHash })
  if (misplaced) throw field(misplaced)
  if (kind === 'STREAM_CLOSE') checkBody(core, ciphertextHash)
  return { header, id: packetId(header), kind, core, coreBytes, recipientsHash, ciphertextHash }
}

/** Each hash is there exactly when what it is of is. */
const HASH_PRESENCE = { recipientsHash: FIELD_PRESENCE.recipients, ciphertextHash: FIELD_PRESENCE.paddedSize }

const TAG = /^[a-z0-9][a-z0-9._-]{0,127}$/

/** The fields of §5.1. */
function checkFields(kind: Kind, core: HeaderCore): void {
  const misplaced = misfit(FIELD_PRESENCE, KINDS[kind] - 1, core)
  if (misplaced) throw field(misplaced)
  if ((core.targetTag === undefined) === (core.targetInstance === undefined))
    throw field('target', 'wanted exactly one')
  if (core.targetTag !== undefined && !TAG.test(core.targetTag)) throw field('target_tag', 'is no tag')
  const isReply = kind !== 'REQUEST' && kind !== 'CANCEL'
  if (isReply && core.targetInstance === undefined) throw field('target_instance', 'is absent from a reply')
  if (core.expiresMs <= core.createdMs) throw field('expires_ms', 'is not after created_ms')
  const range = CODE_RANGE[kind]
  if (range && core.code !== undefined && (core.code < range[0] || core.code > range[1])) {
    throw field('code', `${core.code} is none of a ${kind}`)
  }
  if (core.paddedSize !== undefined && (!isBucket(core.paddedSize) || core.paddedSize > MAX_PADDED_BYTES)) {
    throw field('padded_size', `${core.paddedSize} is no bucket`)
  }
  if (core.retry && core.retry.maxAttempts > 8) throw field('retry', 'wanted at most 8 attempts')
  if (core.priority !== undefined && core.priority > 2) throw field('priority', `${core.priority} is unknown`)
  checkVersions(core)
  for (const [i, id] of core.recipients.entries()) {
    if (core.recipients.slice(0, i).some((other) => equalBytes(other, id))) {
      throw new PacketError('RECIPIENTS_MISMATCH', `Cannot take the packet: recipient ${i} stands twice`)
    }
  }
}

/** A CLOSE has a body, all of it, unless it is ABORTED and has none of it. */
function checkBody(core: HeaderCore, ciphertextHash: Uint8Array | undefined): void {
  const parts = [core.responseNonce, core.contentCommitment, core.paddedSize, ciphertextHash]
  const present = parts.filter((part) => part !== undefined).length
  if (present !== parts.length && (present !== 0 || core.code !== OUTCOMES.ABORTED)) {
    throw field('content_commitment', 'or another part of the body of a CLOSE is absent')
  }
}

function checkVersions({ version, compatibleVersions }: HeaderCore): void {
  const ascends = compatibleVersions.every((each, i) => i === 0 || each > (compatibleVersions[i - 1] as number))
  if (!ascends || !compatibleVersions.includes(version)) {
    throw field('compatible_versions', 'do not ascend or do not hold the version')
  }
}

function checkRecipients(core: HeaderCore, { recipients }: Recipients): void {
  const same =
    recipients.length === core.recipients.length &&
    recipients.every((each, i) => equalBytes(each.instanceId, core.recipients[i] as Uint8Array))
  if (!same) {
    throw new PacketError('RECIPIENTS_MISMATCH', 'Cannot take the packet: recipients differ from those of its core')
  }
  const wanted = core.session !== undefined ? 0 : core.suite === 1 ? 32 : 1120
  if (recipients.some((each) => (each.enc?.length ?? 0) !== wanted)) {
    throw new PacketError('RECIPIENTS_MISMATCH', `Cannot take the packet: enc of a recipient is not ${wanted} bytes`)
  }
}

const field = (name: string, why = '') =>
  new PacketError('FIELD_INVALID', `Cannot take the packet: ${name}${why && ` ${why}`}`)
const malformed = (why: string) => new PacketError('PACKET_MALFORMED', `Cannot take the packet: ${why}`)
const unknown = (code: Code, name: string, value: unknown) =>
  new PacketError(code, `Cannot take the packet: ${name} ${value} is unknown`)
const tooLarge = (size: number) =>
  new PacketError('PACKET_TOO_LARGE', `Cannot take the packet: ${size} bytes, wanted at most ${MAX_PACKET_BYTES}`)
