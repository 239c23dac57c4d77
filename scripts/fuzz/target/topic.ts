import {
  encodeMessage,
  encodeSigned,
  parseMessage,
  parseSigned,
  TOPICS,
  type TopicMessages,
} from '../../../packages/schemas/src/topics.ts'
import { judgedNow, promise, same, type Target } from '../target.ts'

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value)
const stamp = {
  id: bytes(16, 1),
  network: bytes(32, 2),
  ts: 1_780_000_000_000,
  producerId: bytes(32, 3),
  nonce: bytes(16, 4),
  pubkey: bytes(32, 5),
}
const MESSAGES: TopicMessages = {
  'ai.anomalies.v1': {
    ...stamp,
    type: 't',
    source: 's',
    severity: 5,
    confidence: 0.5,
    contentHash: bytes(32, 6),
    payload: bytes(9, 7),
    modelVersion: 'v',
  },
  'ai.evidence.v1': {
    ...stamp,
    evidenceType: 'e',
    refs: [bytes(16, 8)],
    proofBlob: bytes(9, 9),
    contentHash: bytes(32, 6),
  },
  'ai.policy.v1': { ...stamp, action: 'a', rule: 'r', params: bytes(2, 1), requiresAck: true },
  'control.commits.v1': { ...stamp, findingId: bytes(16, 1), leafIndex: 4n, leafHash: bytes(32, 2), treeSize: 5n },
  'control.reputation.v1': { ...stamp, subject: 's', score: 0.5, confirmed: 1, overruled: 2 },
  'control.policy.v1': { ...stamp, policyId: bytes(16, 1), accepted: true, reason: 'r' },
  'control.evidence.v1': { ...stamp, evidenceId: bytes(16, 1), accepted: false, request: 'q' },
}

/** A signed message of a topic, and its body; `input[0]` says of which topic, or that it is the signed one. */
export const target: Target = {
  name: 'topic',
  inputs: 50_000,
  codes: ['SCHEMA'],
  covers: ['schemas/topics.ts parseMessage', 'schemas/topics.ts parseSigned'],
  async open() {
    const bodies = TOPICS.map((topic) => encodeMessage(topic, MESSAGES[topic]))
    const placed = (at: number, body: Uint8Array) => new Uint8Array(Buffer.concat([Uint8Array.of(at), body]))
    const signed = bodies.map((body) => placed(TOPICS.length, encodeSigned({ body, signature: bytes(64, 1) })))
    return {
      manner: 'bytes',
      seeds: [...bodies.map((body, i) => placed(i, body)), ...signed],
      twists: [{ make: (random) => placed(random.below(TOPICS.length), random.pick(bodies)) }],
      run: (input) =>
        judgedNow(() => {
          const topic = TOPICS[(input[0] ?? 0) % (TOPICS.length + 1)]
          const given = input.subarray(1)
          if (topic === undefined) {
            const { body, signature } = parseSigned(given)
            promise(same(parseSigned(encodeSigned({ body, signature })).body, body), 'it does not survive')
            return
          }
          const written = encodeMessage(topic, parseMessage(topic, given))
          promise(same(encodeMessage(topic, parseMessage(topic, written)), written), 'what it says does not survive')
        }),
    }
  },
}
