import { FIELD_PRESENCE, KINDS, type Kind } from '@mystranet/schemas/kinds'
import { MAX_HEADER_BYTES, MAX_PACKET_BYTES } from '@mystranet/schemas/limits'
import { decode, encode, Header, HeaderCore, Packet } from '@mystranet/schemas/messages'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { isPacketError } from '../errors.ts'
import { buildRequest } from '../packet/build.ts'
import { anAgent, aSender } from '../packet/fixture.ts'
import { seal } from '../packet/seal.ts'
import { PAYLOAD_TYPES, pae, type Thing } from './dsse.ts'
import { ciphertextHash, contentCommitment, documentDigest, packetId, recipientsHash } from './hash.ts'
import { signDocument, verifyDocument, verifyOrigin } from './origin.ts'
import { bucketOf, isBucket, pad, padFrame, unpad, unpadFrame } from './padding.ts'
import { parseHeader, parsePacket } from './parse.ts'
import { judgeSequence, windowFloor } from './replay.ts'

const THINGS = Object.keys(PAYLOAD_TYPES) as Thing[]
const code = (wanted: string) => expect.objectContaining({ code: wanted })

let request: Uint8Array
let core: HeaderCore
let signer: Awaited<ReturnType<typeof aSender>>['signer']

beforeAll(async () => {
  const sender = await aSender()
  const agent = await anAgent()
  const sealed = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
  request = sealed.bytes
  core = sealed.core
  signer = sender.signer
})

/** The request's header with another core. */
function headerWith(changes: Partial<HeaderCore>): Uint8Array {
  const header = decode(Header, decode(Packet, request).header)
  return encode(Header, { ...header, core: encode(HeaderCore, { ...core, ...changes }) })
}

describe('parsePacket()', () => {
  it('copies what it reads', () => {
    const bytes = request.slice()
    const parsed = parsePacket(bytes)
    bytes.fill(0)
    expect(parsed.core.nonce).toEqual(core.nonce)
  })

  it.each([
    ['nothing', () => new Uint8Array(0), 'PACKET_MALFORMED'],
    ['a packet over the cap', () => new Uint8Array(MAX_PACKET_BYTES + 400_000), 'PACKET_TOO_LARGE'],
    [
      'a packet over the cap by its ciphertext',
      () => encode(Packet, { ...decode(Packet, request), ciphertext: new Uint8Array(MAX_PACKET_BYTES) }),
      'PACKET_TOO_LARGE',
    ],
    [
      'recipients over their cap',
      () => encode(Packet, { ...decode(Packet, request), recipients: new Uint8Array(12_289) }),
      'PACKET_TOO_LARGE',
    ],
    ['no origin', () => encode(Packet, { ...decode(Packet, request), signature: undefined }), 'PACKET_MALFORMED'],
    ['no ciphertext', () => encode(Packet, { ...decode(Packet, request), ciphertext: undefined }), 'FIELD_INVALID'],
    ['no recipients', () => encode(Packet, { ...decode(Packet, request), recipients: undefined }), 'FIELD_INVALID'],
    [
      'a ciphertext of another size',
      () => encode(Packet, { ...decode(Packet, request), ciphertext: new Uint8Array(99) }),
      'FIELD_INVALID',
    ],
    ['an unknown field', () => Uint8Array.of(...request, 0x7a, 1, 1), 'PACKET_MALFORMED'],
  ])('refuses %s', (_, bytes, wanted) => {
    expect(() => parsePacket(bytes())).toThrow(code(wanted))
  })

  it('throws nothing but its declared errors, for 20,000 mutations of a packet', () => {
    const declared = new Set<string>()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(request.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        (edits, cut) => {
          const bytes = request.slice(0, request.length - (cut === 0 ? (edits[0] as [number, number])[0] : 0))
          for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
          try {
            parsePacket(bytes)
          } catch (error) {
            if (!isPacketError(error)) throw error
            declared.add(error.code)
          }
        },
      ),
      { numRuns: 20_000, seed: 2 },
    )
    expect([...declared]).toEqual(
      expect.arrayContaining(['PACKET_MALFORMED', 'FIELD_INVALID', 'VERSION_UNKNOWN', 'SCHEMA_UNKNOWN']),
    )
  })
})

