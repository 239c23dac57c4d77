import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CODES, type Code } from './codes.ts'
import type { AgentMessage, RouterMessage } from './link.ts'
import { decodeAgentMessage, decodeRouterMessage, encodeAgentMessage, encodeRouterMessage } from './link-wire.ts'

const bytes = (max = 200) => fc.uint8Array({ maxLength: max }).map((each) => Uint8Array.from(each))
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((each) => Uint8Array.from(each))
const count = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const text = fc.string({ unit: 'grapheme', maxLength: 80 })
const lease = text

const agentMessage: fc.Arbitrary<AgentMessage> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), instance: id, slots: count, models: fc.array(text) }),
  fc.record({ type: fc.constant('keys' as const), id: count, events: fc.array(bytes()) }),
  fc.record({ type: fc.constant('statement' as const), id: count, document: bytes() }),
  fc.record({ type: fc.constant('reply' as const), id: count, packet: bytes() }),
  fc.record({ type: fc.constant('frame' as const), request: id, frame: bytes() }),
  fc.record({ type: fc.constant('checkpoint' as const), request: id, document: bytes() }),
  fc.record({ type: fc.constant('heartbeat' as const), request: id, text }),
  fc.record({ type: fc.constantFrom('progress' as const, 'finished' as const, 'returned' as const), lease }),
  fc.record({
    type: fc.constant('presence' as const),
    running: count,
    queued: count,
    canaryMs: fc.option(fc.maxSafeNat(), { nil: undefined }),
    draining: fc.boolean(),
    tokensPerSecond: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs),
  }),
  fc.record({ type: fc.constant('log' as const), line: text }),
)
const routerMessage: fc.Arbitrary<RouterMessage> = fc.oneof(
  fc.record({ type: fc.constant('deliver' as const), lease, leaseMs: count, packet: bytes() }),
  fc.record({ type: fc.constant('cancel' as const), packet: bytes(), senderKeys: bytes() }),
  fc.record({ type: fc.constant('abandon' as const), request: id }),
  fc.record({ type: fc.constant('done' as const), id: count, receipts: fc.array(bytes()) }),
  fc.record({
    type: fc.constant('refused' as const),
    id: count,
    code: fc.constantFrom(...(Object.keys(CODES) as Code[])),
    message: text,
  }),
  fc.record({ type: fc.constant('drain' as const) }),
)

describe('messages as bytes', () => {
  it('come back as they were, and are the only encoding of themselves', () => {
    fc.assert(
      fc.property(agentMessage, (message) => {
        expect(decodeAgentMessage(encodeAgentMessage(message))).toEqual(message)
      }),
      { seed: 1, numRuns: 500 },
    )
    fc.assert(
      fc.property(routerMessage, (message) => {
        expect(decodeRouterMessage(encodeRouterMessage(message))).toEqual(message)
      }),
      { seed: 2, numRuns: 500 },
    )
  })

  it('of one side are none of the other', () => {
    expect(decodeRouterMessage(encodeAgentMessage({ type: 'log', line: 'x' }))).toBeUndefined()
    expect(decodeAgentMessage(encodeRouterMessage({ type: 'drain' }))).toBeUndefined()
  })

  it('are refused for each thing that is wrong with them', () => {
    const progress = encodeAgentMessage({ type: 'progress', lease: 'ab' })
    const presence = encodeAgentMessage({
      type: 'presence',
      running: 1,
      queued: 0,
      canaryMs: 5,
      draining: false,
      tokensPerSecond: 1,
    })
    const refused = encodeRouterMessage({ type: 'refused', id: 1, code: 'LOG_BUSY', message: '' })
    const changed = (base: Uint8Array, at: number, ...values: number[]) => {
      const copy = base.slice()
      copy.set(values, at)
      return copy
    }
    const wrong = {
      nothing: new Uint8Array(0),
      'unknown type': Uint8Array.of(99),
      'cut short': progress.subarray(0, -1),
      'one byte too many': Uint8Array.of(...progress, 0),
      'no UTF-8': changed(progress, 5, 0xff),
      'a length beyond all': changed(progress, 1, 0xff, 0xff, 0xff, 0xff),
      'a flag of 2': changed(presence, 9, 2),
      'a time that is no safe integer': changed(presence, 10, 0xff),
      'a number below nothing': changed(presence, 19, 0xbf),
      'minus nothing': changed(presence, 19, 0x80, 0, 0, 0, 0, 0, 0, 0),
      'no number': changed(presence, 19, 0x7f, 0xf8),
      'a list without end': Uint8Array.of(2, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff),
    }
    for (const [what, each] of Object.entries(wrong))
      expect([what, decodeAgentMessage(each)]).toEqual([what, undefined])
    expect(decodeAgentMessage(presence)).toBeDefined()
    expect(decodeRouterMessage(refused)).toBeDefined()
    expect(decodeRouterMessage(changed(refused, 9, 0x58))).toBeUndefined()
  })

  it('cannot be made beyond the limits', () => {
    const wrong: AgentMessage[] = [
      { type: 'log', line: 'x'.repeat(64 * 1024 + 1) },
      { type: 'log', line: '\ud800' },
      { type: 'hello', instance: new Uint8Array(31), slots: 1, models: [] },
      { type: 'hello', instance: new Uint8Array(32), slots: -1, models: [] },
      { type: 'hello', instance: new Uint8Array(32), slots: 1, models: Array(1_025).fill('') },
      { type: 'reply', id: 2 ** 32, packet: new Uint8Array(0) },
      { type: 'reply', id: 0, packet: new Uint8Array(9 * 1024 * 1024) },
    ]
    for (const message of wrong) expect(() => encodeAgentMessage(message)).toThrow(RangeError)
  })

  it('survive hostile bytes: mutations are refused or mean what they encode to', () => {
    const mutate = fc.tuple(
      fc.oneof(agentMessage.map(encodeAgentMessage), routerMessage.map(encodeRouterMessage)),
      fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }),
      fc.integer({ min: -3, max: 3 }),
    )
    fc.assert(
      fc.property(mutate, ([base, changes, cut]) => {
        const hostile = new Uint8Array(Math.max(0, base.length + cut))
        hostile.set(base.subarray(0, hostile.length))
        for (const [at, value] of changes) if (at < hostile.length) hostile[at] = value
        const [agent, router] = [decodeAgentMessage(hostile), decodeRouterMessage(hostile)]
        if (agent !== undefined) expect(encodeAgentMessage(agent)).toEqual(hostile)
        if (router !== undefined) expect(encodeRouterMessage(router)).toEqual(hostile)
      }),
      { seed: 3, numRuns: 5_000 },
    )
  })
})
