/** Writes `src/gen/projection.ts`: the TypeScript shape of a packet's JSON projection and the table that reads it. */
import { writeFile } from 'node:fs/promises'
import { PACKET_ID, PAYLOAD, type Projected, ROWS } from './projected.ts'

const SHAPES = {
  hex: 'string',
  bytes: 'string',
  tag: 'string',
  time: 'string',
  u64: 'string',
  u32: 'number',
  flag: 'true',
} as const

const shapeName = (row: Projected) => `${row.name.replaceAll('_', '')}Projection`

function shapeOf(row: Projected): string {
  const values = row.values.length < 5 ? row.values.join(' | ') : ''
  const names = Object.keys(row.names).map((name) => `'${name}'`)
  const one = row.as === 'message' ? shapeName(row) : row.as === 'enum' ? names.join(' | ') : values || SHAPES[row.as]
  return row.list ? `readonly ${one.includes('|') ? `(${one})` : one}[]` : one
}

function interfaceOf(name: string, rows: readonly Projected[], extra: readonly string[] = []): string {
  const members = rows.map(
    (row) => `  readonly ${row.name}${row.required ? '' : '?'}: ${shapeOf(row)}${row.required ? '' : ' | undefined'}`,
  )
  const inner = rows.filter((row) => row.as === 'message').map((row) => interfaceOf(shapeName(row), row.rows))
  return [...inner, `export interface ${name} {`, ...members, ...extra, '}'].join('\n')
}

function literalOf(row: Projected, indent: string): string {
  const parts = [`field: '${row.field}'`, `name: '${row.name}'`, `as: '${row.as}'`]
  if (row.list) parts.push('list: true')
  if (row.required) parts.push('required: true')
  if (row.oneof !== undefined) parts.push(`oneof: '${row.oneof}'`)
  if (row.size) parts.push(`size: ${row.size}`)
  if (row.maxItems) parts.push(`maxItems: ${row.maxItems}`)
  if (row.values.length > 0) parts.push(`values: [${row.values.join(', ')}]`)
  if (row.as === 'u32') parts.push(`most: ${row.most}`)
  if (row.holds) parts.push(`holds: ${row.holds}`)
  if (row.distinct) parts.push('distinct: true')
  if (row.as === 'enum') parts.push(`names: ${JSON.stringify(row.names)}`)
  if (row.as === 'message')
    parts.push(`rows: [\n${row.rows.map((r) => literalOf(r, `${indent}  `)).join('')}${indent}]`)
  return `${indent}{ ${parts.join(', ')} },\n`
}

const shape = interfaceOf('PacketProjection', ROWS, [
  `  /** The packet id. */`,
  `  readonly ${PACKET_ID}: string`,
  `  /** The ciphertext in base64; empty in packets without one. */`,
  `  readonly ${PAYLOAD}: string`,
])
const source = `// Generated from proto/ by generate/projection-table.ts. Do not edit.
import type { ProjectionRow } from '../projection.ts'

/** A packet in JSON: docs/protocol.md §15. */
${shape}

export const PROJECTION: readonly ProjectionRow[] = [
${ROWS.map((row) => literalOf(row, '  ')).join('')}]
`
await writeFile('src/gen/projection.ts', source)
