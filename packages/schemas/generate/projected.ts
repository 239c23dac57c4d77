/**
 * What the .proto files and docs/protocol.md §4, §5 say about the JSON projection of a packet: one row a field.
 * Read by `projection-table.ts` (run time) and `json-schema.ts` (the published schema), which derive each their own form.
 */
import { type DescField, type DescMessage, getOption, ScalarType } from '@bufbuild/protobuf'
import * as option from '../src/gen/weave/codec/v1/options_pb.js'
import { HeaderCoreSchema } from '../src/gen/weave/packet/v1/packet_pb.js'

export interface Projected {
  /** Name in `HeaderCore`. */
  readonly field: string
  /** Name in JSON. */
  readonly name: string
  readonly as: 'hex' | 'tag' | 'time' | 'u32' | 'u64' | 'flag' | 'enum' | 'message'
  readonly list: boolean
  readonly required: boolean
  readonly oneof: string | undefined
  /** Bytes of a `hex`, characters of a `tag`. */
  readonly size: number
  readonly maxItems: number
  /** The numbers that a u32 may be; empty: any. */
  readonly values: readonly number[]
  readonly most: number
  /** An item that the list must hold; 0: none. */
  readonly holds: number
  /** Name in JSON → number on the wire. */
  readonly names: Readonly<Record<string, number>>
  readonly rows: readonly Projected[]
  readonly about: string
}

/** What the protocol fixes for version 1 and the .proto's options cannot say. */
const VERSION_1: Readonly<Record<string, Partial<Projected>>> = {
  'HeaderCore.version': { values: [1], about: 'Version of the packet format.' },
  'HeaderCore.suite': { values: [1, 2], about: 'Cipher suite: 1 X25519, 2 X-Wing.' },
  'HeaderCore.kind': { about: 'What the packet is for.' },
  'HeaderCore.compatible_versions': { holds: 1, about: 'Format versions that the sender can read, ascending.' },
  'HeaderCore.sender': { about: 'Instance id of the sender.' },
  'HeaderCore.target_tag': { about: 'A tag of the routing table.' },
  'HeaderCore.target_instance': { about: 'Instance id of the target.' },
  'HeaderCore.created_ms': { about: 'When the packet was made: RFC 3339, milliseconds, UTC.' },
  'HeaderCore.correlation_id': { about: 'The same in a request and in everything that answers it.' },
  'Retry.max_attempts': { most: 8, about: 'Attempts in all.' },
}

function kindOf(field: DescField): Projected['as'] {
  if (field.message) return 'message'
  if (field.enum) return 'enum'
  const scalar = field.fieldKind === 'list' || field.fieldKind === 'scalar' ? field.scalar : undefined
  switch (scalar) {
    case ScalarType.BYTES:
      return 'hex'
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
    names: namesOf(field),
    rows: field.message ? rowsOf(field.message) : [],
    about: '',
    ...VERSION_1[`${field.parent.name}.${field.name}`],
  }
}

export const rowsOf = (message: DescMessage): Projected[] => message.fields.map(rowOf)

export const ROWS = rowsOf(HeaderCoreSchema)
/** What the projection carries beside the core. */
export const PACKET_ID = 'Transaction_Hash_ID'
export const PAYLOAD = 'Payload'
