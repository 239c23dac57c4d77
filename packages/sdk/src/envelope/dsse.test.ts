import { generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromUtf8, toBase64, utf8 } from '../bytes.ts'
import { encodeDsse, PAYLOAD_TYPES, pae, parseDsse, thingOf } from './dsse.ts'

describe('pae()', () => {
  it('gives the example of the DSSE specification', () => {
    expect(fromUtf8(pae('http://example.com/HelloWorld', utf8('hello world')))).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    )
  })

  it('counts bytes, not characters', () => {
    expect(fromUtf8(pae('ü', utf8('é!')))).toBe('DSSEv1 2 ü 3 é!')
    expect(fromUtf8(pae('', new Uint8Array(0)))).toBe('DSSEv1 0  0 ')
  })

  it('gives different bytes for different pairs', () => {
    const pair = fc.tuple(fc.string({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }))
    fc.assert(
      fc.property(pair, pair, (one, other) => {
        fc.pre(one[0] !== other[0] || toBase64(one[1]) !== toBase64(other[1]))
        expect(pae(...one)).not.toEqual(pae(...other))
      }),
    )
  })
})

describe('PAYLOAD_TYPES', () => {
  it('names each thing once, and is found back', () => {
    const types = Object.values(PAYLOAD_TYPES)
    expect(PAYLOAD_TYPES.packet).toBe('application/vnd.mystranet.packet.v1+protobuf')
    expect(new Set(types).size).toBe(types.length)
    for (const [thing, type] of Object.entries(PAYLOAD_TYPES)) expect(thingOf(type)).toBe(thing)
    expect(thingOf('application/json')).toBeUndefined()
  })
})

describe('the JSON envelope', () => {
  it('carries a signature that verifies after the way through JSON', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const payload = utf8('exact bytes')
    const sig = new Uint8Array(sign(null, pae(PAYLOAD_TYPES.packet, payload), privateKey))
    const read = parseDsse(encodeDsse({ payloadType: PAYLOAD_TYPES.packet, payload, signatures: [{ sig }] }))
    expect(verify(null, pae(read.payloadType, read.payload), publicKey, read.signatures[0]!.sig)).toBe(true)
    expect(verify(null, pae(PAYLOAD_TYPES.finding, read.payload), publicKey, read.signatures[0]!.sig)).toBe(false)
  })

  it('reads the envelope of the DSSE specification', () => {
    const envelope = parseDsse(
      '{"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld", "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}',
    )
    expect(fromUtf8(envelope.payload)).toBe('hello world')
    expect(envelope.signatures[0]!.sig).toHaveLength(64)
  })

  it('reads what was written', () => {
    const signature = fc.record(
      { keyid: fc.string(), sig: fc.uint8Array({ maxLength: 80 }) },
      { requiredKeys: ['sig'], noNullPrototype: true },
    )
    fc.assert(
      fc.property(
        fc.string(),
        fc.uint8Array(),
        fc.array(signature, { minLength: 1, maxLength: 3 }),
        (payloadType, payload, signatures) => {
          const envelope = { payloadType, payload, signatures } as Parameters<typeof encodeDsse>[0]
          expect(parseDsse(encodeDsse(envelope))).toEqual(envelope)
        },
      ),
    )
  })

  it('reads URL-safe base64 too', () => {
    const sig = Uint8Array.of(0xfb, 0xff, 0xfe, 1)
    const json = JSON.stringify({ payload: '-__-AQ', payloadType: 'x', signatures: [{ sig: '-__-AQ==' }] })
    expect(parseDsse(json)).toEqual({ payloadType: 'x', payload: sig, signatures: [{ sig }] })
  })

  const good = { payload: 'AA==', payloadType: 'x', signatures: [{ sig: 'AA==' }] }
  it.each([
    ['{', /not JSON/],
    ['[]', /not an object/],
    ['null', /not an object/],
    [JSON.stringify({ ...good, payloadType: 1 }), /payloadType is no text/],
    [JSON.stringify({ ...good, payload: 'A===' }), /payload is not base64/],
    [JSON.stringify({ ...good, payload: 'AB==' }), /payload is not base64/],
    [JSON.stringify({ ...good, payload: undefined }), /payload is not base64/],
    [JSON.stringify({ ...good, signatures: [] }), /no list of one or more/],
    [JSON.stringify({ ...good, signatures: {} }), /no list of one or more/],
    [JSON.stringify({ ...good, signatures: ['AA=='] }), /not a signature object/],
    [JSON.stringify({ ...good, signatures: [{ sig: 'A A=' }] }), /sig is not base64/],
    [JSON.stringify({ ...good, signatures: [{ sig: 'AA==', keyid: 7 }] }), /keyid is no text/],
  ])('refuses %s', (json, guard) => {
    expect(() => parseDsse(json)).toThrow(guard)
    expect(() => parseDsse(json)).toThrow(expect.objectContaining({ code: 'DOCUMENT_MALFORMED' }))
  })

  it('throws its declared error only', () => {
    const key = fc.constantFrom('payload', 'payloadType', 'signatures', 'sig', 'keyid', '__proto__')
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 3 }),
        tie('object'),
      ),
      object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    })).object
    fc.assert(
      fc.property(
        fc.oneof(
          json.map((value) => JSON.stringify(value)),
          fc.string(),
        ),
        (text) => {
          try {
            parseDsse(text)
          } catch (error) {
            expect(error).toMatchObject({ code: 'DOCUMENT_MALFORMED' })
          }
        },
      ),
      { numRuns: 2000, seed: 17 },
    )
  })
})
