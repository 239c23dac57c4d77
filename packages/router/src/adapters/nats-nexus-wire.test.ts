import { CODES, type Code } from '@mystranet/schemas/codes'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RouterError } from '../errors.ts'
import {
  ASKS,
  askedOf,
  askSubject,
  encodeAsk,
  encodeDatagram,
  encodeRefusal,
  KINDS,
  type Kind,
  readAsk,
  readDatagram,
  readRefusal,
} from './nats-nexus-wire.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Uint8Array.from(each))
const count = fc.integer({ min: 0, max: 2 ** 32 - 1 })

describe('asks and datagrams', () => {
  it('come back as they were', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 20 })
    fc.assert(
      fc.property(count, fc.nat({ max: 10_000 }), name, bytes, (deadlineMs, more, each, body) => {
        const ask = { deadlineMs, length: body.length + more, name: each, body }
        expect(readAsk(encodeAsk(ask))).toEqual(ask)
      }),
      { seed: 1, numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(KINDS) as Kind[])), count, bytes, (kind, number, payload) => {
        expect(readDatagram(encodeDatagram(kind, number, payload))).toEqual({ kind, number, payload })
      }),
      { seed: 2, numRuns: 300 },
    )
    const packet = fc.option(fc.constant('ab'.repeat(32)), { nil: undefined })
    const wait = fc.option(fc.nat({ max: 60_000 }), { nil: undefined })
    const code = fc.constantFrom(...(Object.keys(CODES) as Code[]))
    fc.assert(
      fc.property(code, name, wait, packet, (each, message, retryAfterMs, id) => {
        const refusal = readRefusal(encodeRefusal(new RouterError(each, message, { retryAfterMs, packet: id })))
        expect({ ...refusal }).toEqual({ name: 'RouterError', code: each, retryAfterMs, packet: id })
        expect(refusal.message).toBe(message)
      }),
      { seed: 3, numRuns: 200 },
    )
    for (const what of Object.keys(ASKS)) expect(askedOf(askSubject(what as keyof typeof ASKS))).toBe(what)
  })

  it('are read from no other bytes: never an error, and what is read is made of those bytes', () => {
    const seedOf = (sample: Uint8Array) =>
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }).map((edits) => {
        const copy = sample.slice()
        for (const [at, value] of edits) copy[at % copy.length] = value
        return copy
      })
    const ask = encodeAsk({ deadlineMs: 1, length: 9, name: 'tile/0/000', body: new Uint8Array(9) })
    fc.assert(
      fc.property(fc.oneof(bytes, seedOf(ask)), (each) => {
        const read = readAsk(each)
        if (read !== undefined) expect(encodeAsk(read)).toEqual(each)
        const datagram = readDatagram(each)
        if (datagram !== undefined) {
          expect(encodeDatagram(datagram.kind, datagram.number, datagram.payload)).toEqual(each)
        }
        expect(readRefusal(each)).toBeInstanceOf(RouterError)
      }),
      { seed: 4, numRuns: 1_000 },
    )
  })

  it.each([
    ['a body longer than its length', encodeAsk({ deadlineMs: 1, length: 1, name: '', body: new Uint8Array(2) })],
    [
      'another version',
      Uint8Array.of(2, ...encodeAsk({ deadlineMs: 1, length: 0, name: '', body: new Uint8Array(0) }).slice(1)),
    ],
    ['a name of 257 bytes', encodeAsk({ deadlineMs: 1, length: 0, name: 'a'.repeat(257), body: new Uint8Array(0) })],
    ['a name that is no UTF-8', Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0xff)],
  ])('an ask with %s is none', (_, each) => expect(readAsk(each)).toBeUndefined())

  it('no code of the prototype, and none that nobody knows, is believed', () => {
    for (const code of ['constructor', 'WHATEVER', 7]) {
      const said = new TextEncoder().encode(JSON.stringify({ code, message: 'x' }))
      expect(readRefusal(said).code).toBe('ROUTER_MISBEHAVED')
    }
    expect(askedOf('weave.nexus.constructor')).toBeUndefined()
  })
})
