import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { text } from '../generate/json-schema.ts'
import { HeaderCore } from './gen/strict.ts'
import {
  KNOWN_SCHEMAS,
  type PacketProjection,
  parseProjection,
  project,
  SCHEMA_DIGEST_V1,
  SCHEMA_DIGEST_V1_HEX,
} from './projection.ts'
import { decode, encode, SchemaError } from './strict.ts'

const read = (name: string): Buffer => readFileSync(new URL(`../json/${name}`, import.meta.url))
const schemaBytes = read('packet.v1.schema.json')
const validate = new Ajv2020({ strict: true, validateFormats: false, strictRequired: false }).compile(
  JSON.parse(schemaBytes.toString('utf8')) as object,
)

const bytes = (length: number): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc.uint8Array({ minLength: length, maxLength: length }) as fc.Arbitrary<Uint8Array<ArrayBuffer>>
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const u32 = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const u64 = fc.oneof(fc.bigInt(1n, 99n), fc.bigInt(1n, (1n << 64n) - 1n))
const time = fc.oneof(fc.integer({ min: 1, max: 4e12 }), fc.integer({ min: 1, max: 253_402_300_799_999 }))
const tag = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/)

const cores: fc.Arbitrary<HeaderCore> = fc
  .record({
    version: fc.constant(1),
    suite: fc.constantFrom(1, 2),
    kind: fc.integer({ min: 1, max: 6 }),
    network: bytes(32),
    sender: bytes(32),
    senderKey: bytes(32),
    target: fc.oneof(fc.record({ targetTag: tag }), fc.record({ targetInstance: bytes(32) })),
    recipients: fc.array(bytes(32), { maxLength: 8 }),
    createdMs: time,
    expiresMs: time,
    nonce: bytes(16),
    epoch: u64,
    seq: u64,
    correlationId: bytes(16),
    inReplyTo: maybe(bytes(32)),
    attempt: maybe(u32),
    responseNonce: maybe(bytes(32)),
    code: maybe(u32),
    contentCommitment: maybe(bytes(32)),
    paddedSize: maybe(u32),
    tableDigest: maybe(bytes(32)),
    retry: maybe(fc.record({ maxAttempts: fc.integer({ min: 1, max: 8 }), afterOpen: maybe(fc.constant(true)) })),
    session: maybe(bytes(32)),
    priority: maybe(fc.constantFrom(1, 2)),
    prefixTag: maybe(bytes(16)),
    supersedes: maybe(bytes(32)),
    schema: bytes(32),
    compatibleVersions: fc.array(u32, { maxLength: 7 }).map((more) => [1, ...more]),
  })
  .map(({ target, ...core }) => ({ ...core, ...target }))
const packets = fc.record({ core: cores, packetId: bytes(32), payload: fc.uint8Array({ maxLength: 40 }) })
const projections = packets.map(({ core, packetId, payload }) => project(core, packetId, payload))

const accepts = (json: unknown): boolean => {
  try {
    parseProjection(json)
    return true
  } catch (error) {
    if (error instanceof SchemaError) return false
    throw error
  }
}

