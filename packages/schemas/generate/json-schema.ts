/**
 * Writes `json/packet.v1.schema.json`, the JSON Schema (2020-12) of a packet's JSON projection, its digest into
 * `src/gen/schema-digest.ts`, and file, signature and key into `src/gen/packet-schema.ts`. The digest is over the exact
 * bytes of the file. After a change the file must be signed: `node generate/sign-schema.ts`, then generate again.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { CODE_RANGE, FIELD_PRESENCE, KINDS, type Kind, OUTCOMES } from '../src/kinds.ts'
import { MAX_PADDED_BYTES } from '../src/limits.ts'
import { PACKET_ID, PAYLOAD, type Projected, ROWS } from './projected.ts'

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json }
type JsonObject = { readonly [name: string]: Json }

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
/** That its bits and its length are whole is left to readers: the pattern that says so overflows the stack on 9 MB. */
const BASE64 = '^[A-Za-z0-9+/]*={0,2}$'
const AEAD_TAG_BYTES = 16

/** Characters of the base64 of so many bytes. */
const base64Chars = (bytes: number): number => 4 * Math.ceil(bytes / 3)
const MIN_PADDED_BYTES = 256

const hex = (bytes: number): JsonObject => ({ type: 'string', pattern: `^[0-9a-f]{${2 * bytes}}$` })

