/**
 * Packets as JSON (docs/protocol.md §15), on both ends: what comes in is held to the signed JSON Schema that it names,
 * and then turned into the exact bytes that were signed; what goes out is held to it before it leaves.
 *
 * @module
 */
import { type Schema, Validator } from '@cfworker/json-schema'
import type { Code } from '@mystranet/schemas/codes'
import { MAX_JSON_PACKET_BYTES } from '@mystranet/schemas/limits'
import { PACKET_SCHEMA_V1, type SignedSchema } from '@mystranet/schemas/packet-schema'
import type { PacketProjection } from '@mystranet/schemas/projection'
import { SCHEMA_DIGEST_V1_HEX } from '@mystranet/schemas/schema-digest'
import { sha256, verifyEd25519 } from '#primitives'
import { type Bytes, equalBytes, fromBase64, fromHex, fromUtf8, toHex, utf8 } from '../bytes.ts'
import { PacketError } from '../errors.ts'
import { pae } from './dsse.ts'
import { bytesOfParts, jsonOfPacket, partsOfJson } from './json-parts.ts'
import { parseJsonText } from './json-text.ts'
import { parsePacket } from './parse.ts'

export type { PacketProjection, SignedSchema }

/** Made by {@link openPacketJson} only: whoever holds one has checked the schemas. */
export interface PacketJson {
  /**
   * The packet that a JSON text carries. Says nothing of signatures: the bytes go where a binary packet goes.
   *
   * Cost: about 1 ms, and 30 ms for each MiB of payload.
   *
   * @param text JSON, or its UTF-8 bytes; attacker-controlled, at most 10 MiB.
   * @returns The exact bytes of a `Packet` without `delivery`.
   * @throws {PacketError} `PACKET_TOO_LARGE`, before anything is parsed; `PACKET_MALFORMED` for what is no JSON object,
   *   or has a name twice; `VERSION_UNKNOWN`, `SUITE_UNKNOWN`, `KIND_UNKNOWN` or `SCHEMA_UNKNOWN`; `FIELD_INVALID` for
   *   what its schema refuses, or a packet id that is not its own; then the codes of `parsePacket`.
   */
  read(text: string | Uint8Array): Bytes
  /**
   * The JSON projection of a packet, without its `delivery`. The inverse of {@link PacketJson.read}.
   *
   * @param packet Attacker-controlled.
   * @throws {PacketError} the codes of `parsePacket`; `FIELD_INVALID` for times after the year 9999, which JSON cannot say.
   */
  write(packet: Uint8Array): PacketProjection
}

const PAYLOAD_TYPE = 'application/schema+json'

/**
 * Checks the schemas that this build knows, each against its digest and its signature, and makes them ready.
 *
 * @param schema Replaced in tests.
 * @throws {PacketError} `SCHEMA_UNTRUSTED`.
 */
export async function openPacketJson(schema: SignedSchema = PACKET_SCHEMA_V1): Promise<PacketJson> {
  await checkSchema(schema)
  const validator = new Validator(JSON.parse(schema.text) as Schema, '2020-12')
  const hold = (json: unknown): void => {
    const { valid, errors } = validator.validate(json)
    if (valid) return
    const first = errors.at(-1)
    throw invalid(`its schema refuses ${first?.instanceLocation ?? '#'}: ${first?.error ?? 'no reason given'}`)
  }
  return {
    read(text) {
      const json = parseJsonText(textOf(text))
      checkKnown(json)
      // Our own reader comes first, because it names a field better; the schema has the last word.
      const parts = partsOfJson(json)
      hold(json)
      const packet = bytesOfParts(parts)
      const { id } = parsePacket(packet)
      if (!equalBytes(id, parts.packetId))
        throw invalid(`Transaction_Hash_ID is not ${toHex(id)}, the id of its header`)
      return packet
    },
    write(packet) {
      const json = jsonOfPacket(packet)
      hold(json)
      return json
    },
  }
}

async function checkSchema({ text, payloadType, signature, key }: SignedSchema): Promise<void> {
  const bytes = utf8(text)
  const digest = toHex(sha256(bytes))
  if (digest !== SCHEMA_DIGEST_V1_HEX) {
    throw untrusted(`its digest is ${digest}, wanted ${SCHEMA_DIGEST_V1_HEX}`)
  }
  const [rawKey, rawSignature] = [fromHex(key), fromBase64(signature)]
  const valid =
    payloadType === PAYLOAD_TYPE &&
    rawKey !== undefined &&
    rawSignature !== undefined &&
    (await verifyEd25519(rawKey, pae(payloadType, bytes), rawSignature))
  if (!valid) throw untrusted(`its signature is not by the key ${key || '(none)'} of its version`)
}

function textOf(given: string | Uint8Array): string {
  if (given.length > MAX_JSON_PACKET_BYTES) {
    throw new PacketError(
      'PACKET_TOO_LARGE',
      `Cannot take the packet: ${given.length} bytes of JSON, wanted at most ${MAX_JSON_PACKET_BYTES}`,
    )
  }
  if (typeof given === 'string') return given
  try {
    return fromUtf8(given)
  } catch (cause) {
    throw new PacketError('PACKET_MALFORMED', "Cannot read the packet's JSON: it is not UTF-8", { cause })
  }
}

/** Name, what its form is, what this build knows, and the code for what it does not: in the order of §5. */
const KNOWN: readonly (readonly [string, RegExp, RegExp, Code])[] = [
  ['Format_Version', /^[1-9][0-9]*$/, /^1$/, 'VERSION_UNKNOWN'],
  ['Cipher_Suite', /^[1-9][0-9]*$/, /^[12]$/, 'SUITE_UNKNOWN'],
  ['NLD_Directive_Type', /^[A-Z_]+$/, /^(REQUEST|STREAM_OPEN|STREAM_CLOSE|ACK|NACK|CANCEL)$/, 'KIND_UNKNOWN'],
  ['Schema_Digest', /^[0-9a-f]{64}$/, new RegExp(`^${SCHEMA_DIGEST_V1_HEX}$`), 'SCHEMA_UNKNOWN'],
]

/** What is not even of the right form is left for the schema to refuse. */
function checkKnown(json: unknown): void {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new PacketError('PACKET_MALFORMED', 'Cannot take the packet: its JSON is no object')
  }
  for (const [name, form, known, code] of KNOWN) {
    const value = (json as Record<string, unknown>)[name]
    if (typeof value !== 'string' && typeof value !== 'number') continue
    const text = String(value)
    if (form.test(text) && !known.test(text)) {
      throw new PacketError(code, `Cannot take the packet: ${name} ${text.slice(0, 64)} is unknown`)
    }
  }
}

const invalid = (why: string) => new PacketError('FIELD_INVALID', `Cannot take the packet: ${why}`)
const untrusted = (why: string) => new PacketError('SCHEMA_UNTRUSTED', `Cannot use the packet schema: ${why}`)