describe('project and parseProjection', () => {
  it('are inverse, through JSON text, and the schema holds for what they write', () => {
    fc.assert(
      fc.property(packets, ({ core, packetId, payload }) => {
        const json = JSON.parse(JSON.stringify(project(core, packetId, payload))) as PacketProjection
        expect(validate(json), JSON.stringify(validate.errors)).toBe(true)
        const packet = parseProjection(json)
        expect(Buffer.compare(encode(HeaderCore, packet.core), encode(HeaderCore, core))).toBe(0)
        expect(packet.packetId).toEqual(packetId)
        expect(packet.payload).toEqual(Uint8Array.from(payload))
        expect(project(packet.core, packet.packetId, packet.payload)).toEqual(json)
        // A core that came over the wire projects like the one that was sent.
        expect(project(decode(HeaderCore, encode(HeaderCore, core)), packetId, payload)).toEqual(json)
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  it('carries the names of the packet definition', () => {
    const [json] = fc.sample(projections, { seed: 1, numRuns: 1 })
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
  })

  it('carries a payload of several chunks', () => {
    const [core] = fc.sample(cores, { seed: 1, numRuns: 1 })
    const payload = Uint8Array.from({ length: 100_001 }, (_, i) => i)
    const json = project(core!, new Uint8Array(32), payload)
    expect(json.Payload).toBe(Buffer.from(payload).toString('base64'))
    expect(parseProjection(json).payload).toEqual(payload)
    expect(validate(json)).toBe(true)
  })

  const [core] = fc.sample(cores, { seed: 5, numRuns: 1 }) as [HeaderCore]
  const id = new Uint8Array(32)
  const none = new Uint8Array(0)
  it.each<[string, () => unknown, string]>([
    ['a kind without a name', () => project({ ...core, kind: 7 }, id, none), 'NLD_Directive_Type'],
    ['another version', () => project({ ...core, version: 2 }, id, none), 'Format_Version: wanted one of 1'],
    ['another suite', () => project({ ...core, suite: 3 }, id, none), 'Cipher_Suite: wanted one of 1, 2'],
    ['the year 10000', () => project({ ...core, createdMs: 253_402_300_800_000 }, id, none), 'after the year 9999'],
    ['a short packet id', () => project(core, id.subarray(1), none), '31 bytes, wanted 32'],
    [
      'a tag outside its alphabet',
      () => project({ ...core, targetInstance: undefined, targetTag: 'Chat' }, id, none),
      'Target_Instance_NLD_Tag: wanted 1 to 128',
    ],
    [
      'a packet without a target',
      () => project({ ...core, targetInstance: undefined, targetTag: undefined }, id, none),
      'no target',
    ],
  ])('project refuses %s', (_, run, guard) => {
    expect(run).toThrow(SchemaError)
    expect(run).toThrow(guard)
  })

  const base = { ...project({ ...core, targetInstance: undefined, targetTag: 'chat' }, id, none) }
  it.each<[string, unknown, string]>([
    ['no object', null, 'no JSON object'],
    ['a list', [], 'no JSON object'],
    ['an unknown name', { ...base, Colour: 'blue' }, 'Colour: an unknown name'],
    ['__proto__', JSON.parse('{"__proto__": 1}'), '__proto__: an unknown name'],
    ['an absent name', { ...base, Nonce: undefined }, 'Nonce: a mandatory value is absent'],
    ['an absent packet id', { ...base, Transaction_Hash_ID: undefined }, 'wanted 64 lowercase hex digits'],
    ['an absent payload', { ...base, Payload: undefined }, 'Payload: wanted base64'],
    ['two targets', { ...base, Target_Instance_ID: 'ab'.repeat(32) }, 'a second target'],
    ['upper-case hex', { ...base, Nonce: 'AB'.repeat(16) }, 'wanted 32 lowercase hex digits'],
    ['a number for a 64-bit string', { ...base, Epoch: 4 }, 'wanted a decimal string'],
    ['2^64', { ...base, Epoch: '18446744073709551616' }, 'wanted a decimal string'],
    ['a leading zero', { ...base, Epoch: '04' }, 'wanted a decimal string'],
    ['a day that does not exist', { ...base, Timestamp_UTC: '2031-02-29T00:00:00.000Z' }, 'wanted a time'],
    ['another zone', { ...base, Timestamp_UTC: '2031-02-28T00:00:00.000+01:00' }, 'wanted a time'],
    ['an explicit false', { ...base, Retry: { Max_Attempts: 1, After_Open: false } }, 'wanted true, or nothing'],
    ['an unknown name inside', { ...base, Retry: { Max_Attempts: 1, x: 1 } }, 'Retry.x: an unknown name'],
    ['nine attempts', { ...base, Retry: { Max_Attempts: 9 } }, 'wanted a whole number of 1 to 8'],
    ['an empty list', { ...base, Candidate_Instance_IDs: [] }, 'wanted a list of 1 to 8'],
    ['versions without 1', { ...base, Compatible_Format_Version: [2] }, 'wanted 1 among the items'],
    ['an inherited enum name', { ...base, NLD_Directive_Type: 'constructor' }, 'wanted one of REQUEST'],
    ['base64 with bits left over', { ...base, Payload: 'AB==' }, 'wanted canonical base64'],
    ['base64 with a space', { ...base, Payload: 'AAAA AAAA' }, 'wanted canonical base64'],
  ])('parseProjection refuses %s, and so does the schema', (_, json, guard) => {
    expect(() => parseProjection(json)).toThrow(SchemaError)
    expect(() => parseProjection(json)).toThrow(guard)
    expect(validate(json)).toBe(false)
  })
})

describe('parseProjection and the JSON Schema', () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      '',
      '0',
      '1',
      'AA==',
      'AB==',
      '18446744073709551615',
      '18446744073709551616',
      '18446744073709551609',
    ),
    fc.constantFrom(
      '2000-02-29T23:59:59.999Z',
      '2100-02-29T00:00:00.000Z',
      '1970-01-01T00:00:00.000Z',
      '1969-12-31T00:00:00.000Z',
    ),
    fc.constantFrom(
      '2030-04-31T00:00:00.000Z',
      '2030-01-01T24:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '2030-01-01T00:00:60.000Z',
    ),
    fc.constantFrom(0, -1, 1, 1.5, 2 ** 32, true, false, null, 'REQUEST', 'INTERACTIVE', 'request', 'toString'),
    fc.constant('ab'.repeat(32)),
    fc.constant('ab'.repeat(16)),
    fc.stringMatching(/^[a-zA-Z0-9._-]{0,130}$/),
    fc.array(fc.constantFrom(1, 2, 'ab'.repeat(32)), { maxLength: 9 }),
    fc.record({ Max_Attempts: fc.integer({ min: -1, max: 9 }), After_Open: fc.boolean() }, { requiredKeys: [] }),
  )
  const names = Object.keys((JSON.parse(schemaBytes.toString('utf8')) as { properties: object }).properties)
  const editOf = fc.oneof(
    fc.record({ drop: fc.constantFrom(...names) }),
    fc.record({ set: fc.constantFrom(...names, 'Extra'), value: anything }),
    // One character of a text: keeps most of its form.
    fc.record({
      spoil: fc.constantFrom(...names),
      at: fc.nat(80),
      char: fc.constantFrom('0', 'a', 'F', '-', '=', 'Z', '\n'),
    }),
  )
  const mutate = (json: PacketProjection, edit: typeof editOf extends fc.Arbitrary<infer E> ? E : never): unknown => {
    const out: Record<string, unknown> = { ...json }
    if ('drop' in edit) delete out[edit.drop]
    else if ('set' in edit) out[edit.set] = edit.value
    else {
      const text = out[edit.spoil]
      if (typeof text === 'string') out[edit.spoil] = text.slice(0, edit.at) + edit.char + text.slice(edit.at + 1)
    }
    return out
  }

  it('accept and refuse the same 10,000 mutated projections', () => {
    const verdicts = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(projections, fc.array(editOf, { minLength: 1, maxLength: 2 }), (json, edits) => {
        const mutated = edits.reduce<unknown>((so, edit) => mutate(so as PacketProjection, edit), json)
        const accepted = accepts(mutated)
        expect(accepted).toBe(validate(mutated))
        verdicts[accepted ? 'accepted' : 'refused']++
      }),
      { seed: 11, numRuns: 10_000, endOnFailure: false },
    )
    expect(verdicts.accepted).toBeGreaterThan(1_000)
    expect(verdicts.refused).toBeGreaterThan(3_000)
  }, 120_000)

  it('refuse noise with SchemaError only', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(accepts(json)).toBe(false)
        expect(validate(json)).toBe(false)
      }),
      { seed: 12, numRuns: 1_000 },
    )
  })
})

