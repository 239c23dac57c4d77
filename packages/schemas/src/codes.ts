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
 * - `ran`: a model ran on it, at least in part.
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

interface Row {
  /** Number on the wire, in `core.code`; 0 for codes that no packet carries. */
  readonly wire: number
  readonly status: number
  readonly fate: Fate
  readonly remedy: Remedy
}

const row = (status: number, fate: Fate, remedy: Remedy, wire = 0): Row => ({ wire, status, fate, remedy })

export const CODES = {
  // Shape of what arrived.
  PACKET_MALFORMED: row(400, 'nothing', 'fix', 10),
  PACKET_TOO_LARGE: row(413, 'nothing', 'fix', 11),
  HEADER_TOO_LARGE: row(413, 'nothing', 'fix', 12),
  VERSION_UNKNOWN: row(400, 'nothing', 'fix', 13),
  SUITE_UNKNOWN: row(400, 'nothing', 'fix', 14),
  KIND_UNKNOWN: row(400, 'nothing', 'fix', 15),
  FIELD_INVALID: row(400, 'nothing', 'fix', 16),
  SCHEMA_UNKNOWN: row(400, 'nothing', 'fix', 17),
  NETWORK_MISMATCH: row(400, 'nothing', 'fix', 18),
  SCHEMA_UNTRUSTED: row(500, 'nothing', 'stop'),
  DOCUMENT_MALFORMED: row(400, 'nothing', 'fix'),
  NOTE_MALFORMED: row(400, 'kept', 'fix'),
  FRAME_MALFORMED: row(400, 'kept', 'stop'),
  TRUST_FILE_INVALID: row(400, 'nothing', 'fix'),
  IDENTITY_FILE_INVALID: row(400, 'nothing', 'fix'),
  // Who signed it, for whom, when.
  SIGNATURE_INVALID: row(401, 'nothing', 'stop', 20),
  KEY_UNKNOWN: row(401, 'nothing', 'fix', 21),
  KEY_REVOKED: row(401, 'nothing', 'reseal', 22),
  KEY_EXPIRED: row(401, 'nothing', 'reseal', 23),
  KEY_EVENT_INVALID: row(400, 'nothing', 'fix'),
  NOT_PERMITTED: row(403, 'nothing', 'stop', 24),
  RECIPIENTS_MISMATCH: row(400, 'nothing', 'stop', 25),
  CIPHERTEXT_MISMATCH: row(400, 'nothing', 'stop', 26),
  NOT_A_RECIPIENT: row(403, 'logged', 'stop', 27),
  NOT_A_CANDIDATE: row(403, 'nothing', 'stop', 28),
  CLOCK_SKEWED: row(400, 'nothing', 'reseal', 29),
  PACKET_EXPIRED: row(410, 'logged', 'reseal', 30),
  LIFETIME_TOO_LONG: row(400, 'nothing', 'reseal', 31),
  REPLAYED: row(409, 'nothing', 'reseal', 32),
  EPOCH_STALE: row(409, 'nothing', 'reseal', 33),
  RATE_LIMITED: row(429, 'nothing', 'retry', 34),
  // Where it goes.
  TABLE_STALE: row(409, 'nothing', 'reseal', 40),
  TABLE_INVALID: row(502, 'nothing', 'stop', 41),
  TABLE_ROLLED_BACK: row(502, 'nothing', 'stop'),
  NO_ROUTE: row(404, 'nothing', 'fix', 42),
  QUEUE_FULL: row(503, 'logged', 'retry', 43),
  // The log.
  LOG_BUSY: row(503, 'nothing', 'retry', 50),
  LOG_UNCONFIRMED: row(503, 'unknown', 'retry', 51),
  PROOF_INVALID: row(502, 'kept', 'stop', 52),
  CHECKPOINT_UNTRUSTED: row(502, 'kept', 'stop', 53),
  CHECKPOINT_ROLLED_BACK: row(502, 'kept', 'stop', 54),
  LEAF_MISMATCH: row(502, 'kept', 'stop', 55),
  ATTEMPT_UNPROVEN: row(502, 'logged', 'stop', 56),
  ATTEMPT_LATE: row(410, 'logged', 'retry', 57),
  COMMITMENT_MISMATCH: row(502, 'logged', 'stop', 58),
  // Opening and running.
  OPEN_FAILED: row(400, 'logged', 'reseal', 60),
  SESSION_UNKNOWN: row(409, 'logged', 'reseal', 61),
  CONTENT_INVALID: row(400, 'logged', 'fix', 62),
  PARAMETER_UNSUPPORTED: row(400, 'logged', 'fix', 63),
  CONTEXT_OVERFLOW: row(400, 'logged', 'fix', 64),
  MODEL_UNAVAILABLE: row(503, 'logged', 'retry', 65),
  ENGINE_FAILED: row(502, 'ran', 'retry', 66),
  CANCELLED: row(499, 'ran', 'stop', 67),
  INTERRUPTED: row(502, 'ran', 'retry', 68),
  DRAINING: row(503, 'logged', 'retry', 69),
  AGENT_BUSY: row(503, 'logged', 'retry', 70),
  // The answer.
  STREAM_TRUNCATED: row(502, 'ran', 'retry'),
  STREAM_INVALID: row(502, 'ran', 'stop'),
  ANSWER_CUT: row(502, 'ran', 'reseal'),
  ANSWER_INVALID: row(502, 'kept', 'stop'),
  ANSWER_UNKNOWN: row(404, 'unknown', 'retry'),
  VERDICT_FAILED: row(502, 'kept', 'stop'),
  VERDICT_PARTIAL: row(502, 'kept', 'retry'),
  DEAD_LETTERED: row(410, 'logged', 'reseal', 80),
  // The world.
  ROUTER_UNREACHABLE: row(503, 'unknown', 'retry'),
  ROUTER_MISBEHAVED: row(502, 'unknown', 'stop'),
  TIMED_OUT: row(504, 'unknown', 'retry'),
  SIGNER_FAILED: row(502, 'nothing', 'retry'),
  STORE_FAILED: row(503, 'unknown', 'retry'),
  NOT_FOUND: row(404, 'nothing', 'fix'),
  INTERNAL: row(500, 'unknown', 'retry', 99),
} as const satisfies Record<string, Row>

export type Code = keyof typeof CODES

/** The code that a NACK or an aborted CLOSE names, by its number on the wire. */
export function codeOfWire(wire: number): Code | undefined {
  return wire === 0 ? undefined : (Object.keys(CODES) as Code[]).find((code) => CODES[code].wire === wire)
}
