/**
 * Every refusal of the system, in one table: what happened to the packet, and what its caller may do.
 * The router sends the code in `application/problem+json`, an agent in the `code` of a NACK, the SDK throws it.
 *
 * @module
 */

/**
 * What happened to the packet.
 * - `nothing`: it was not taken in; nothing was logged, queued or run.
 * - `unknown`: it may be in the log; only the same packet may be submitted again.
 * - `logged`: it is in the log, and nothing ran.
 * - `ran`: a model ran on it, at least in part, or may have.
 * - `kept`: what was received is unchanged and stays as evidence.
 */
export type Fate = 'nothing' | 'unknown' | 'logged' | 'ran' | 'kept'

/**
 * What the caller may do.
 * - `retry`: submit the same packet again, later.
 * - `reseal`: make a new packet (new table, key, clock or sequence number).
 * - `fix`: change the request or the configuration.
 * - `stop`: give up; the bytes are evidence, or the outcome is final.
 */
export type Remedy = 'retry' | 'reseal' | 'fix' | 'stop'

interface Consequence {
  readonly fate: Fate
  readonly remedy: Remedy
}

interface Row extends Consequence {
  /** Number on the wire, in `core.code`; 0 for codes that no packet carries. */
  readonly wire: number
  readonly status: number
}

const NOTHING_FIX: Consequence = { fate: 'nothing', remedy: 'fix' }
const KEPT_FIX: Consequence = { fate: 'kept', remedy: 'fix' }
const KEPT_STOP: Consequence = { fate: 'kept', remedy: 'stop' }
const NOTHING_STOP: Consequence = { fate: 'nothing', remedy: 'stop' }
const NOTHING_RESEAL: Consequence = { fate: 'nothing', remedy: 'reseal' }
const LOGGED_STOP: Consequence = { fate: 'logged', remedy: 'stop' }
const LOGGED_RESEAL: Consequence = { fate: 'logged', remedy: 'reseal' }
const NOTHING_RETRY: Consequence = { fate: 'nothing', remedy: 'retry' }
const LOGGED_RETRY: Consequence = { fate: 'logged', remedy: 'retry' }
const UNKNOWN_RETRY: Consequence = { fate: 'unknown', remedy: 'retry' }
const LOGGED_FIX: Consequence = { fate: 'logged', remedy: 'fix' }
const RAN_RETRY: Consequence = { fate: 'ran', remedy: 'retry' }
const RAN_STOP: Consequence = { fate: 'ran', remedy: 'stop' }
const RAN_RESEAL: Consequence = { fate: 'ran', remedy: 'reseal' }
const KEPT_RETRY: Consequence = { fate: 'kept', remedy: 'retry' }
const UNKNOWN_STOP: Consequence = { fate: 'unknown', remedy: 'stop' }

