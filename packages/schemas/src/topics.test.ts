import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnomalySchema } from './gen/weave/ai/v1/finding_pb.js'
import { SignedFeedbackSchema } from './gen/weave/control/v1/feedback_pb.js'
import { SchemaError } from './strict.ts'
import {
  type Anomaly,
  encodeMessage,
  encodeSigned,
  isTopic,
  MAX_FINDING_BYTES,
  MAX_FINDING_PAYLOAD_BYTES,
  parseMessage,
  parseSigned,
  TOPICS,
  type TopicMessages,
} from './topics.ts'

const bytes = (least: number, most = least): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: least, maxLength: most })
const text = (least: number): fc.Arbitrary<string> => fc.string({ unit: 'grapheme', minLength: least, maxLength: 8 })
const count = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const share = fc.double({ min: 0, max: 1, noNaN: true }).map((n) => n + 0)
const stamp = {
  id: bytes(16, 64),
  network: bytes(32),
  ts: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  producerId: bytes(32),
  nonce: bytes(16),
  pubkey: bytes(32),
}
const VALUES: { readonly [T in keyof TopicMessages]: fc.Arbitrary<TopicMessages[T]> } = {
  'ai.anomalies.v1': fc.record({
    ...stamp,
    type: text(1),
    source: text(1),
    severity: fc.integer({ min: 1, max: 10 }),
    confidence: share,
    contentHash: bytes(32),
    payload: bytes(0, 99),
    modelVersion: text(1),
  }),
  'ai.evidence.v1': fc.record({
    ...stamp,
    evidenceType: text(1),
    refs: fc.array(bytes(16, 64), { maxLength: 5 }),
    proofBlob: bytes(0, 99),
    contentHash: bytes(32),
  }),
  'ai.policy.v1': fc.record({
    ...stamp,
    action: text(1),
    rule: text(1),
    params: bytes(0, 99),
    requiresAck: fc.boolean(),
  }),
  'control.commits.v1': fc.record({
    ...stamp,
    findingId: bytes(16, 64),
    leafIndex: fc.bigInt(0n, (1n << 64n) - 1n),
    leafHash: bytes(32),
    treeSize: fc.bigInt(1n, (1n << 64n) - 1n),
  }),
  'control.reputation.v1': fc.record({ ...stamp, subject: text(1), score: share, confirmed: count, overruled: count }),
  'control.policy.v1': fc.record({ ...stamp, policyId: bytes(16, 64), accepted: fc.boolean(), reason: text(0) }),
  'control.evidence.v1': fc.record({ ...stamp, evidenceId: bytes(16, 64), accepted: fc.boolean(), request: text(0) }),
}

const anomaly: Anomaly = {
  id: new Uint8Array(16),
  network: new Uint8Array(32),
  ts: 1_790_000_000_000,
  producerId: new Uint8Array(32),
  nonce: new Uint8Array(16),
  pubkey: new Uint8Array(32),
  type: 'flow.syn-flood',
  source: '192.0.2.1',
  severity: 7,
  confidence: 0.5,
  contentHash: new Uint8Array(32),
  payload: new Uint8Array(3),
  modelVersion: 'flows/1.0.0',
}
const wireOf = (change: object): Uint8Array =>
  toBinary(
    AnomalySchema,
    create(AnomalySchema, { ...anomaly, topic: 'ai.anomalies.v1', ts: BigInt(anomaly.ts), ...change }),
  )

