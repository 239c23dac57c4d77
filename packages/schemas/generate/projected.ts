/**
 * What the .proto files and docs/protocol.md §4, §5 say about the JSON projection of a packet: one row a field.
 * Read by `projection-table.ts` (run time) and `json-schema.ts` (the published schema), which derive each their own form.
 */
import { type DescField, type DescMessage, getOption, ScalarType } from '@bufbuild/protobuf'
import * as option from '../src/gen/weave/codec/v1/options_pb.js'
import { HeaderCoreSchema, HeaderSchema, PacketSchema, RecipientsSchema } from '../src/gen/weave/packet/v1/packet_pb.js'
import { MAX_PADDED_BYTES } from '../src/limits.ts'

export interface Projected {
  /** Name in `ProjectedFields`. */
  readonly field: string
  /** Name in JSON. */
  readonly name: string
  readonly as: 'hex' | 'bytes' | 'tag' | 'time' | 'u32' | 'u64' | 'flag' | 'enum' | 'message'
  readonly list: boolean
  readonly required: boolean
  readonly oneof: string | undefined
  /** Bytes of a `hex`, most bytes of a `bytes`, characters of a `tag`. */
  readonly size: number
  readonly maxItems: number
  /** The numbers that a u32 may be; empty: any. */
  readonly values: readonly number[]
  readonly most: number
  /** An item that the list must hold; 0: none. */
  readonly holds: number
  /** No item twice. */
  readonly distinct: boolean
  /** Name in JSON → number on the wire. */
  readonly names: Readonly<Record<string, number>>
  readonly rows: readonly Projected[]
  readonly about: string
}

const MIB = 1 << 20
/** Padded sizes, in bytes: docs/protocol.md §7.1. */
const BUCKETS = [
  256,
  1_024,
  ...Array.from({ length: 9 }, (_, i) => 4_096 << i),
  ...Array.from({ length: MAX_PADDED_BYTES / MIB - 1 }, (_, i) => (i + 2) * MIB),
]

/** What the protocol fixes for version 1 and the .proto's options cannot say, and a sentence for each field. */
const VERSION_1: Readonly<Record<string, Partial<Projected>>> = {
  'HeaderCore.version': { values: [1], about: 'Version of the packet format.' },
  'HeaderCore.suite': { values: [1, 2], about: 'Cipher suite: 1 X25519, 2 X-Wing.' },
  'HeaderCore.kind': { about: 'What the packet is for; it decides which other fields stand here.' },
  'HeaderCore.network': { about: 'Id of the network: of its first log. 32 bytes in hex.' },
  'HeaderCore.sender': { about: 'Instance id of the sender. 32 bytes in hex.' },
  'HeaderCore.sender_key': { about: 'The Ed25519 public key that signed. 32 bytes in hex.' },
  'HeaderCore.target_tag': { about: 'A tag of the routing table, 1 to 128 characters; this or Target_Instance_ID.' },
  'HeaderCore.target_instance': { about: 'Instance id of the target. 32 bytes in hex.' },
  'HeaderCore.recipients': {
    distinct: true,
    about: 'Instance ids of those who can open the packet, 1 to 8, none twice, in the order of Recipient_Keys.',
  },
  'HeaderCore.created_ms': { about: 'When the packet was made: RFC 3339, milliseconds, UTC.' },
  'HeaderCore.expires_ms': { about: 'The first millisecond at which it no longer counts; after Timestamp_UTC.' },
  'HeaderCore.nonce': { about: '16 random bytes in hex.' },
  'HeaderCore.epoch': { about: "The sender's clock in milliseconds when it began to use its key; decimal, 64 bits." },
  'HeaderCore.seq': { about: 'Grows with every packet of one key and epoch, from 1; decimal, 64 bits.' },
  'HeaderCore.correlation_id': { about: 'The same in a request and in everything that answers it. 16 bytes in hex.' },
  'HeaderCore.in_reply_to': { about: 'Packet id of the request that this is about. 32 bytes in hex.' },
  'HeaderCore.attempt': { about: 'The attempt that replies, from 1.' },
  'HeaderCore.response_nonce': { about: 'Of the attempt that replies. 32 random bytes in hex.' },
  'HeaderCore.code': { about: 'An outcome, 1 to 8, or a refusal, 10 to 99.' },
  'HeaderCore.content_commitment': { about: 'Commitment to the content, 32 bytes in hex.' },
  'HeaderCore.padded_size': { values: BUCKETS, about: 'Bytes of the plaintext with its padding; Payload has 16 more.' },
  'HeaderCore.table_digest': { about: 'Digest of the routing table that chose the recipients. 32 bytes in hex.' },
  'HeaderCore.retry': { about: 'How often the packet may be tried; without it 3 attempts, none after an OPEN.' },
  'Retry.max_attempts': { most: 8, about: 'Attempts in all.' },
  'Retry.after_open': { about: 'Another attempt may follow one whose stream had opened.' },
  'HeaderCore.session': { about: "Packet id of the session's first packet. 32 bytes in hex." },
  'HeaderCore.priority': { about: 'How urgent the packet is.' },
  'HeaderCore.prefix_tag': {
    about: 'Equal in packets whose content begins alike, if their sender says so. 16 bytes in hex.',
  },
  'HeaderCore.supersedes': { about: 'Packet id of the packet that this one replaces. 32 bytes in hex.' },
  'HeaderCore.schema': { about: 'SHA-256 of this file, in hex.' },
  'HeaderCore.compatible_versions': { holds: 1, about: 'Format versions that the sender can read, ascending.' },
  'Header.recipients_hash': { about: 'Hash of Recipient_Keys, as they were signed. 32 bytes in hex.' },
  'Header.ciphertext_hash': { about: 'Hash of Payload, as it was signed. 32 bytes in hex.' },
  'Recipients.recipients': { required: false, about: 'The content key, sealed to each recipient.' },
  'Recipient.instance_id': { about: 'Instance id of the recipient. 32 bytes in hex.' },
  'Recipient.kem_key_id': { about: "Id of the recipient's KEM key. 32 bytes in hex." },
  'Recipient.enc': { about: "HPKE's encapsulated key: 32 bytes in suite 1, 1,120 in suite 2, none in a session." },
  'Recipient.wrapped_key': { about: 'The content key, sealed: 48 bytes in hex.' },
  'Packet.signature': { about: "The sender's Ed25519 signature of the header, 64 bytes in hex; this or Batch_Proof." },
  'Packet.batch': { about: 'The place of the packet in a batch that was signed as one.' },
  'BatchProof.statement': { about: 'The exact bytes of the BatchRoot, at most 512, in hex.' },
  'BatchProof.signature': { about: 'Ed25519 signature of the statement, 64 bytes in hex.' },
  'BatchProof.path': { about: 'Inclusion path from the packet to the root: 32 bytes each, in hex.' },
}

