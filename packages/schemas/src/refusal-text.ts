/**
 * Every refusal in a sentence for people: what happened to the packet, and what its caller may do. `docs/refusals.md` shows
 * them. Not for the first load of a page: programs switch on the code, only people read this.
 *
 * @module
 */
import type { Code } from './codes.ts'

/** One sentence a code. */
export const REFUSAL_TEXT: Readonly<Record<Code, string>> = {
  PACKET_MALFORMED: 'The packet was not taken in, because its bytes are no packet; correct the program that made it.',
  PACKET_TOO_LARGE: 'The packet was not taken in, because it or one of its parts is too large; ask with less text.',
  HEADER_TOO_LARGE: 'The packet was not taken in, because its header is too large; name fewer recipients.',
  VERSION_UNKNOWN:
    'The packet was not taken in, because it is of a format version that is not known here; update the older side.',
  SUITE_UNKNOWN: 'The packet was not taken in, because its cipher suite is not known here; use one that is.',
  KIND_UNKNOWN: 'The packet was not taken in, because nobody here knows its kind; use a kind of this version.',
  FIELD_INVALID:
    'The packet was not taken in, because a field is absent, out of place or out of range; correct the field that is named.',
  SCHEMA_UNKNOWN:
    'The packet was not taken in, because it names a schema that is not known here; update the older side.',
  NETWORK_MISMATCH: 'Nothing was taken in, because it belongs to another network; check router and trust file.',
  SCHEMA_UNTRUSTED:
    'The program did not start, because its packet schema is not the one that was signed; install it again from a source that you trust.',
  DOCUMENT_MALFORMED: 'Nothing was taken in, because the document cannot be read; correct whatever made it.',
  NOTE_MALFORMED:
    'A checkpoint or its signatures cannot be read and are kept as they came; fetch them again or ask the log for them.',
  FRAME_MALFORMED:
    'A part of the answer cannot be read; what came is kept as evidence, and asking for it again will not change it.',
  TRUST_FILE_INVALID: 'Nothing was checked, because the trust file has a fault; correct the line that is named.',
  IDENTITY_FILE_INVALID:
    'Nothing was done, because the identity file cannot be opened; check the file and its passphrase.',
  SIGNATURE_INVALID:
    'The packet was not taken in, because its signature does not fit; somebody changed it, and sending it again will not help.',
  KEY_UNKNOWN: 'The packet was not taken in, because its signing key is not enrolled here; enrol the sender first.',
  KEY_REVOKED: 'The packet was not taken in, because its signing key was revoked; ask again with a live key.',
  KEY_EXPIRED: 'The packet was not taken in, because its signing key has expired; ask again with a new key.',
  KEY_EVENT_INVALID: 'The keys were not enrolled, because their history is faulty; correct it and enrol again.',
  NOT_PERMITTED: 'Nothing was taken in, because the rules do not permit it to you; only an operator can change that.',
  RECIPIENTS_MISMATCH:
    'The packet was not taken in, because its recipients are not those that were signed; sending it again will not help.',
  CIPHERTEXT_MISMATCH:
    'The packet was not taken in, because its content is not what was signed; sending it again will not help.',
  NOT_A_RECIPIENT: 'The packet is in the log and did not run, because the agent is none of its recipients; give it up.',
  NOT_A_CANDIDATE: 'The reply was not taken in, because no logged attempt names the one who sent it; give it up.',
  CLOCK_SKEWED:
    'The packet was not taken in, because it was made too long ago or in the future; set the clock and ask again.',
  PACKET_EXPIRED: 'The packet was not run, because its time was over; ask again.',
  LIFETIME_TOO_LONG: 'The packet was not taken in, because it would live too long; ask again with a shorter lifetime.',
  REPLAYED:
    'Nothing was taken in, because another packet holds this place or the nonce was used before; ask again with a new packet.',
  EPOCH_STALE:
    'The packet was not taken in, because its sender has begun two newer counts since; restart the sender and ask again.',
  RATE_LIMITED: 'The packet was not taken in, because too many came; wait and send the same packet again.',
  TABLE_STALE: 'The packet was not taken in, because the routing table has changed; fetch the new one and ask again.',
  TABLE_INVALID: 'Nothing was sent, because the routing table cannot be trusted; tell the operator.',
  TABLE_ROLLED_BACK:
    'Nothing was sent, because the router shows an older routing table than before; tell the operator.',
  NO_ROUTE: 'The packet was not taken in, because no rule leads to an agent for it; check the tag that you asked.',
  QUEUE_FULL:
    'The packet did not run, because too many are waiting for its agent; wait and send the same packet again.',
  LOG_BUSY: 'The packet was not taken in, because the log is busy; wait and send the same packet again.',
  LOG_UNCONFIRMED:
    'The packet may be in the log, but its witnesses have not confirmed it in time; send the same packet again, never a new one.',
  PROOF_INVALID:
    'A proof does not hold, and is kept as evidence; do not rely on what it was for, and tell the operator.',
  CHECKPOINT_UNTRUSTED:
    'A checkpoint lacks the signatures that your trust file asks for, and is kept as evidence; check the trust file or tell the operator.',
  CHECKPOINT_ROLLED_BACK:
    'The log shows an older state than before, and both are kept as evidence; stop and tell the operator and the witnesses.',
  LEAF_MISMATCH:
    'The log entry is not about this packet, and is kept as evidence; do not rely on it, and tell the operator.',
  ATTEMPT_UNPROVEN:
    'The packet is in the log and did not run, because the router did not prove this attempt to the agent; tell the operator.',
  ATTEMPT_LATE:
    'The packet is in the log and this attempt did not run, because it reached the agent too late; it is safe to try again.',
  COMMITMENT_MISMATCH:
    'The content is not what its sender committed to, so it was not run or shown; sending it again will not help.',
  OPEN_FAILED: 'The packet is in the log and did not run, because the agent could not open it; ask again.',
  SESSION_UNKNOWN:
    'The packet is in the log and did not run, because the agent no longer holds its session; ask again without it.',
  CONTENT_INVALID:
    'The packet is in the log and did not run, because its content cannot be read; correct the question.',
  PARAMETER_UNSUPPORTED:
    'The packet is in the log and did not run, because the model lacks a setting that it asks for; leave that setting out.',
  CONTEXT_OVERFLOW:
    'The packet is in the log and did not run, because it is longer than the model can read; shorten the question.',
  MODEL_UNAVAILABLE:
    'The packet is in the log and did not run, because no model is ready for it; it is safe to try again later.',
  ENGINE_FAILED:
    "The model's engine failed while it ran; nothing that came counts as an answer, and it is safe to try again.",
  CANCELLED: 'It was stopped on request, perhaps after a part had run; nothing more will come.',
  INTERRUPTED: 'The agent stopped in the middle; what came is not a whole answer, and it is safe to try again.',
  DRAINING:
    'The packet did not run, because the agent or router is about to stop; it is safe to try again in a moment.',
  AGENT_BUSY: 'The packet is in the log and did not run, because its agent is busy; it is safe to try again later.',
  STREAM_TRUNCATED:
    'The answer ends without its signed end, so it is not whole; fetch it again, which runs nothing twice.',
  STREAM_INVALID:
    'The model ran, but a part of its answer does not fit the signed whole; do not use it, and tell the operator.',
  ANSWER_CUT: 'The model ran and was cut short, so the answer is not whole; ask again, perhaps with more tokens.',
  ANSWER_INVALID: 'The answer cannot be read and is kept as evidence; do not use it, and tell the operator.',
  ANSWER_UNKNOWN:
    'The router does not know this packet or keeps its answer no more; send the same packet again if it may not have arrived.',
  VERDICT_FAILED: 'A check of the answer failed, and all of it is kept as evidence; do not rely on the answer.',
  VERDICT_PARTIAL:
    'A check that you require could not be made yet; what came is kept, and you may check again when the proof is there.',
  DEAD_LETTERED:
    'Nobody answered the packet, though a model may have begun, and its signed reasons are kept; ask again.',
  ROUTER_UNREACHABLE:
    'The router did not answer, so the packet may have arrived or not; send the same packet again, never a new one.',
  ROUTER_MISBEHAVED:
    'The router answered with what the protocol does not allow, so the packet may have arrived or not; stop and tell the operator.',
  TIMED_OUT:
    'There was no answer in time, so the packet may have arrived or not; send the same packet again, never a new one.',
  SIGNER_FAILED: 'Nothing was sent, because the key could not sign; check the key store and try again.',
  STORE_FAILED: 'A store failed, so the packet may be in the log or not; send the same packet again, never a new one.',
  TOPIC_FULL:
    'The message was not published, because its consumers have not kept up; send the same message again later.',
  NOT_FOUND: 'Nothing was done, because what was asked for is not here; check its name.',
  INTERNAL:
    'A fault of the program that it has reported, so the packet may be in the log or not; send the same packet again, never a new one.',
}
