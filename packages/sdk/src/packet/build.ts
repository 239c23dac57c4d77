/**
 * Stage 1, build: a packet in plain form, all its header fields decided (docs/protocol.md §5.1).
 *
 * @module
 */
import { KINDS } from '@mystranet/schemas/kinds'
import { MAX_LIFETIME_MS } from '@mystranet/schemas/limits'
import { encode, type HeaderCore, RequestContent, type Retry } from '@mystranet/schemas/messages'
import { SCHEMA_DIGEST_V1 } from '@mystranet/schemas/schema-digest'
import { randomBytes } from '#primitives'
import type { Bytes } from '../bytes.ts'
import { contentCommitment } from '../envelope/hash.ts'
import { bucketOf } from '../envelope/padding.ts'
import { VERSION } from '../envelope/parse.ts'
import { PacketError } from '../errors.ts'
import type { Place } from './sequence.ts'
import type { Session } from './session.ts'

/** An agent that may answer, with the prekey to seal to. Take it from a verified chain, never from a router's word. */
export interface Candidate {
  readonly instance: Uint8Array
  readonly kemKeyId: Uint8Array
  readonly kemKey: Uint8Array
  /** The packet must have expired by then. */
  readonly deleteAfterMs: number
}

export interface RequestDraft {
  readonly network: Uint8Array
  readonly suite: 1 | 2
  readonly sender: Uint8Array
  readonly senderKey: Uint8Array
  readonly target: { readonly tag: string } | { readonly instance: Uint8Array }
  /** 1 to 8, in the order of the routing table's rule. */
  readonly candidates: readonly Candidate[]
  readonly content: RequestContent
  readonly tableDigest: Uint8Array
  readonly place: Place
  readonly nowMs: number
  /** At most `MAX_LIFETIME_MS`. Default 5 minutes. */
  readonly lifetimeMs?: number
  readonly retry?: Retry | undefined
  readonly priority?: number | undefined
  readonly prefixTag?: Uint8Array | undefined
  readonly supersedes?: Uint8Array | undefined
  /** Seals under a session's secret instead of a fresh encapsulation: about 12 µs instead of 90. */
  readonly session?: Session | undefined
}

/** A request that is not sealed yet. */
export interface PlainPacket {
  readonly core: HeaderCore
  readonly candidates: readonly Candidate[]
  readonly salt: Bytes
  /** Exact bytes of the content. */
  readonly content: Bytes
  readonly session?: Session | undefined
}

const DEFAULT_LIFETIME_MS = 300_000

/**
 * Decides every field of a request.
 *
 * @param randomness For test vectors only: salt, nonce and correlation id.
 * @throws {PacketError} `LIFETIME_TOO_LONG` when it would outlive the protocol's limit or a candidate's prekey.
 * @throws RangeError when there are no candidates or more than 8.
 */
export function buildRequest(
  draft: RequestDraft,
  randomness: { salt: Bytes; nonce: Bytes; correlationId: Bytes } = freshRandomness(),
): PlainPacket {
  const { candidates, nowMs } = draft
  if (candidates.length < 1 || candidates.length > 8) {
    throw new RangeError(`Cannot build a request: ${candidates.length} candidates, wanted 1 to 8`)
  }
  const expiresMs = nowMs + (draft.lifetimeMs ?? DEFAULT_LIFETIME_MS)
  const limitMs = Math.min(nowMs + MAX_LIFETIME_MS, ...candidates.map((each) => each.deleteAfterMs))
  if (expiresMs > limitMs) {
    throw new PacketError(
      'LIFETIME_TOO_LONG',
      `Cannot build a request: it would expire at ${expiresMs} ms, wanted at most ${limitMs} ms`,
    )
  }
  const content = encode(RequestContent, draft.content)
  const { salt, nonce, correlationId } = randomness
  const core: HeaderCore = {
    version: VERSION,
    suite: draft.suite,
    kind: KINDS.REQUEST,
    network: draft.network,
    sender: draft.sender,
    senderKey: draft.senderKey,
    targetTag: 'tag' in draft.target ? draft.target.tag : undefined,
    targetInstance: 'instance' in draft.target ? draft.target.instance : undefined,
    recipients: candidates.map((each) => each.instance),
    createdMs: nowMs,
    expiresMs,
    nonce,
    ...draft.place,
    correlationId,
    contentCommitment: contentCommitment(salt, content),
    paddedSize: bucketOf(36 + content.length),
    tableDigest: draft.tableDigest,
    retry: draft.retry,
    session: draft.session?.packetId,
    priority: draft.priority,
    prefixTag: draft.prefixTag,
    supersedes: draft.supersedes,
    schema: SCHEMA_DIGEST_V1,
    compatibleVersions: [VERSION],
  }
  return { core, candidates, salt, content, session: draft.session }
}

/** In one call to the system, which costs more than what it returns. */
function freshRandomness(): { salt: Bytes; nonce: Bytes; correlationId: Bytes } {
  const bytes = randomBytes(64)
  return { salt: bytes.slice(0, 32), nonce: bytes.slice(32, 48), correlationId: bytes.slice(48) }
}

/** What a reply takes from the request that it answers. */
export interface ReplyDraft {
  readonly request: { readonly id: Uint8Array; readonly core: HeaderCore }
  readonly sender: Uint8Array
  readonly senderKey: Uint8Array
  readonly place: Place
  readonly nowMs: number
}

const REPLY_LIFETIME_MS = 300_000

/** The fields that all replies share. */
export function replyCore(kind: 'STREAM_OPEN' | 'STREAM_CLOSE' | 'ACK' | 'NACK', draft: ReplyDraft): HeaderCore {
  const { core, id } = draft.request
  return {
    version: VERSION,
    suite: core.suite,
    kind: KINDS[kind],
    network: core.network,
    sender: draft.sender,
    senderKey: draft.senderKey,
    targetInstance: core.sender,
    recipients: [],
    createdMs: draft.nowMs,
    expiresMs: draft.nowMs + REPLY_LIFETIME_MS,
    nonce: randomBytes(16),
    ...draft.place,
    correlationId: core.correlationId,
    inReplyTo: id,
    schema: SCHEMA_DIGEST_V1,
    compatibleVersions: [VERSION],
  }
}

/** A CANCEL of one's own request. `code`: the refusal that the agent should report, by its number. */
export function cancelCore(draft: ReplyDraft, code?: number): HeaderCore {
  const { targetTag, targetInstance } = draft.request.core
  return { ...replyCore('ACK', draft), kind: KINDS.CANCEL, targetTag, targetInstance, code }
}
