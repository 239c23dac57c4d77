import { readFileSync } from 'node:fs'
import { type Schema, Validator } from '@cfworker/json-schema'
import { PACKET_SCHEMA_V1 } from '@mystranet/schemas/packet-schema'
import { project } from '@mystranet/schemas/projection'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toBase64, toHex, utf8 } from '../bytes.ts'
import { isPacketError } from '../errors.ts'
import { localSigner } from '../keys/signer.ts'
import { pae } from './dsse.ts'
import { openPacketJson } from './json.ts'
import { type Parts, parts } from './json-fixture.ts'
import { bytesOfParts, partsOfJson } from './json-parts.ts'
import { parsePacket } from './parse.ts'

const packetJson = await openPacketJson()
const schema = JSON.parse(PACKET_SCHEMA_V1.text) as Schema
const ajv = new Ajv2020({ strict: true, validateFormats: false, strictRequired: false }).compile(schema)
const validator = new Validator(schema, '2020-12')

type Json = Record<string, unknown>

/**
 * All that a schema cannot say of one packet, each by the words of the guard that says it instead. Beside these, schema
 * and gates give one verdict. docs/protocol.md §15 lists them.
 */
const BEYOND_THE_SCHEMA: readonly RegExp[] = [
  /expires_ms is not after created_ms/,
  /compatible_versions do not ascend/,
  /ciphertext has \d+ bytes, wanted padded_size \+ 16/,
  /Payload: wanted canonical base64/,
  /recipients differ from those of its core/,
  /schema [0-9a-f]{64} is unknown/,
]

/** Why the codec and the gates refuse; undefined: they do not. */
function refusalOf(run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (isPacketError(error)) return `${error.code}: ${error.message}`
    if (error instanceof Error && error.name === 'SchemaError') return error.message
    throw error
  }
}

const jsonOf = (each: Parts, id: Uint8Array = new Uint8Array(32)): Json =>
  JSON.parse(JSON.stringify(project({ ...each, packetId: id }))) as Json
const gatesOf = (json: unknown) => refusalOf(() => parsePacket(bytesOfParts(partsOfJson(json))))

/** One verdict of three: our gates, the oracle ajv, and the validator that we ship. */
function agreed(json: unknown): 'accepted' | 'refused' | 'beyond' {
  const valid = ajv(json)
  expect(validator.validate(json).valid, JSON.stringify(json).slice(0, 2_000)).toBe(valid)
  const refusal = gatesOf(json)
  const isBeyond = refusal !== undefined && BEYOND_THE_SCHEMA.some((guard) => guard.test(refusal))
  if (valid && isBeyond) return 'beyond'
  expect(refusal === undefined, `${refusal} / ${JSON.stringify(ajv.errors)} / ${JSON.stringify(json)}`).toBe(valid)
  return valid ? 'accepted' : 'refused'
}

const vectors = (name: string): string =>
  readFileSync(new URL(`../../../schemas/vectors/${name}.json`, import.meta.url), 'utf8')
const published = ['packets', 'replies', 'sessions', 'batches', 'streams'].flatMap((name) =>
  [...vectors(name).matchAll(/"(?:packet|open|close)": "([0-9a-f]+)"/g)].map((found) => fromHex(found[1] as string)!),
)

describe('packets as JSON', () => {
  it('are written and read back to the same bytes: published packets of every kind', () => {
    const kinds = new Set<unknown>()
    for (const packet of published) {
      const json = packetJson.write(packet)
      kinds.add(json.NLD_Directive_Type)
      expect(packetJson.read(JSON.stringify(json))).toEqual(packet)
      expect(ajv(json)).toBe(true)
    }
    expect([...kinds].sort()).toEqual(['ACK', 'CANCEL', 'NACK', 'REQUEST', 'STREAM_CLOSE', 'STREAM_OPEN'])
  })

  it('are inverse for every packet', () => {
    fc.assert(
      fc.property(parts, (each) => {
        const packet = bytesOfParts({ ...each, packetId: new Uint8Array(32) })
        const json = packetJson.write(packet)
        expect(packetJson.read(JSON.stringify(json, undefined, 2))).toEqual(packet)
        expect(packetJson.write(packetJson.read(JSON.stringify(json)))).toEqual(json)
      }),
      { seed: 1, numRuns: 400 },
    )
  })

  it('carry the names of the packet definition', () => {
    const json = packetJson.write(published[0]!)
    for (const name of [
      'NLD_Directive_Type',
      'Source_Instance_ID',
      'Payload',
      'Correlation_ID',
      'Timestamp_UTC',
      'Transaction_Hash_ID',
      'Compatible_Format_Version',
    ]) {
      expect(json).toHaveProperty(name)
    }
    expect(json.Target_Instance_NLD_Tag ?? json.Target_Instance_ID).toBeDefined()
  })

  it('leave out what only a router attaches', () => {
    const delivered = Uint8Array.of(...published[0]!, 0x32, 1, 7)
    expect(packetJson.read(JSON.stringify(packetJson.write(delivered)))).toEqual(published[0])
  })
})

