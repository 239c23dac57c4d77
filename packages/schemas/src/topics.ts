/**
 * Findings of the detector and what comes back to it: the messages of the topics `ai.*` and `control.*`.
 *
 * What travels is a {@link SignedMessage}; its signature covers the exact bytes of `body` (payload type `finding`), which
 * {@link parseMessage} reads. Protobuf-es reads them, and each field is narrowed here, at the door. Whoever reads a
 * message still checks the signature, that `pubkey` belongs to `producerId`, nonce and time, and that `contentHash` is
 * the SHA-256 of `payload`.
 *
 * @module
 */
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import { AnomalySchema, EvidenceSchema, PolicySchema, SignedFindingSchema } from './gen/weave/ai/v1/finding_pb.js'
import {
  CommitFeedbackSchema,
  EvidenceFeedbackSchema,
  PolicyFeedbackSchema,
  ReputationFeedbackSchema,
} from './gen/weave/control/v1/feedback_pb.js'
import { type Bytes, SchemaError } from './strict.ts'

/** Bytes of an anomaly's payload. */
export const MAX_FINDING_PAYLOAD_BYTES = 512 * 1024
/** Bytes of one message's body: the payload and all other fields at their largest. */
export const MAX_FINDING_BYTES = 640 * 1024

/** What every message carries. The topic itself is in the signed bytes too: written and checked here. */
export interface Stamp {
  /** 16 to 64 bytes; the same in every delivery of the message. */
  readonly id: Uint8Array
  /** 32 bytes. */
  readonly network: Uint8Array
  /** Unix milliseconds. */
  readonly ts: number
  /** Instance id, 32 bytes. */
  readonly producerId: Uint8Array
  /** 16 bytes. */
  readonly nonce: Uint8Array
  /** The Ed25519 key that signs, 32 bytes. */
  readonly pubkey: Uint8Array
}

export interface Anomaly extends Stamp {
  readonly type: string
  readonly source: string
  /** 1 to 10. */
  readonly severity: number
  /** 0 to 1. */
  readonly confidence: number
  readonly contentHash: Uint8Array
  readonly payload: Uint8Array
  readonly modelVersion: string
}

export interface Evidence extends Stamp {
  readonly evidenceType: string
  /** Ids of findings, packets or leaves: up to 64, of 16 to 64 bytes each. */
  readonly refs: readonly Uint8Array[]
  /** At most 64 KiB. */
  readonly proofBlob: Uint8Array
  readonly contentHash: Uint8Array
}

export interface Policy extends Stamp {
  readonly action: string
  readonly rule: string
  /** At most 16 KiB. */
  readonly params: Uint8Array
  readonly requiresAck: boolean
}

/** A finding's leaf is confirmed. */
export interface CommitFeedback extends Stamp {
  readonly findingId: Uint8Array
  readonly leafIndex: bigint
  readonly leafHash: Uint8Array
  readonly treeSize: bigint
}

/** The standing of a producer or of a source. */
export interface ReputationFeedback extends Stamp {
  readonly subject: string
  /** 0 to 1. */
  readonly score: number
  readonly confirmed: number
  readonly overruled: number
}

/** An accepted or refused rule. */
export interface PolicyFeedback extends Stamp {
  readonly policyId: Uint8Array
  readonly accepted: boolean
  readonly reason: string
}

/** A request for more, or an acceptance. */
export interface EvidenceFeedback extends Stamp {
  readonly evidenceId: Uint8Array
  readonly accepted: boolean
  readonly request: string
}

/** Topic → what it carries. */
export interface TopicMessages {
  readonly 'ai.anomalies.v1': Anomaly
  readonly 'ai.evidence.v1': Evidence
  readonly 'ai.policy.v1': Policy
  readonly 'control.commits.v1': CommitFeedback
  readonly 'control.reputation.v1': ReputationFeedback
  readonly 'control.policy.v1': PolicyFeedback
  readonly 'control.evidence.v1': EvidenceFeedback
}