function kindOf(field: DescField): Projected['as'] {
  if (field.message) return 'message'
  if (field.enum) return 'enum'
  const scalar = field.fieldKind === 'list' || field.fieldKind === 'scalar' ? field.scalar : undefined
  switch (scalar) {
    case ScalarType.BYTES:
      return getOption(field, option.length) === 0 ? 'bytes' : 'hex'
    case ScalarType.STRING:
      return 'tag'
    case ScalarType.BOOL:
      return 'flag'
    case ScalarType.UINT32:
      return 'u32'
    case ScalarType.UINT64:
      return field.name.endsWith('_ms') ? 'time' : 'u64'
    default:
      throw new Error(`Cannot project ${field}: no JSON form for its type`)
  }
}

/** The names of an enum without the prefix that they share, and without the unspecified value. */
function namesOf(field: DescField): Record<string, number> {
  const values = field.enum?.values.filter((value) => value.number !== 0) ?? []
  const prefix = `${field.enum?.name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}_`
  return Object.fromEntries(values.map((value) => [value.name.slice(prefix.length), value.number]))
}

function rowOf(field: DescField): Projected {
  const name = getOption(field, option.projected)
  if (name === '') throw new Error(`Cannot project ${field}: it has no (projected) name`)
  return {
    field: field.localName,
    name,
    as: kindOf(field),
    list: field.fieldKind === 'list',
    required: getOption(field, option.required),
    oneof: field.oneof?.name,
    size: getOption(field, option.length) || getOption(field, option.max_bytes),
    maxItems: getOption(field, option.max_items),
    values: [],
    most: 2 ** 32 - 1,
    holds: 0,
    distinct: false,
    names: namesOf(field),
    rows: field.message ? rowsOf(field.message) : [],
    about: '',
    ...VERSION_1[`${field.parent.name}.${field.name}`],
  }
}

const rowsOf = (message: DescMessage): Projected[] => message.fields.map(rowOf)
/** Of a container, whose other fields hold encoded messages. */
const namedRowsOf = (message: DescMessage): Projected[] =>
  message.fields.filter((field) => getOption(field, option.projected) !== '').map(rowOf)

export const ROWS = [
  ...rowsOf(HeaderCoreSchema),
  ...namedRowsOf(HeaderSchema),
  // Not `recipients`, as the ids of the core are called.
  ...rowsOf(RecipientsSchema).map((row) => ({ ...row, field: 'recipientKeys' })),
  ...namedRowsOf(PacketSchema),
]
/** What the projection carries beside those fields. */
export const PACKET_ID = 'Transaction_Hash_ID'
export const PAYLOAD = 'Payload'