const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>('', '0', '1', 'AA==', 'AB==', '18446744073709551615', '18446744073709551616'),
  fc.constantFrom<unknown>('2000-02-29T23:59:59.999Z', '2100-02-29T00:00:00.000Z', '1970-01-01T00:00:00.000Z'),
  fc.constantFrom<unknown>('2030-01-01T24:00:00.000Z', '9999-12-31T23:59:59.999Z', '2030-01-01T00:00:60.000Z'),
  fc.constantFrom<unknown>(0, -0, -1, 1, 2, 3, 8, 9, 10, 99, 100, 256, 257, 1.5, 2 ** 32, 2 ** 53 + 2, 1e300),
  fc.constantFrom<unknown>(true, false, null, 'INTERACTIVE', 'request', 'toString', '__proto__'),
  fc.constantFrom<unknown>('REQUEST', 'STREAM_OPEN', 'STREAM_CLOSE', 'ACK', 'NACK', 'CANCEL'),
  fc.constantFrom<unknown>(
    'ab'.repeat(32),
    'ab'.repeat(16),
    'ab'.repeat(64),
    'AB'.repeat(32),
    '\ud800',
    'ab'.repeat(1_120),
  ),
  fc.constantFrom<unknown>(`${'A'.repeat(363)}=`, `${'A'.repeat(362)}==`, 'A'.repeat(364), 'A'.repeat(360)),
  fc.stringMatching(/^[a-zA-Z0-9._-]{0,130}$/),
  fc.array(fc.constantFrom<unknown>(1, 2, 3, 'ab'.repeat(32)), { maxLength: 9 }),
  fc.record({ Max_Attempts: fc.integer({ min: -1, max: 9 }), After_Open: fc.boolean() }, { requiredKeys: [] }),
)
const names = Object.keys(schema['properties'] as object)
const inner = ['Instance_ID', 'KEM_Key_ID', 'Encapsulated_Key', 'Wrapped_Key', 'Statement', 'Signature', 'Path']
const edits = fc.oneof(
  fc.record({ drop: fc.constantFrom(...names) }),
  fc.record({ set: fc.constantFrom(...names, 'Extra'), value: anything }),
  // One character of a text: keeps most of its form.
  fc.record({ spoil: fc.constantFrom(...names), at: fc.nat(80), char: fc.constantFrom('0', 'a', 'F', '-', '=', '\n') }),
  fc.record({ drop: fc.constantFrom(...inner), inside: fc.constant(true) }),
  fc.record({ set: fc.constantFrom(...inner, 'Extra'), value: anything, inside: fc.constant(true) }),
  fc.record({ borrow: fc.constantFrom(...names), from: parts }),
)
type Edit = typeof edits extends fc.Arbitrary<infer E> ? E : never