describe('encodeMessage and parseMessage', () => {
  it('know the seven topics', () => {
    expect([...TOPICS].sort()).toEqual(Object.keys(VALUES).sort())
    expect(TOPICS.every(isTopic)).toBe(true)
    expect(isTopic('ai.anomalies.v2') || isTopic('toString')).toBe(false)
  })

  it.each(TOPICS)('are inverse on %s', (topic) => {
    fc.assert(
      fc.property(VALUES[topic] as fc.Arbitrary<TopicMessages[typeof topic]>, (message) => {
        expect(parseMessage(topic, encodeMessage(topic, message))).toEqual(message)
      }),
      { seed: 21, numRuns: 200 },
    )
  })

  it('refuse a message on a topic that it was not signed for', () => {
    for (const topic of TOPICS) {
      const [message] = fc.sample(VALUES[topic] as fc.Arbitrary<never>, { seed: 1, numRuns: 1 })
      const body = encodeMessage(topic, message as never)
      for (const other of TOPICS) {
        if (other !== topic) expect(() => parseMessage(other, body), `${topic} on ${other}`).toThrow(SchemaError)
      }
    }
    expect(() => parseMessage('ai.anomalies.v1', wireOf({ topic: 'ai.evidence.v1' }))).toThrow('for another topic')
  })

  it.each<[string, Partial<Record<keyof Anomaly, unknown>>, string]>([
    ['a short id', { id: new Uint8Array(15) }, 'id: wanted 16 to 64 bytes'],
    ['a long id', { id: new Uint8Array(65) }, 'id: wanted 16 to 64 bytes'],
    ['no network', { network: new Uint8Array(0) }, 'network: wanted 32 bytes'],
    ['a short nonce', { nonce: new Uint8Array(15) }, 'nonce: wanted 16 bytes'],
    ['a short key', { pubkey: new Uint8Array(31) }, 'pubkey: wanted 32 bytes'],
    ['a short hash', { contentHash: new Uint8Array(31) }, 'contentHash: wanted 32 bytes'],
    ['severity 0', { severity: 0 }, 'severity: wanted a whole number of 1 to 10'],
    ['severity 11', { severity: 11 }, 'severity: wanted a whole number of 1 to 10'],
    ['confidence above 1', { confidence: 1.0000001 }, 'confidence: wanted a number of 0 to 1'],
    ['confidence below 0', { confidence: -1e-300 }, 'confidence: wanted a number of 0 to 1'],
    ['confidence NaN', { confidence: Number.NaN }, 'confidence: wanted a number of 0 to 1'],
    ['no type', { type: '' }, 'type: wanted a text of 1 to 128 bytes'],
    ['a long type', { type: 'é'.repeat(65) }, 'type: wanted a text of 1 to 128 bytes'],
    [
      'a large payload',
      { payload: new Uint8Array(MAX_FINDING_PAYLOAD_BYTES + 1) },
      'payload: wanted 0 to 524288 bytes',
    ],
  ])('refuse %s, written and read', (_, change, guard) => {
    expect(() => encodeMessage('ai.anomalies.v1', { ...anomaly, ...change } as Anomaly)).toThrow(guard)
    expect(() => parseMessage('ai.anomalies.v1', wireOf(change))).toThrow(guard)
    expect(() => parseMessage('ai.anomalies.v1', wireOf(change))).toThrow(SchemaError)
  })

  it('refuse a time that no number holds, and zero', () => {
    for (const ts of [0n, 1n << 53n, (1n << 64n) - 1n]) {
      expect(() => parseMessage('ai.anomalies.v1', wireOf({ ts }))).toThrow('ts: wanted a whole number')
    }
  })

  it('take the largest payload, and refuse a larger body before it is parsed', () => {
    const largest = { ...anomaly, payload: new Uint8Array(MAX_FINDING_PAYLOAD_BYTES) }
    const body = encodeMessage('ai.anomalies.v1', largest)
    expect(parseMessage('ai.anomalies.v1', body).payload).toHaveLength(MAX_FINDING_PAYLOAD_BYTES)
    const padded = new Uint8Array(MAX_FINDING_BYTES + 1)
    expect(() => parseMessage('ai.anomalies.v1', padded)).toThrow('wanted at most 655360')
  })

  it('drop fields of a later version', () => {
    const later = Buffer.concat([wireOf({}), Buffer.from([0xf8, 0x01, 0x07])])
    expect(parseMessage('ai.anomalies.v1', later)).toEqual(anomaly)
  })

  it('refuse too many refs', () => {
    const [evidence] = fc.sample(VALUES['ai.evidence.v1'], { seed: 1, numRuns: 1 })
    const refs = Array.from({ length: 65 }, () => new Uint8Array(32))
    expect(() => encodeMessage('ai.evidence.v1', { ...evidence!, refs })).toThrow('refs: wanted at most 64 items')
    const short = [new Uint8Array(32), new Uint8Array(15)]
    expect(() => encodeMessage('ai.evidence.v1', { ...evidence!, refs: short })).toThrow('refs: wanted 16 to 64 bytes')
  })
})

describe('encodeSigned and parseSigned', () => {
  it('are inverse, and one form serves findings and feedback', () => {
    fc.assert(
      fc.property(bytes(1, 99), bytes(64), (body, signature) => {
        const message = encodeSigned({ body, signature })
        expect(parseSigned(message)).toEqual({ body, signature })
        const feedback = toBinary(SignedFeedbackSchema, create(SignedFeedbackSchema, { body, signature }))
        expect(Buffer.compare(message, feedback)).toBe(0)
      }),
      { seed: 22, numRuns: 200 },
    )
  })

  it.each<[string, number, number, string]>([
    ['no body', 0, 64, 'wanted 1 to 655360 bytes'],
    ['a short signature', 1, 63, 'wanted 64 bytes'],
    ['a large body', MAX_FINDING_BYTES + 1, 64, 'wanted 1 to 655360 bytes'],
  ])('refuse %s', (_, body, signature, guard) => {
    const signed = { body: new Uint8Array(body), signature: new Uint8Array(signature) }
    expect(() => encodeSigned(signed)).toThrow(guard)
    const wire = toBinary(SignedFeedbackSchema, create(SignedFeedbackSchema, signed))
    expect(() => parseSigned(wire)).toThrow(guard)
    expect(() => parseSigned(wire)).toThrow(SchemaError)
  })

  it('refuse a message in any but its one form', () => {
    const message = encodeSigned({ body: new Uint8Array(5), signature: new Uint8Array(64) })
    const unknown = Uint8Array.from([...message, 0x18, 1])
    const asGroup = message.with(0, 0x0b)
    for (const other of [unknown, asGroup]) expect(() => parseSigned(other)).toThrow('not in its one form')
  })

  it('refuse a message beyond every size before it is parsed', () => {
    expect(() => parseSigned(new Uint8Array(MAX_FINDING_BYTES + 129))).toThrow('655489 bytes')
  })
})

describe('noise', () => {
  it('is refused with SchemaError only', () => {
    const bodies = TOPICS.map((topic) => {
      const [message] = fc.sample(VALUES[topic] as fc.Arbitrary<never>, { seed: 2, numRuns: 1 })
      return [topic, encodeMessage(topic, message as never)] as const
    })
    const attempt = (run: () => unknown): void => {
      try {
        run()
      } catch (error) {
        expect(error).toBeInstanceOf(SchemaError)
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.nat(600),
        fc.uint8Array({ maxLength: 4 }),
        fc.nat(4),
        (of, at, put, cut) => {
          const [topic, body] = of
          const start = Math.min(at, body.length)
          const bad = Buffer.concat([body.subarray(0, start), put, body.subarray(start + cut)])
          attempt(() => parseMessage(topic, bad))
          attempt(() => parseMessage(topic, put))
          attempt(() => parseSigned(bad))
        },
      ),
      { seed: 23, numRuns: 3_000 },
    )
  })
})