export type Topic = keyof TopicMessages

/** What travels on every topic. */
export interface SignedMessage {
  /** The exact bytes that are signed. */
  readonly body: Uint8Array
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array
}

/** The reason why a value breaks the rule, if it does. */
type Rule = (value: unknown) => string | undefined

const bytes =
  (least: number, most = least): Rule =>
  (value) =>
    value instanceof Uint8Array && value.length >= least && value.length <= most
      ? undefined
      : `wanted ${least === most ? '' : `${least} to `}${most} bytes`
const utf8 = new TextEncoder()
const text =
  (least: number, most: number): Rule =>
  (value) => {
    const fits = typeof value === 'string' && value.isWellFormed() && value.length <= most
    const size = fits ? utf8.encode(value).length : -1
    return size >= least && size <= most ? undefined : `wanted a text of ${least} to ${most} bytes of UTF-8`
  }
const whole =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `wanted a whole number of ${least} to ${most}`
const share: Rule = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'wanted a number of 0 to 1'
const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'wanted true or false')
const big =
  (least: bigint): Rule =>
  (value) =>
    typeof value === 'bigint' && value >= least && value < 1n << 64n
      ? undefined
      : `wanted a bigint of ${least} to 2^64 − 1`
const list =
  (item: Rule, maxItems: number): Rule =>
  (value) =>
    Array.isArray(value) && value.length <= maxItems
      ? value.map(item).find((why) => why !== undefined)
      : `wanted at most ${maxItems} items`

const ID = bytes(16, 64)
const DIGEST = bytes(32)
const COUNT = whole(0, 2 ** 32 - 1)
const STAMP: Readonly<Record<keyof Stamp, Rule>> = {
  id: ID,
  network: DIGEST,
  ts: whole(1, Number.MAX_SAFE_INTEGER),
  producerId: DIGEST,
  nonce: bytes(16),
  pubkey: bytes(32),
}

type Rules<T extends Topic> = Readonly<Record<Exclude<keyof TopicMessages[T], keyof Stamp>, Rule>>
type Wire = GenMessage<Message & { topic: string; ts: bigint }>

/** The rules of each topic beyond those of {@link Stamp}, and its Protobuf message. */
const TABLE: { readonly [T in Topic]: { readonly wire: Wire; readonly rules: Rules<T> } } = {
  'ai.anomalies.v1': {
    wire: AnomalySchema,
    rules: {
      type: text(1, 128),
      source: text(1, 256),
      severity: whole(1, 10),
      confidence: share,
      contentHash: DIGEST,
      payload: bytes(0, MAX_FINDING_PAYLOAD_BYTES),
      modelVersion: text(1, 128),
    },
  },
  'ai.evidence.v1': {
    wire: EvidenceSchema,
    rules: { evidenceType: text(1, 128), refs: list(ID, 64), proofBlob: bytes(0, 64 * 1024), contentHash: DIGEST },
  },
  'ai.policy.v1': {
    wire: PolicySchema,
    rules: { action: text(1, 128), rule: text(1, 4_096), params: bytes(0, 16 * 1024), requiresAck: flag },
  },
  'control.commits.v1': {
    wire: CommitFeedbackSchema,
    rules: { findingId: ID, leafIndex: big(0n), leafHash: DIGEST, treeSize: big(1n) },
  },
  'control.reputation.v1': {
    wire: ReputationFeedbackSchema,
    rules: { subject: text(1, 256), score: share, confirmed: COUNT, overruled: COUNT },
  },
  'control.policy.v1': {
    wire: PolicyFeedbackSchema,
    rules: { policyId: ID, accepted: flag, reason: text(0, 1_024) },
  },
  'control.evidence.v1': {
    wire: EvidenceFeedbackSchema,
    rules: { evidenceId: ID, accepted: flag, request: text(0, 1_024) },
  },
}

/** The seven topics. */
export const TOPICS = Object.keys(TABLE) as readonly Topic[]