describe('parseHeader()', () => {
  it('takes a header of exactly 4,000 bytes to the next gate, and refuses 4,001', () => {
    expect(() => parseHeader(new Uint8Array(MAX_HEADER_BYTES + 1))).toThrow(code('HEADER_TOO_LARGE'))
    expect(() => parseHeader(new Uint8Array(MAX_HEADER_BYTES))).toThrow(code('PACKET_MALFORMED'))
  })

  it.each<[string, Partial<HeaderCore>, string]>([
    ['an unknown version', { version: 2, compatibleVersions: [2] }, 'VERSION_UNKNOWN'],
    ['an unknown suite', { suite: 3 }, 'SUITE_UNKNOWN'],
    ['an unknown kind', { kind: 7 }, 'KIND_UNKNOWN'],
    ['an unknown schema', { schema: new Uint8Array(32).fill(3) }, 'SCHEMA_UNKNOWN'],
    ['two targets', { targetTag: undefined }, 'FIELD_INVALID'],
    ['a tag in capitals', { targetTag: 'Misty' }, 'FIELD_INVALID'],
    ['an expiry that is not after its creation', { expiresMs: 1_780_000_000_000 }, 'FIELD_INVALID'],
    ['a padded size that is no bucket', { paddedSize: 257 }, 'FIELD_INVALID'],
    ['nine attempts', { retry: { maxAttempts: 9 } }, 'FIELD_INVALID'],
    ['an unknown priority', { priority: 3 }, 'FIELD_INVALID'],
    ['versions that do not ascend', { compatibleVersions: [2, 1] }, 'FIELD_INVALID'],
    ['versions without its own', { compatibleVersions: [2] }, 'FIELD_INVALID'],
  ])('refuses %s', (_, changes, wanted) => {
    expect(() => parseHeader(headerWith(changes))).toThrow(code(wanted))
  })

  it('refuses a recipient that stands twice', () => {
    const twice = [core.recipients[0] as Uint8Array, core.recipients[0] as Uint8Array]
    expect(() => parseHeader(headerWith({ recipients: twice }))).toThrow(code('RECIPIENTS_MISMATCH'))
  })

  it('judges version, suite, kind and schema in this order', () => {
    const schema = new Uint8Array(32).fill(3)
    expect(() => parseHeader(headerWith({ version: 9, suite: 9, kind: 9, schema }))).toThrow(code('VERSION_UNKNOWN'))
    expect(() => parseHeader(headerWith({ suite: 9, kind: 9, schema }))).toThrow(code('SUITE_UNKNOWN'))
    expect(() => parseHeader(headerWith({ kind: 9, schema }))).toThrow(code('KIND_UNKNOWN'))
  })

  const samples: Record<keyof typeof FIELD_PRESENCE, unknown> = {
    recipients: [new Uint8Array(32)],
    inReplyTo: new Uint8Array(32),
    attempt: 1,
    responseNonce: new Uint8Array(32),
    code: 5,
    contentCommitment: new Uint8Array(32),
    paddedSize: 256,
    tableDigest: new Uint8Array(32),
    retry: { maxAttempts: 1 },
    session: new Uint8Array(32),
    priority: 1,
    prefixTag: new Uint8Array(16),
    supersedes: new Uint8Array(32),
  }
  const codeOf: Partial<Record<Kind, number>> = { STREAM_CLOSE: 3, ACK: 1, NACK: 60 }

  /** A core of a kind with exactly its mandatory fields. */
  function coreOf(kind: Kind): HeaderCore {
    const fields = Object.entries(FIELD_PRESENCE).map(([name, columns]) => {
      const presence = columns[KINDS[kind] - 1]
      const isBody = kind === 'STREAM_CLOSE' && presence === 'O' && name !== 'code'
      const value = name === 'code' ? codeOf[kind] : samples[name as keyof typeof samples]
      return [name, presence === 'M' || isBody ? value : name === 'recipients' ? [] : undefined]
    })
    const target = { targetTag: undefined, targetInstance: new Uint8Array(32).fill(4) }
    return { ...core, ...target, ...Object.fromEntries(fields), kind: KINDS[kind] }
  }

  function headerOf(of: HeaderCore): Uint8Array {
    const hash = new Uint8Array(32)
    return encode(Header, {
      core: encode(HeaderCore, of),
      recipientsHash: of.recipients.length > 0 ? hash : undefined,
      ciphertextHash: of.paddedSize !== undefined ? hash : undefined,
    })
  }

  it.each(Object.keys(KINDS) as Kind[])('holds %s to the fields of its kind, each of them', (kind) => {
    const whole = coreOf(kind)
    expect(parseHeader(headerOf(whole)).kind).toBe(kind)
    for (const [name, columns] of Object.entries(FIELD_PRESENCE)) {
      const presence = columns[KINDS[kind] - 1]
      const without = { ...whole, [name]: name === 'recipients' ? [] : undefined }
      if (presence === 'M')
        expect(() => parseHeader(headerOf(without)), `without ${name}`).toThrow(code('FIELD_INVALID'))
      const value = samples[name as keyof typeof samples]
      if (presence === '-')
        expect(() => parseHeader(headerOf({ ...whole, [name]: value })), `with ${name}`).toThrow(code('FIELD_INVALID'))
    }
  })
})