describe('the published schema', () => {
  const envelope = JSON.parse(read('packet.v1.schema.json.sig').toString('utf8')) as {
    payloadType: string
    payload: string
    signatures: { keyid: string; sig: string }[]
  }
  const rawKey = Buffer.from(read('schema-key.txt').toString('utf8').trim(), 'hex')
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), rawKey]),
    format: 'der',
    type: 'spki',
  })
  const signed = (payloadType: string, body: Buffer): boolean => {
    const pae = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `), body])
    return envelope.signatures.some(({ sig }) => verify(null, pae, key, Buffer.from(sig, 'base64')))
  }

  it('is what the .proto files generate', () => {
    expect(schemaBytes.toString('utf8')).toBe(text)
  })

  it('has the digest that cores name', () => {
    const digest = createHash('sha256').update(schemaBytes).digest()
    expect(Buffer.from(SCHEMA_DIGEST_V1)).toEqual(digest)
    expect(SCHEMA_DIGEST_V1_HEX).toBe(digest.toString('hex'))
    expect(KNOWN_SCHEMAS.get(digest.toString('hex'))).toBe(1)
  })

  it('is signed by the key beside it, exactly as it stands', () => {
    expect(Buffer.from(envelope.payload, 'base64')).toEqual(schemaBytes)
    expect(envelope.payloadType).toBe('application/schema+json')
    expect(envelope.signatures[0]?.keyid).toBe(createHash('sha256').update(rawKey).digest('hex'))
    expect(signed(envelope.payloadType, schemaBytes)).toBe(true)
    expect(signed('application/json', schemaBytes)).toBe(false)
    expect(signed(envelope.payloadType, Buffer.concat([schemaBytes, Buffer.from('\n')]))).toBe(false)
  })
})