function edited(json: Json, edit: Edit): Json {
  const out = { ...json }
  if ('inside' in edit) {
    const keys = out['Recipient_Keys']
    const change = (object: unknown) => {
      const copy = { ...(object as Json) }
      if ('drop' in edit) delete copy[edit.drop]
      else copy[edit.set] = edit.value
      return copy
    }
    if (out['Batch_Proof'] !== undefined) out['Batch_Proof'] = change(out['Batch_Proof'])
    else if (Array.isArray(keys)) out['Recipient_Keys'] = [change(keys[0]), ...(keys as unknown[]).slice(1)]
  } else if ('drop' in edit) delete out[edit.drop]
  else if ('set' in edit) out[edit.set] = edit.value
  else if ('borrow' in edit) {
    const other = jsonOf(edit.from)[edit.borrow]
    if (other === undefined) delete out[edit.borrow]
    else out[edit.borrow] = other
  } else {
    const text = out[edit.spoil]
    if (typeof text === 'string') out[edit.spoil] = text.slice(0, edit.at) + edit.char + text.slice(edit.at + 1)
  }
  return out
}

describe('the JSON Schema and the gates of the binary packet', () => {
  it('give one verdict on 6,000 projections of every kind, spoiled in one or two places', () => {
    const verdicts = { accepted: 0, refused: 0, beyond: 0 }
    fc.assert(
      fc.property(parts, fc.array(edits, { minLength: 0, maxLength: 2 }), (each, list) => {
        verdicts[agreed(list.reduce(edited, jsonOf(each)))]++
      }),
      { seed: 11, numRuns: 6_000, endOnFailure: true },
    )
    expect(verdicts.accepted).toBeGreaterThan(1_500)
    expect(verdicts.refused).toBeGreaterThan(2_000)
    expect(verdicts.beyond).toBeGreaterThan(20)
  }, 120_000)

  it('give one verdict on binary packets: what the gates take has a projection, what they refuse has none that holds', () => {
    const cores = fc.tuple(parts, parts, fc.nat(1_000)).map(([one, other, pick]) => {
      const fields = [...new Set([...Object.keys(one.core), ...Object.keys(other.core)])]
      const field = fields[pick % fields.length] as keyof Parts['core']
      const tops = ['recipientKeys', 'payload', 'recipientsHash', 'ciphertextHash'] as const
      const top = tops[pick % 9]
      return top === undefined
        ? { ...one, core: { ...one.core, [field]: other.core[field] } }
        : { ...one, [top]: other[top] }
    })
    const verdicts = { accepted: 0, refused: 0, beyond: 0 }
    fc.assert(
      fc.property(cores, (each) => {
        const whole = { ...each, packetId: new Uint8Array(32) }
        const binary = refusalOf(() => parsePacket(bytesOfParts(whole)))
        const json = (() => {
          try {
            return jsonOf(each as Parts)
          } catch {
            return undefined
          }
        })()
        if (json === undefined) expect(binary).toBeDefined()
        if (binary === undefined) expect(ajv(json), JSON.stringify(ajv.errors)).toBe(true)
        if (json !== undefined) verdicts[agreed(json)]++
      }),
      { seed: 12, numRuns: 2_000 },
    )
    expect(Math.min(verdicts.accepted, verdicts.refused)).toBeGreaterThan(300)
  }, 60_000)

  const [one] = fc.sample(
    parts.filter(({ core }) => core.kind === 1 && core.recipients.length > 1),
    { seed: 4, numRuns: 1 },
  ) as [Parts]
  const request = jsonOf(one)
  it.each<[string, Json]>([
    ['an end before the beginning', { Expires_UTC: '1970-01-01T00:00:00.001Z' }],
    ['versions that do not ascend', { Compatible_Format_Version: [3, 1] }],
    ['a payload of another size', { Payload: 'A'.repeat(1_000), Padded_Size: 256 }],
    ['base64 with bits left over', { Payload: `${'A'.repeat(361)}B==` }],
    ['recipients in another order', { Recipient_Keys: (request['Recipient_Keys'] as unknown[]).toReversed() }],
    ['another schema', { Schema_Digest: 'ab'.repeat(32) }],
  ])('leave one thing to the gates alone: %s', (_, over) => {
    expect(agreed(request)).toBe('accepted')
    expect(agreed({ ...request, ...over })).toBe('beyond')
  })

  it('differ in one thing that JSON cannot say: times after the year 9999', () => {
    const [each] = fc.sample(parts, { seed: 2, numRuns: 1 }) as [Parts]
    const core = { ...each.core, createdMs: 253_402_300_799_999, expiresMs: 253_402_300_800_000 }
    const packet = bytesOfParts({ ...each, core, packetId: new Uint8Array(32) })
    expect(parsePacket(packet).core.expiresMs).toBe(253_402_300_800_000)
    expect(refusalOf(() => packetJson.write(packet))).toMatch(/^FIELD_INVALID: .*after the year 9999/)
  })

  it('have what is left to the gates alone in docs/protocol.md', () => {
    const protocol = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8')
    expect(protocol.includes('What the schema cannot say')).toBe(true)
  })
})