/** Every code, and what it means to the caller. Apart from the numbers, which only those who send refusals need. */
export const CONSEQUENCES = {
  // Shape of what arrived.
  PACKET_MALFORMED: NOTHING_FIX,
  PACKET_TOO_LARGE: NOTHING_FIX,
  HEADER_TOO_LARGE: NOTHING_FIX,
  VERSION_UNKNOWN: NOTHING_FIX,
  SUITE_UNKNOWN: NOTHING_FIX,
  KIND_UNKNOWN: NOTHING_FIX,
  FIELD_INVALID: NOTHING_FIX,
  SCHEMA_UNKNOWN: NOTHING_FIX,
  NETWORK_MISMATCH: NOTHING_FIX,
  SCHEMA_UNTRUSTED: NOTHING_STOP,
  DOCUMENT_MALFORMED: NOTHING_FIX,
  NOTE_MALFORMED: KEPT_FIX,
  FRAME_MALFORMED: KEPT_STOP,
  TRUST_FILE_INVALID: NOTHING_FIX,
  IDENTITY_FILE_INVALID: NOTHING_FIX,
  // Who signed it, for whom, when.
  SIGNATURE_INVALID: NOTHING_STOP,
  KEY_UNKNOWN: NOTHING_FIX,
  KEY_REVOKED: NOTHING_RESEAL,
  KEY_EXPIRED: NOTHING_RESEAL,
  KEY_EVENT_INVALID: NOTHING_FIX,
  NOT_PERMITTED: NOTHING_STOP,
  RECIPIENTS_MISMATCH: NOTHING_STOP,
  CIPHERTEXT_MISMATCH: NOTHING_STOP,
  NOT_A_RECIPIENT: LOGGED_STOP,
  NOT_A_CANDIDATE: NOTHING_STOP,
  CLOCK_SKEWED: NOTHING_RESEAL,
  PACKET_EXPIRED: LOGGED_RESEAL,
  LIFETIME_TOO_LONG: NOTHING_RESEAL,
  REPLAYED: NOTHING_RESEAL,
  EPOCH_STALE: NOTHING_RESEAL,
  RATE_LIMITED: NOTHING_RETRY,
  // Where it goes.
  TABLE_STALE: NOTHING_RESEAL,
  TABLE_INVALID: NOTHING_STOP,
  TABLE_ROLLED_BACK: NOTHING_STOP,
  NO_ROUTE: NOTHING_FIX,
  QUEUE_FULL: LOGGED_RETRY,
  // The log.
  LOG_BUSY: NOTHING_RETRY,
  LOG_UNCONFIRMED: UNKNOWN_RETRY,
  PROOF_INVALID: KEPT_STOP,
  CHECKPOINT_UNTRUSTED: KEPT_STOP,
  CHECKPOINT_ROLLED_BACK: KEPT_STOP,
  LEAF_MISMATCH: KEPT_STOP,
  ATTEMPT_UNPROVEN: LOGGED_STOP,
  ATTEMPT_LATE: LOGGED_RETRY,
  COMMITMENT_MISMATCH: LOGGED_STOP,
  // Opening and running.
  OPEN_FAILED: LOGGED_RESEAL,
  SESSION_UNKNOWN: LOGGED_RESEAL,
  CONTENT_INVALID: LOGGED_FIX,
  PARAMETER_UNSUPPORTED: LOGGED_FIX,
  CONTEXT_OVERFLOW: LOGGED_FIX,
  MODEL_UNAVAILABLE: LOGGED_RETRY,
  ENGINE_FAILED: RAN_RETRY,
  CANCELLED: RAN_STOP,
  INTERRUPTED: RAN_RETRY,
  DRAINING: LOGGED_RETRY,
  AGENT_BUSY: LOGGED_RETRY,
  // The answer.
  STREAM_TRUNCATED: RAN_RETRY,
  STREAM_INVALID: RAN_STOP,
  ANSWER_CUT: RAN_RESEAL,
  ANSWER_INVALID: KEPT_STOP,
  ANSWER_UNKNOWN: UNKNOWN_RETRY,
  VERDICT_FAILED: KEPT_STOP,
  VERDICT_PARTIAL: KEPT_RETRY,
  // An agent may have begun and been lost before it could say so.
  DEAD_LETTERED: RAN_RESEAL,
  // The world.
  ROUTER_UNREACHABLE: UNKNOWN_RETRY,
  ROUTER_MISBEHAVED: UNKNOWN_STOP,
  TIMED_OUT: UNKNOWN_RETRY,
  SIGNER_FAILED: NOTHING_RETRY,
  STORE_FAILED: UNKNOWN_RETRY,
  TOPIC_FULL: NOTHING_RETRY,
  NOT_FOUND: NOTHING_FIX,
  INTERNAL: UNKNOWN_RETRY,
} as const satisfies Record<string, Consequence>

export type Code = keyof typeof CONSEQUENCES

