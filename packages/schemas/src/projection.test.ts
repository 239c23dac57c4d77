import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { text } from '../generate/json-schema.ts'
import { PACKET_SCHEMA_V1 } from './gen/packet-schema.ts'
import { BatchProof, HeaderCore, Recipients } from './gen/strict.ts'
import {
  type PacketProjection,
  type ProjectedPacket,
  parseProjection,
  project,
  SCHEMA_DIGEST_V1,
  SCHEMA_DIGEST_V1_HEX,
} from './projection.ts'
import { encode, SchemaError } from './strict.ts'

const read = (name: string): Buffer => readFileSync(new URL(`../json/${name}`, import.meta.url))
const schemaBytes = read('packet.v1.schema.json')
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
    recipients: fc.uniqueArray(bytes(32), { maxLength: 8, selector: String }),
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
    paddedSize: maybe(fc.constantFrom(256, 4_096, 7_340_032)),
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
const recipient = fc.record({
  instanceId: bytes(32),
  kemKeyId: bytes(32),
  enc: maybe(fc.uint8Array({ minLength: 1, maxLength: 40 })),
  wrappedKey: bytes(48),
})
const batch = fc.record({
  statement: fc.uint8Array({ minLength: 1, maxLength: 512 }),
  signature: bytes(64),
  path: fc.array(bytes(32), { maxLength: 10 }),
})
const packets: fc.Arbitrary<ProjectedPacket> = fc
  .record({
    core: cores,
    packetId: bytes(32),
    payload: fc.uint8Array({ maxLength: 40 }),
    recipientsHash: maybe(bytes(32)),
    ciphertextHash: maybe(bytes(32)),
    recipientKeys: fc.array(recipient, { maxLength: 8 }),
    origin: fc.oneof(fc.record({ signature: bytes(64) }), fc.record({ batch })),
  })
  .map(({ origin, ...packet }) => ({ ...packet, ...origin }))

describe('project and parseProjection', () => {
  it('are inverse, through JSON text, value by value', () => {
    fc.assert(
      fc.property(packets, (given) => {
        const json = JSON.parse(JSON.stringify(project(given))) as PacketProjection
        const packet = parseProjection(json)
        expect(encode(HeaderCore, packet.core)).toEqual(encode(HeaderCore, given.core))
        const recipients = ({ recipientKeys }: ProjectedPacket) =>
          recipientKeys.length > 0 ? encode(Recipients, { recipients: [...recipientKeys] }) : undefined
        expect(recipients(packet)).toEqual(recipients(given))
        expect(packet.packetId).toEqual(given.packetId)
        expect(packet.payload).toEqual(Uint8Array.from(given.payload))
        expect(packet.recipientsHash).toEqual(given.recipientsHash)
        expect(packet.ciphertextHash).toEqual(given.ciphertextHash)
        expect(packet.signature).toEqual(given.signature)
        expect(packet.batch && encode(BatchProof, packet.batch)).toEqual(given.batch && encode(BatchProof, given.batch))
        expect(project(packet)).toEqual(json)
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  it('carry a payload of several chunks', () => {
    const [packet] = fc.sample(packets, { seed: 1, numRuns: 1 }) as [ProjectedPacket]
    const payload = Uint8Array.from({ length: 100_001 }, (_, i) => i)
    const json = project({ ...packet, payload })
    expect(json.Payload).toBe(Buffer.from(payload).toString('base64'))
    expect(parseProjection(json).payload).toEqual(payload)
  })

  const [given] = fc.sample(packets, { seed: 5, numRuns: 1 }) as [ProjectedPacket]
  const withCore = (over: Partial<HeaderCore>) => () => project({ ...given, core: { ...given.core, ...over } })
  it.each<[string, () => unknown, string]>([
    ['a kind without a name', withCore({ kind: 7 }), 'NLD_Directive_Type'],
    ['another version', withCore({ version: 2 }), 'Format_Version: wanted one of 1'],
    ['another suite', withCore({ suite: 3 }), 'Cipher_Suite: wanted one of 1, 2'],
    ['a size that is no bucket', withCore({ paddedSize: 257 }), 'Padded_Size: wanted one of 256, 1024'],
    ['the year 10000', withCore({ createdMs: 253_402_300_800_000 }), 'after the year 9999'],
    ['a short packet id', () => project({ ...given, packetId: new Uint8Array(31) }), '31 bytes, wanted 32'],
    ['no origin', () => project({ ...given, signature: undefined, batch: undefined }), 'no origin'],
    ['a tag outside its alphabet', withCore({ targetInstance: undefined, targetTag: 'Chat' }), 'wanted 1 to 128'],
    ['a packet without a target', withCore({ targetInstance: undefined, targetTag: undefined }), 'no target'],
  ])('project refuses %s', (_, run, guard) => {
    expect(run).toThrow(SchemaError)
    expect(run).toThrow(guard)
  })

  const core = { ...given.core, targetInstance: undefined, targetTag: 'chat' }
  const base = { ...project({ ...given, core, signature: new Uint8Array(64), batch: undefined }) }
  const proof = { Statement: 'ab', Signature: 'ab'.repeat(64) }
  const id = 'ab'.repeat(32)
  it.each<[string, unknown, string]>([
    ['no object', null, 'no JSON object'],
    ['a list', [], 'no JSON object'],
    ['an unknown name', { ...base, Colour: 'blue' }, 'Colour: an unknown name'],
    ['__proto__', JSON.parse('{"__proto__": 1}'), '__proto__: an unknown name'],
    ['an absent name', { ...base, Nonce: undefined }, 'Nonce: a mandatory value is absent'],
    ['an absent packet id', { ...base, Transaction_Hash_ID: undefined }, 'wanted 64 lowercase hex digits'],
    ['an absent payload', { ...base, Payload: undefined }, 'Payload: wanted base64'],
    ['two targets', { ...base, Target_Instance_ID: id }, 'a second target'],
    ['two origins', { ...base, Batch_Proof: proof }, 'a second origin'],
    [
      'half a byte',
      { ...base, Signature: undefined, Batch_Proof: { ...proof, Statement: 'abc' } },
      'Statement: wanted 4',
    ],
    [
      'no bytes',
      { ...base, Signature: undefined, Batch_Proof: { ...proof, Statement: '' } },
      'Statement: wanted 1 to 512',
    ],
    ['a recipient twice', { ...base, Candidate_Instance_IDs: [id, id] }, 'an item stands twice'],
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
  ])('parseProjection refuses %s', (_, json, guard) => {
    expect(() => parseProjection(json)).toThrow(SchemaError)
    expect(() => parseProjection(json)).toThrow(guard)
  })

  it('refuse noise with SchemaError only', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(() => parseProjection(json)).toThrow(SchemaError)
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
  })

  it('is in the code as it is in the file, with its signature and key', () => {
    const { payloadType, signatures } = envelope
    const [key, signature] = [rawKey.toString('hex'), signatures[0]?.sig]
    expect(PACKET_SCHEMA_V1).toEqual({ text, payloadType, signature, key })
  })

  it('is named in docs/protocol.md, by digest and key', () => {
    const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    expect(protocol.includes(SCHEMA_DIGEST_V1_HEX)).toBe(true)
    expect(protocol.includes(rawKey.toString('hex'))).toBe(true)
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