/** Whether a name, of any origin, is one of the seven topics. */
export const isTopic = (name: string): name is Topic => Object.hasOwn(TABLE, name)

const refuse = (action: 'read' | 'write', path: string, why: string, cause?: unknown): never => {
  throw new SchemaError(`Cannot ${action} ${path}: ${why}`, { cause })
}

/** The fields of the topic's message out of `value`, each within its rule, and nothing else. */
function narrow(
  action: 'read' | 'write',
  topic: Topic,
  value: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, rule] of Object.entries<Rule>({ ...STAMP, ...TABLE[topic].rules })) {
    const why = rule(value[name])
    if (why !== undefined) refuse(action, `${topic}.${name}`, why)
    out[name] = value[name]
  }
  return out
}

/**
 * The bytes to sign as payload type `finding`. Cost: about 5 µs, and a copy of the payload.
 *
 * @throws {SchemaError} when a field is outside its range.
 */
export function encodeMessage<T extends Topic>(topic: T, message: TopicMessages[T]): Bytes {
  const fields = narrow('write', topic, message as unknown as Readonly<Record<string, unknown>>)
  const { wire } = TABLE[topic]
  return toBinary(wire, create(wire, { ...fields, topic, ts: BigInt(message.ts) }))
}

/**
 * Reads the body of a message that arrived on a topic; attacker-controlled until its signature is checked, which comes
 * first. Fields that this version does not know are dropped.
 *
 * @throws {SchemaError} when it is no such message, a field is outside its range, or it was signed for another topic.
 */
export function parseMessage<T extends Topic>(topic: T, body: Uint8Array): TopicMessages[T] {
  if (body.length > MAX_FINDING_BYTES)
    refuse('read', topic, `${body.length} bytes, wanted at most ${MAX_FINDING_BYTES}`)
  const message = fromWire(TABLE[topic].wire, body, topic)
  if (message.topic !== topic) refuse('read', topic, 'it was signed for another topic')
  return narrow('read', topic, { ...message, ts: Number(message.ts) }) as unknown as TopicMessages[T]
}

function fromWire<T extends Message>(wire: GenMessage<T>, body: Uint8Array, name: string): T {
  // Views of a Buffer would be Buffers.
  const plain = new Uint8Array(body.buffer, body.byteOffset, body.length)
  try {
    return fromBinary(wire, plain, { readUnknownFields: false })
  } catch (cause) {
    return refuse('read', name, 'the bytes are no such message', cause)
  }
}

/**
 * What is published: the exact signed bytes beside their signature.
 *
 * @throws {SchemaError} when body or signature have no valid size.
 */
export function encodeSigned(signed: SignedMessage): Bytes {
  checkSigned('write', signed)
  return toBinary(SignedFindingSchema, create(SignedFindingSchema, { body: signed.body, signature: signed.signature }))
}

/**
 * Reads exactly what {@link encodeSigned} writes; verifies nothing. `body` may share memory with the input.
 *
 * @throws {SchemaError} when it is no such message or in another form, or body or signature have no valid size.
 */
export function parseSigned(message: Uint8Array): SignedMessage {
  if (message.length > MAX_FINDING_BYTES + 128) refuse('read', 'signed message', `${message.length} bytes`)
  const { body, signature } = fromWire(SignedFindingSchema, message, 'signed message')
  checkSigned('read', { body, signature })
  // One form for each message: a reader that looks away from tags and unknown fields would take many.
  const one = encodeSigned({ body, signature })
  if (one.length !== message.length || one.some((byte, at) => byte !== message[at])) {
    refuse('read', 'signed message', 'it is not in its one form')
  }
  return { body, signature }
}

function checkSigned(action: 'read' | 'write', { body, signature }: SignedMessage): void {
  const why = bytes(1, MAX_FINDING_BYTES)(body) ?? bytes(64)(signature)
  if (why !== undefined) refuse(action, 'signed message', why)
}