describe('reading JSON', () => {
  const request = published[0]!
  const good = packetJson.write(request) as unknown as Json
  const digest = 'ab'.repeat(32)
  const text = JSON.stringify(good)

  it.each<[string, string | Uint8Array, RegExp]>([
    ['an unknown version', JSON.stringify({ ...good, Format_Version: 2, Cipher_Suite: 9 }), /^VERSION_UNKNOWN/],
    ['an unknown suite', JSON.stringify({ ...good, Cipher_Suite: 9, NLD_Directive_Type: 'X' }), /^SUITE_UNKNOWN/],
    ['an unknown kind', JSON.stringify({ ...good, NLD_Directive_Type: 'X', Schema_Digest: digest }), /^KIND_UNKNOWN/],
    ['an unknown schema', JSON.stringify({ ...good, Schema_Digest: digest, Nonce: 1 }), /^SCHEMA_UNKNOWN/],
    ['a schema that is no digest', JSON.stringify({ ...good, Schema_Digest: 'v1' }), /^FIELD_INVALID.*Schema_Digest/],
    [
      'a field of another kind',
      JSON.stringify({ ...good, Attempt: 1 }),
      /^FIELD_INVALID.*its schema refuses #\/Attempt/,
    ],
    [
      'a name that nobody knows',
      JSON.stringify({ ...good, Colour: 'blue' }),
      /^FIELD_INVALID.*Colour: an unknown name/,
    ],
    [
      'the id of another packet',
      JSON.stringify({ ...good, Transaction_Hash_ID: digest }),
      /^FIELD_INVALID.*Transaction_Hash_ID is not/,
    ],
    [
      'another nonce than the signed one',
      JSON.stringify({ ...good, Nonce: 'ab'.repeat(16) }),
      /^FIELD_INVALID.*Transaction_Hash_ID/,
    ],
    ['no JSON', '{', /^PACKET_MALFORMED.*no JSON/],
    ['a list', '[]', /^PACKET_MALFORMED.*no object/],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /^PACKET_MALFORMED.*not UTF-8/],
    ['a string without an end', '{"a": "b', /^PACKET_MALFORMED.*no end/],
    ['a name twice', `{"Nonce":"00",${text.slice(1)}`, /^PACKET_MALFORMED.*"Nonce" stands twice/],
    [
      'a name twice, spelled in two ways',
      `{"\\u004eonce":"00",${text.slice(1)}`,
      /^PACKET_MALFORMED.*"Nonce" stands twice/,
    ],
    ['__proto__', `{"__proto__":{"a":1},${text.slice(1)}`, /^FIELD_INVALID.*__proto__: an unknown name/],
    ['a hundred thousand brackets', '['.repeat(100_000), /^PACKET_MALFORMED.*nests deeper/],
    ['a hundred thousand items', `[${'0,'.repeat(100_000)}0]`, /^PACKET_MALFORMED.*more parts/],
    [
      'half a surrogate pair',
      JSON.stringify({ ...good, Target_Instance_ID: undefined, Target_Instance_NLD_Tag: '\ud800' }),
      /^FIELD_INVALID/,
    ],
    [
      'a number beyond 2^53',
      text.replace(/"Padded_Size":\d+/, '"Padded_Size":9007199254740993'),
      /^FIELD_INVALID.*Padded_Size/,
    ],
    ['a 64-bit number as a number', text.replace(/"Epoch":"(\d+)"/, '"Epoch":$1'), /^FIELD_INVALID.*Epoch/],
  ])('refuses %s', (_, given, code) => {
    expect(refusalOf(() => packetJson.read(given))).toMatch(code)
  })

  it('refuses what is too large before it looks at it', () => {
    const huge = new Uint8Array(10 * 1024 * 1024 + 1)
    expect(refusalOf(() => packetJson.read(huge))).toMatch(/^PACKET_TOO_LARGE/)
    expect(refusalOf(() => packetJson.read(' '.repeat(huge.length)))).toMatch(/^PACKET_TOO_LARGE/)
  })

  it('takes the largest packet', () => {
    const paddedSize = 7 * 1024 * 1024
    const [one] = fc.sample(
      parts.filter(({ core }) => core.kind === 1),
      { seed: 3, numRuns: 1 },
    ) as [Parts]
    const large = { ...one, core: { ...one.core, paddedSize }, payload: new Uint8Array(paddedSize + 16).fill(0xff) }
    const packet = bytesOfParts({ ...large, packetId: new Uint8Array(32) })
    expect(packetJson.read(JSON.stringify(packetJson.write(packet)))).toEqual(packet)
  }, 20_000)

  it('throws nothing but its own errors, whatever is in the text', () => {
    const junk = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.nat(text.length), fc.nat(20), fc.string({ maxLength: 8 })).map(([at, cut, put]) => {
        return text.slice(0, at) + put + text.slice(at + cut)
      }),
      fc
        .tuple(fc.constantFrom('[', '{"a":', '"\\', '[{', '{"__proto__":{'), fc.nat(5_000))
        .map(([t, n]) => t.repeat(n)),
      fc
        .dictionary(fc.constantFrom(...names, '__proto__', 'constructor', '\udfff'), anything)
        .map((o) => JSON.stringify({ ...good, ...o })),
    )
    const seen = new Set<string>()
    fc.assert(
      fc.property(
        fc.oneof(
          junk,
          junk.map((t) => new TextEncoder().encode(t)),
          fc.uint8Array(),
        ),
        (given) => {
          // `refusalOf` throws again what is none of ours.
          seen.add(refusalOf(() => packetJson.read(given))?.split(':')[0] ?? 'accepted')
        },
      ),
      { seed: 13, numRuns: 4_000 },
    )
    for (const code of ['PACKET_MALFORMED', 'FIELD_INVALID', 'KIND_UNKNOWN']) expect(seen).toContain(code)
  }, 60_000)
})

