/**
 * The parts of a packet between JSON and bytes. Both forms hold the same, because every message has one encoding; what is
 * well formed is not decided here.
 *
 * @module
 */
import { encode, Header, HeaderCore, Packet, Recipients, SchemaError } from '@mystranet/schemas/messages'
import { type PacketProjection, type ProjectedPacket, parseProjection, project } from '@mystranet/schemas/projection'
import type { Bytes } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { parsePacket } from './parse.ts'

/** @throws {PacketError} `FIELD_INVALID` for a value outside its range. */
export const partsOfJson = (json: unknown): ProjectedPacket => orInvalid(() => parseProjection(json))

/** The exact bytes of the `Packet`, which `parsePacket` has yet to judge. */
export function bytesOfParts(parts: ProjectedPacket): Bytes {
  const { core, recipientsHash, ciphertextHash, recipientKeys, payload, signature, batch } = parts
  return encode(Packet, {
    header: encode(Header, { core: encode(HeaderCore, core), recipientsHash, ciphertextHash }),
    recipients: recipientKeys.length > 0 ? encode(Recipients, { recipients: [...recipientKeys] }) : undefined,
    ciphertext: payload.length > 0 ? payload : undefined,
    signature,
    batch,
  })
}

/** @throws {PacketError} the codes of `parsePacket`; `FIELD_INVALID` for a time after the year 9999. */
export function jsonOfPacket(packet: Uint8Array): PacketProjection {
  const { core, id, recipientsHash, ciphertextHash, recipients, ciphertext, origin } = parsePacket(packet)
  return orInvalid(() =>
    project({
      core,
      packetId: id,
      recipientsHash,
      ciphertextHash,
      recipientKeys: recipients?.recipients ?? [],
      payload: ciphertext ?? new Uint8Array(0),
      ...origin,
    }),
  )
}

function orInvalid<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof SchemaError) throw new PacketError('FIELD_INVALID', error.message, { cause: error })
    throw error
  }
}
