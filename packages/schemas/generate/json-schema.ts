/**
 * Writes `json/packet.v1.schema.json`, the JSON Schema (2020-12) of a packet's JSON projection, and its digest into
 * `src/gen/schema-digest.ts`. The digest is over the exact bytes of the file. After a change the file must be signed
 * again: `node generate/sign-schema.ts`.
 */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { MAX_PADDED_BYTES } from '../src/limits.ts'
import { PACKET_ID, PAYLOAD, type Projected, ROWS } from './projected.ts'

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json }

/** 1 to `most` in decimal, without a leading zero, as a pattern: a string has no `maximum`. */
function decimalPattern(most: bigint): string {
  const digits = `${most}`
  const below = [...digits].flatMap((digit, i) => {
    const least = i === 0 ? 1 : 0
    if (Number(digit) <= least) return []
    return [`${digits.slice(0, i)}[${least}-${Number(digit) - 1}][0-9]{${digits.length - i - 1}}`]
  })
  return `^(?:[1-9][0-9]{0,${digits.length - 2}}|${below.join('|')}|${digits})$`
}

/** 1970 to 9999, only days that exist, not the very first millisecond: a time that is zero is absent. */
const TIME =
  '^(?!1970-01-01T00:00:00\\.000Z)(?=19[7-9]|[2-9])' +
  '(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))' +
  '|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)' +
  'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$'
const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$'
const AEAD_TAG_BYTES = 16

const hex = (bytes: number): Json => ({ type: 'string', pattern: `^[0-9a-f]{${2 * bytes}}$` })

function itemOf(row: Projected): Record<string, Json> {
  switch (row.as) {
    case 'hex':
      return hex(row.size) as Record<string, Json>
    case 'tag':
      return { type: 'string', pattern: `^[a-z0-9][a-z0-9._-]{0,${row.size - 1}}$` }
    case 'time':
      return { type: 'string', format: 'date-time', pattern: TIME }
    case 'u64':
      return { type: 'string', pattern: decimalPattern((1n << 64n) - 1n) }
    case 'flag':
      return { const: true }
    case 'enum':
      return { enum: Object.keys(row.names) }
    case 'message':
      return objectOf(row.rows)
    case 'u32':
      return row.values.length > 0 ? { enum: row.values } : { type: 'integer', minimum: 1, maximum: row.most }
  }
}

function schemaOf(row: Projected): Json {
  const about: Record<string, Json> = row.about === '' ? {} : { description: row.about }
  if (!row.list) return { ...about, ...itemOf(row) }
  const holds: Record<string, Json> = row.holds ? { contains: { const: row.holds } } : {}
  return { ...about, type: 'array', minItems: 1, maxItems: row.maxItems, items: itemOf(row), ...holds }
}

function objectOf(rows: readonly Projected[], extra: Record<string, Json> = {}): Record<string, Json> {
  return {
    type: 'object',
    properties: { ...Object.fromEntries(rows.map((row) => [row.name, schemaOf(row)])), ...extra },
    required: [...rows.filter((row) => row.required).map((row) => row.name), ...Object.keys(extra)],
    additionalProperties: false,
  }
}

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:mystranet:weave:packet:v1',
  title: 'MystraNet Weave packet, version 1',
  description: 'The JSON projection of a packet. It is a view: signatures cover the binary header, never this form.',
  ...objectOf(ROWS, {
    [PACKET_ID]: { description: 'The packet id.', ...(hex(32) as Record<string, Json>) },
    [PAYLOAD]: {
      description: 'The ciphertext; empty in packets without one.',
      type: 'string',
      contentEncoding: 'base64',
      maxLength: 4 * Math.ceil((MAX_PADDED_BYTES + AEAD_TAG_BYTES) / 3),
      pattern: BASE64,
    },
  }),
  oneOf: ROWS.filter((row) => row.oneof !== undefined).map((row) => ({ required: [row.name] })),
}
/** The file, byte for byte. */
export const text = `${JSON.stringify(schema, null, 2)}\n`

// Imported by a test, the module only makes the text.
if (import.meta.main) {
  const digest = createHash('sha256').update(text).digest()
  await mkdir('json', { recursive: true })
  await writeFile('json/packet.v1.schema.json', text)
  await writeFile(
    'src/gen/schema-digest.ts',
    `// Generated from json/packet.v1.schema.json by generate/json-schema.ts. Do not edit.

/** SHA-256 of the bytes of \`json/packet.v1.schema.json\`, in lowercase hex. */
export const SCHEMA_DIGEST_V1_HEX = '${digest.toString('hex')}'

/** The same as bytes: the \`schema\` of every core of version 1. */
export const SCHEMA_DIGEST_V1: Uint8Array<ArrayBuffer> = /* @__PURE__ */ Uint8Array.of(
  ${[...digest].join(', ')},
)

/** Digest in hex → format version, for every schema that this build can read. */
export const KNOWN_SCHEMAS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([[SCHEMA_DIGEST_V1_HEX, 1]])
  `,
  )
}