describe('opening the schema', () => {
  const refusal = async (over: Partial<typeof PACKET_SCHEMA_V1>) => {
    const opened = openPacketJson({ ...PACKET_SCHEMA_V1, ...over })
    return opened.then(
      () => undefined,
      (error: unknown) =>
        refusalOf(() => {
          throw error
        }),
    )
  }
  it.each<[string, Partial<typeof PACKET_SCHEMA_V1>, RegExp]>([
    ['a text of another digest', { text: `${PACKET_SCHEMA_V1.text} ` }, /its digest is/],
    ['another key', { key: '11'.repeat(32) }, /its signature is not by the key/],
    ['no key', { key: '' }, /its signature is not by the key/],
    ['a key that is no hex', { key: 'zz' }, /its signature is not by the key/],
    ['a signature that is no base64', { signature: '%' }, /its signature is not by the key/],
    ['another signature', { signature: btoa('x'.repeat(64)) }, /its signature is not by the key/],
    ['another type', { payloadType: 'application/json' }, /its signature is not by the key/],
  ])('refuses %s', async (_, over, why) => {
    const message = await refusal(over)
    expect(message).toMatch(/^SCHEMA_UNTRUSTED/)
    expect(message).toMatch(why)
  })

  it('takes the one that this build brings', async () => {
    expect(await refusal({})).toBeUndefined()
  })
})

it('refuses a schema that its key signed as something else', async () => {
  const signer = await localSigner(new Uint8Array(32).fill(1))
  const payloadType = 'application/json'
  const signature = toBase64(await signer.sign(pae(payloadType, utf8(PACKET_SCHEMA_V1.text))))
  const opened = openPacketJson({ ...PACKET_SCHEMA_V1, payloadType, signature, key: toHex(signer.publicKey) })
  await expect(opened).rejects.toThrow(/its signature is not by the key/)
})

it.each(['"text"', '5', 'null', '[]'])('refuses %s: it is no object', async (text) => {
  const { read } = await openPacketJson()
  expect(() => read(text)).toThrow(/its JSON is no object/)
})
