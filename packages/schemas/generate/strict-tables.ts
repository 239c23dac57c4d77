/**
 * Writes `src/gen/strict.ts`: the table and the TypeScript shape of every message that the .proto files mark strict.
 * Runs after `buf generate`, on the descriptors that it made. Run: `pnpm --filter @mystranet/schemas generate`.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { type DescField, type DescFile, type DescMessage, getOption, ScalarType } from '@bufbuild/protobuf'
import * as option from '../src/gen/weave/codec/v1/options_pb.js'
import { file_weave_control_v1_directory } from '../src/gen/weave/control/v1/directory_pb.js'
import { file_weave_control_v1_key_event } from '../src/gen/weave/control/v1/key_event_pb.js'
import { file_weave_control_v1_routing_table } from '../src/gen/weave/control/v1/routing_table_pb.js'
import { file_weave_log_v1_receipt } from '../src/gen/weave/log/v1/receipt_pb.js'
import { file_weave_model_v1_evaluation } from '../src/gen/weave/model/v1/evaluation_pb.js'
import { file_weave_model_v1_statement } from '../src/gen/weave/model/v1/statement_pb.js'
import { file_weave_packet_v1_content } from '../src/gen/weave/packet/v1/content_pb.js'
import { file_weave_packet_v1_packet } from '../src/gen/weave/packet/v1/packet_pb.js'
import { file_weave_packet_v1_saved_answer } from '../src/gen/weave/packet/v1/saved_answer_pb.js'
import { file_weave_packet_v1_stream } from '../src/gen/weave/packet/v1/stream_pb.js'

const FILES: readonly DescFile[] = [
  file_weave_packet_v1_packet,
  file_weave_packet_v1_content,
  file_weave_packet_v1_stream,
  file_weave_log_v1_receipt,
  file_weave_control_v1_key_event,
  file_weave_control_v1_routing_table,
  file_weave_control_v1_directory,
  file_weave_model_v1_statement,
  file_weave_model_v1_evaluation,
  file_weave_packet_v1_saved_answer,
]

const SCALARS = new Map<ScalarType, string>([
  [ScalarType.UINT32, 'u32'],
  [ScalarType.UINT64, 'u64'],
  [ScalarType.BOOL, 'bool'],
  [ScalarType.STRING, 'string'],
  [ScalarType.BYTES, 'bytes'],
])
const SHAPES: Record<string, string> = {
  u32: 'number',
  enum: 'number',
  ms: 'number',
  u64: 'bigint',
  bool: 'boolean',
  string: 'string',
  bytes: 'Uint8Array',
}

function typeOf(field: DescField): string {
  if (field.fieldKind === 'map') throw new Error(`${field}: a strict message has no maps`)
  const kind = field.fieldKind === 'list' ? field.listKind : field.fieldKind
  if (kind === 'message') return 'message'
  if (kind === 'enum') return 'enum'
  const scalar = field.scalar === undefined ? undefined : SCALARS.get(field.scalar)
  if (scalar === undefined) throw new Error(`${field}: a strict message has no such number type`)
  return scalar === 'u64' && field.name.endsWith('_ms') ? 'ms' : scalar
}

function shapeOf(field: DescField): string {
  const type = typeOf(field)
  const each = type === 'message' ? (field.message as DescMessage).name : (SHAPES[type] as string)
  return field.fieldKind === 'list' ? `readonly ${each}[]` : each
}

/** The field in the words of `table` in `src/strict.ts`. */
function textOf(field: DescField, index: number): string {
  if (field.number !== index + 1) throw new Error(`${field}: a strict message numbers its fields without a gap`)
  const mark = getOption(field, option.required) ? '!' : field.proto.proto3Optional ? '?' : ''
  const length = getOption(field, option.length)
  const maxBytes = getOption(field, option.max_bytes)
  return [
    `${field.localName}${mark}:${typeOf(field)}`,
    length ? `=${length}` : '',
    maxBytes ? `<${maxBytes}` : '',
    field.fieldKind === 'list' ? `[${getOption(field, option.max_items) || ''}]` : '',
    field.oneof && !field.proto.proto3Optional ? `|${field.oneof.name}` : '',
  ].join('')
}

function sourceOf(message: DescMessage): string {
  const members = message.fields.map((field) => {
    const required = field.fieldKind === 'list' || getOption(field, option.required)
    const shape = shapeOf(field)
    return `  readonly ${field.localName}${required ? '' : '?'}: ${shape}${required ? '' : ' | undefined'}`
  })
  const fields = message.fields.map(textOf).join(' ')
  const nested = message.fields.flatMap(({ message }) => (message ? [`() => ${message.name}`] : []))
  return [
    `/** \`${message.typeName}\` */`,
    `export interface ${message.name} {`,
    ...members,
    '}',
    `export const ${message.name}: Table<${message.name}> = /* @__PURE__ */ table(`,
    ...[`'${message.name}'`, `'${fields}'`, ...nested].map((argument) => `  ${argument},`),
    ')',
  ].join('\n')
}

const messages = FILES.flatMap((file) => file.messages).filter((message) => getOption(message, option.strict))
const source = [
  '// Generated from proto/ by generate/strict-tables.ts. Do not edit.',
  "import { type Table, table } from '../strict.ts'",
  '',
  messages.map(sourceOf).join('\n\n'),
  '',
].join('\n')
await mkdir('src/gen', { recursive: true })
await writeFile('src/gen/strict.ts', source)