/** Status of HTTP, and the number on the wire where a packet may carry the code. */
const NUMBERS: Readonly<Record<Code, readonly [status: number, wire?: number]>> = {
  // Shape of what arrived.
  PACKET_MALFORMED: [400, 10],
  PACKET_TOO_LARGE: [413, 11],
  HEADER_TOO_LARGE: [413, 12],
  VERSION_UNKNOWN: [400, 13],
  SUITE_UNKNOWN: [400, 14],
  KIND_UNKNOWN: [400, 15],
  FIELD_INVALID: [400, 16],
  SCHEMA_UNKNOWN: [400, 17],
  NETWORK_MISMATCH: [400, 18],
  SCHEMA_UNTRUSTED: [500],
  DOCUMENT_MALFORMED: [400],
  NOTE_MALFORMED: [400],
  FRAME_MALFORMED: [400],
  TRUST_FILE_INVALID: [400],
  IDENTITY_FILE_INVALID: [400],
  // Who signed it, for whom, when.
  SIGNATURE_INVALID: [401, 20],
  KEY_UNKNOWN: [401, 21],
  KEY_REVOKED: [401, 22],
  KEY_EXPIRED: [401, 23],
  KEY_EVENT_INVALID: [400],
  NOT_PERMITTED: [403, 24],
  RECIPIENTS_MISMATCH: [400, 25],
  CIPHERTEXT_MISMATCH: [400, 26],
  NOT_A_RECIPIENT: [403, 27],
  NOT_A_CANDIDATE: [403, 28],
  CLOCK_SKEWED: [400, 29],
  PACKET_EXPIRED: [410, 30],
  LIFETIME_TOO_LONG: [400, 31],
  REPLAYED: [409, 32],
  EPOCH_STALE: [409, 33],
  RATE_LIMITED: [429, 34],
  // Where it goes.
  TABLE_STALE: [409, 40],
  TABLE_INVALID: [502, 41],
  TABLE_ROLLED_BACK: [502],
  NO_ROUTE: [404, 42],
  QUEUE_FULL: [503, 43],
  // The log.
  LOG_BUSY: [503, 50],
  LOG_UNCONFIRMED: [503, 51],
  PROOF_INVALID: [502, 52],
  CHECKPOINT_UNTRUSTED: [502, 53],
  CHECKPOINT_ROLLED_BACK: [502, 54],
  LEAF_MISMATCH: [502, 55],
  ATTEMPT_UNPROVEN: [502, 56],
  ATTEMPT_LATE: [410, 57],
  COMMITMENT_MISMATCH: [502, 58],
  // Opening and running.
  OPEN_FAILED: [400, 60],
  SESSION_UNKNOWN: [409, 61],
  CONTENT_INVALID: [400, 62],
  PARAMETER_UNSUPPORTED: [400, 63],
  CONTEXT_OVERFLOW: [400, 64],
  MODEL_UNAVAILABLE: [503, 65],
  ENGINE_FAILED: [502, 66],
  CANCELLED: [499, 67],
  INTERRUPTED: [502, 68],
  DRAINING: [503, 69],
  AGENT_BUSY: [503, 70],
  // The answer.
  STREAM_TRUNCATED: [502],
  STREAM_INVALID: [502],
  ANSWER_CUT: [502],
  ANSWER_INVALID: [502],
  ANSWER_UNKNOWN: [404],
  VERDICT_FAILED: [502],
  VERDICT_PARTIAL: [502],
  DEAD_LETTERED: [410, 80],
  // The world.
  ROUTER_UNREACHABLE: [503],
  ROUTER_MISBEHAVED: [502],
  TIMED_OUT: [504],
  SIGNER_FAILED: [502],
  STORE_FAILED: [503],
  TOPIC_FULL: [503],
  NOT_FOUND: [404],
  INTERNAL: [500, 99],
}

const rowOf = (code: Code): Row => {
  const [status, wire = 0] = NUMBERS[code]
  return { ...CONSEQUENCES[code], status, wire }
}

export const CODES = /* @__PURE__ */ Object.fromEntries(
  /* @__PURE__ */ (Object.keys(CONSEQUENCES) as Code[]).map((code) => [code, rowOf(code)]),
) as Readonly<Record<Code, Row>>

/** The code that a NACK or an aborted CLOSE names, by its number on the wire. */
export function codeOfWire(wire: number): Code | undefined {
  return wire === 0 ? undefined : (Object.keys(CODES) as Code[]).find((code) => CODES[code].wire === wire)
}