function itemOf(row: Projected): JsonObject {
  switch (row.as) {
    case 'hex':
      return hex(row.size)
    case 'bytes':
      return { type: 'string', pattern: `^(?:[0-9a-f]{2}){1,${row.size}}$` }
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
  const about: JsonObject = row.about === '' ? {} : { description: row.about }
  if (!row.list) return { ...about, ...itemOf(row) }
  const holds: JsonObject = row.holds ? { contains: { const: row.holds } } : {}
  const distinct: JsonObject = row.distinct ? { uniqueItems: true } : {}
  return { ...about, type: 'array', minItems: 1, maxItems: row.maxItems, items: itemOf(row), ...holds, ...distinct }
}

function objectOf(rows: readonly Projected[], extra: JsonObject = {}): JsonObject {
  return {
    type: 'object',
    properties: { ...Object.fromEntries(rows.map((row) => [row.name, schemaOf(row)])), ...extra },
    required: [...rows.filter((row) => row.required).map((row) => row.name), ...Object.keys(extra)],
    additionalProperties: false,
  }
}

const oneOf = (oneof: string): JsonObject => ({
  oneOf: ROWS.filter((row) => row.oneof === oneof).map((row) => ({ required: [row.name] })),
})

/** Names in JSON that follow a row of §5.1; a row that is not here has the one name of its field. */
const NAMES_OF: { readonly [Field in keyof typeof FIELD_PRESENCE]?: readonly string[] } = {
  recipients: ['Candidate_Instance_IDs', 'Recipients_Hash', 'Recipient_Keys'],
  paddedSize: ['Padded_Size', 'Ciphertext_Hash'],
}
const BODY = ['Response_Nonce', 'Content_Commitment', 'Padded_Size', 'Ciphertext_Hash']
const WITH_PAYLOAD: JsonObject = {
  [PAYLOAD]: { type: 'string', minLength: base64Chars(MIN_PADDED_BYTES + AEAD_TAG_BYTES) },
}
const NO_PAYLOAD: JsonObject = { [PAYLOAD]: { type: 'string', maxLength: 0 } }
const never = (names: readonly string[]): JsonObject => Object.fromEntries(names.map((name) => [name, false]))

/** A CLOSE has a body, all of it, unless it is ABORTED and has none of it. */
const CLOSE_BODY: JsonObject = {
  anyOf: [
    { required: BODY, properties: WITH_PAYLOAD },
    { properties: { ...never(BODY), ...NO_PAYLOAD, Code: { const: OUTCOMES.ABORTED } } },
  ],
}
const recipientsWith = (key: JsonObject): JsonObject => ({
  properties: { Recipient_Keys: { type: 'array', items: { type: 'object', ...key } } },
})
const keysOf = (bytes: number): JsonObject =>
  recipientsWith({ required: ['Encapsulated_Key'], properties: { Encapsulated_Key: hex(bytes) } })
/** HPKE's encapsulated key belongs to the suite, and is absent in a session. */
const REQUEST_KEYS: JsonObject = {
  if: { required: ['Session'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: recipientsWith({ properties: never(['Encapsulated_Key']) }),
  else: {
    if: { properties: { Cipher_Suite: { const: 1 } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: keysOf(32),
    else: keysOf(1_120),
  },
}

/** docs/protocol.md §5.1, the column of one kind. */
function rulesOf(kind: Kind): JsonObject {
  const fields = Object.entries(FIELD_PRESENCE) as [keyof typeof FIELD_PRESENCE, string][]
  const withPresence = (presence: string): string[] =>
    fields
      .filter(([, columns]) => columns[KINDS[kind] - 1] === presence)
      .flatMap(([field]) => NAMES_OF[field] ?? ROWS.filter((row) => row.field === field).map(({ name }) => name))
  const isReply = kind !== 'REQUEST' && kind !== 'CANCEL'
  const [least, most] = CODE_RANGE[kind] ?? []
  const bodies = { M: WITH_PAYLOAD, O: {}, '-': NO_PAYLOAD } as const
  const body = FIELD_PRESENCE.paddedSize[KINDS[kind] - 1] as keyof typeof bodies
  return {
    required: [...withPresence('M'), ...(isReply ? ['Target_Instance_ID'] : [])],
    properties: {
      ...never(withPresence('-')),
      ...(least === undefined || most === undefined
        ? {}
        : { Code: { type: 'integer', minimum: least, maximum: most } }),
      ...bodies[body],
    },
    ...(kind === 'STREAM_CLOSE' ? CLOSE_BODY : kind === 'REQUEST' ? REQUEST_KEYS : {}),
  }
}

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:mystranet:weave:packet:v1',
  title: 'MystraNet Weave packet, version 1',
  description:
    'The JSON projection of a packet. Signatures cover the binary header, which follows from these fields byte for byte.',
  ...objectOf(ROWS, {
    [PACKET_ID]: { description: 'The packet id: hash of the header. 32 bytes in hex.', ...hex(32) },
    [PAYLOAD]: {
      description: 'The ciphertext: Padded_Size + 16 bytes in base64; empty in packets without one.',
      type: 'string',
      contentEncoding: 'base64',
      maxLength: base64Chars(MAX_PADDED_BYTES + AEAD_TAG_BYTES),
      pattern: BASE64,
    },
  }),
  allOf: [
    oneOf('target'),
    oneOf('origin'),
    ...(Object.keys(KINDS) as Kind[]).map((kind) => ({
      if: { properties: { NLD_Directive_Type: { const: kind } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: rulesOf(kind),
    })),
  ],
}
/** The file, byte for byte. */
export const text = `${JSON.stringify(schema, null, 2)}\n`

/** A file that is there once the schema was signed. */
const signed = (name: string): Promise<string> => readFile(`json/${name}`, 'utf8').catch(() => '')

async function writeDigest(): Promise<void> {
  const digest = createHash('sha256').update(text).digest()
  await writeFile(
    'src/gen/schema-digest.ts',
    `// Generated from json/packet.v1.schema.json by generate/json-schema.ts. Do not edit.

/** SHA-256 of the bytes of \`json/packet.v1.schema.json\`, in lowercase hex. */
export const SCHEMA_DIGEST_V1_HEX = '${digest.toString('hex')}'

/** The same as bytes: the \`schema\` of every core of version 1. */
export const SCHEMA_DIGEST_V1: Uint8Array<ArrayBuffer> = /* @__PURE__ */ Uint8Array.of(
  ${[...digest].join(', ')},
)
`,
  )
}

async function writeSigned(): Promise<void> {
  const envelope = (await signed('packet.v1.schema.json.sig')) || '{"payloadType":"","signatures":[{"sig":""}]}'
  const { payloadType, signatures } = JSON.parse(envelope) as { payloadType: string; signatures: [{ sig: string }] }
  await writeFile(
    'src/gen/packet-schema.ts',
    `// Generated from json/ by generate/json-schema.ts. Do not edit.

/** A published schema with what vouches for it: docs/protocol.md §15. */
export interface SignedSchema {
  /** The file, byte for byte. */
  readonly text: string
  readonly payloadType: string
  /** Ed25519 over the DSSE PAE of type and text, in base64. */
  readonly signature: string
  /** The public key of this version, 64 hex digits. */
  readonly key: string
}

export const PACKET_SCHEMA_V1: SignedSchema = {
  text: ${JSON.stringify(text)},
  payloadType: ${JSON.stringify(payloadType)},
  signature: ${JSON.stringify(signatures[0].sig)},
  key: ${JSON.stringify((await signed('schema-key.txt')).trim())},
}
`,
  )
}

// Imported by a test, the module only makes the text.
if (import.meta.main) {
  await mkdir('json', { recursive: true })
  await writeFile('json/packet.v1.schema.json', text)
  await writeDigest()
  await writeSigned()
}