describe('verifyOrigin()', () => {
  it('accepts its signer and refuses every changed bit of the signature', async () => {
    const parsed = parsePacket(request)
    await verifyOrigin(parsed, parsed.origin)
    const signature = parsed.origin.signature as Uint8Array
    for (let bit = 0; bit < 512; bit += 7) {
      const changed = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      await expect(verifyOrigin(parsed, { signature: changed })).rejects.toThrow(code('SIGNATURE_INVALID'))
    }
  })
})

describe('signDocument() and verifyDocument()', () => {
  it('are a pair for each thing, and never across things', async () => {
    const body = Uint8Array.of(1, 2, 3)
    for (const thing of THINGS) {
      const signed = await signDocument(thing, body, signer)
      expect((await verifyDocument(thing, signed)).body).toEqual(body)
      const other = THINGS.find((each) => each !== thing) as Thing
      await expect(verifyDocument(other, signed)).rejects.toThrow(code('SIGNATURE_INVALID'))
    }
  })
})

describe('hashes', () => {
  it('give every label another value for the same bytes', () => {
    const bytes = new Uint8Array(32)
    const all = [
      packetId(bytes),
      recipientsHash(bytes),
      ciphertextHash(bytes),
      contentCommitment(bytes, bytes),
      ...THINGS.map((thing) => documentDigest(thing, bytes)),
    ]
    expect(new Set(all.map(String)).size).toBe(all.length)
  })
})

describe('padding', () => {
  const salt = new Uint8Array(32).fill(8)

  it('is undone exactly, for every length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (content) => {
        const plain = pad(salt, content)
        expect(isBucket(plain.length)).toBe(true)
        expect(unpad(plain, contentCommitment(salt, content)).content).toEqual(new Uint8Array(content))
        if (content.length <= 4000) expect(unpadFrame(padFrame(content))).toEqual(new Uint8Array(content))
      }),
      { seed: 3 },
    )
  })

  it.each([
    [0, 256],
    [256, 256],
    [257, 1024],
    [1025, 4096],
    [4097, 8192],
    [1 << 20, 1 << 20],
    [(1 << 20) + 1, 2 << 20],
    [(2 << 20) + 1, 3 << 20],
  ])('puts %i bytes into a bucket of %i', (bytes, bucket) => {
    expect(bucketOf(bytes)).toBe(bucket)
  })

  it('refuses what is not zero, not in its bucket, or committed to otherwise', () => {
    const content = new Uint8Array(10)
    const plain = pad(salt, content)
    const commitment = contentCommitment(salt, content)
    const dirty = plain.slice()
    dirty[255] = 1
    expect(() => unpad(dirty, commitment)).toThrow(/padding is not zero/)
    const wide = new Uint8Array(1024)
    wide.set(plain)
    expect(() => unpad(wide, commitment)).toThrow(/not padded to their bucket/)
    const long = plain.slice()
    new DataView(long.buffer).setUint32(32, 300)
    expect(() => unpad(long, commitment)).toThrow(/not padded to their bucket/)
    expect(() => unpad(plain, contentCommitment(salt, new Uint8Array(11)))).toThrow(code('COMMITMENT_MISMATCH'))
    const frame = padFrame(content)
    frame[63] = 1
    expect(() => unpadFrame(frame)).toThrow(code('STREAM_INVALID'))
  })
})

describe('the sequence window', () => {
  it('takes each number once, and knows the same packet again', () => {
    expect(judgeSequence(5n, 'a', 9n, undefined)).toBe('fresh')
    expect(judgeSequence(5n, 'a', 9n, 'a')).toBe('same')
    expect(judgeSequence(5n, 'b', 9n, 'a')).toBe('replayed')
  })

  it('has 2,048 slots, and a number that fell out at the left is replayed', () => {
    expect(judgeSequence(1n, 'a', 2048n, undefined)).toBe('fresh')
    expect(judgeSequence(1n, 'a', 2049n, undefined)).toBe('replayed')
    expect(windowFloor(2049n)).toBe(2n)
    expect(windowFloor(7n)).toBe(1n)
  })
})

it('the payload types and the PAE are those of DSSE v1', () => {
  expect(PAYLOAD_TYPES.packet).toBe('application/vnd.mystranet.packet.v1+protobuf')
  const text = new TextDecoder().decode(pae('http://example.com/HelloWorld', new TextEncoder().encode('hello world')))
  expect(text).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})
