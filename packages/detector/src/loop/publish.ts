/**
 * Findings signed and published: once each, however often it is tried.
 *
 * @module
 */
import { CONSEQUENCES, type Code } from '@mystranet/schemas/codes'
import { parseMessage, parseSigned, type TopicMessages } from '@mystranet/schemas/topics'
import { toHex, utf8 } from '@mystranet/sdk/bytes'
import type { FindingDraft, FindingTopic } from './observation.ts'
import type { BookedFinding, Outbox, OutboxEntry } from './outbox.ts'

/** Who signs findings: an enrolled instance. */
export interface FindingSigner {
  readonly network: Uint8Array
  /** Instance id. */
  readonly producerId: Uint8Array
  /** The key that is live now. */
  readonly publicKey: Uint8Array
  /** @returns the encoded SignedMessage, and the digest that its leaf commits to. */
  sign(
    topic: FindingTopic,
    message: TopicMessages[FindingTopic],
  ): Promise<{ readonly message: Uint8Array; readonly digest: Uint8Array }>
}

/** Counters and histograms; `packages/router/src/metrics.ts` is one. */
export interface LoopMetrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Seconds. */
  observe(name: string, seconds: number): void
}

export interface PublishDeps {
  readonly outbox: Outbox
  readonly signer: FindingSigner
  /** Publishes a message, once for its id. Rejects with an error that has a `code`, or with a fault of its own. */
  publish(topic: FindingTopic, message: Uint8Array): Promise<unknown>
  readonly metrics: LoopMetrics
  /** A fault of our own. */
  onFault(error: unknown): void
  nowMs(): number
  random(bytes: number): Uint8Array
  /** 0 to 1: jitter. */
  chance(): number
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 60_000
/** More than a day of pauses: a broker may be away for a night. */
const MAX_ATTEMPTS = 1_500
/** The topics take nothing that was signed ten minutes ago. */
const STALE_MS = 8 * 60_000
const MAX_DIGESTS = 4
const FINDING_ID = 'mystranet/v1/finding\0'

/**
 * Signs a draft. Its id follows from topic and name alone.
 *
 * @throws {SchemaError} when a field is outside its range; what the signer throws.
 */
export async function seal(deps: PublishDeps, draft: FindingDraft): Promise<OutboxEntry> {
  const { topic, type, source, severity, tunes, atMs, name, fields } = draft
  const id = await sha256(utf8(`${FINDING_ID}${topic}\0${name}`))
  const content = 'payload' in fields ? fields.payload : 'proofBlob' in fields ? fields.proofBlob : undefined
  const contentHash = content && (await sha256(content))
  const message = { ...fields, id, ...stamp(deps), ...(contentHash && { contentHash }) }
  const sealed = await sign(deps, topic, message as TopicMessages[FindingTopic])
  return { id: toHex(id), topic, type, source, severity, tunes, atMs, ...sealed }
}

/** Tries to publish one. Rejects only when the outbox does. @returns whether it was published. */
export async function sendOne(deps: PublishDeps, given: BookedFinding): Promise<boolean> {
  const { outbox, metrics, nowMs } = deps
  const startMs = nowMs()
  let booked = given
  try {
    if (startMs - booked.signedMs > STALE_MS) booked = await reseal(deps, booked)
    await deps.publish(booked.topic, booked.message)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'INTERNAL') deps.onFault(error)
    await settle(deps, booked, code)
    return false
  }
  metrics.observe('weave_finding_publish_seconds', (nowMs() - startMs) / 1_000)
  await outbox.publish(booked.id)
  return true
}

async function settle(deps: PublishDeps, booked: BookedFinding, code: Code): Promise<void> {
  const { outbox, metrics, nowMs, chance } = deps
  const { remedy } = CONSEQUENCES[code]
  const attempts = booked.attempts + 1
  const isHopeless = remedy === 'fix' || remedy === 'stop'
  if (isHopeless || attempts >= MAX_ATTEMPTS) {
    metrics.count('weave_finding_dead_total', { code })
    return outbox.bury(booked.id, code)
  }
  metrics.count('weave_finding_retries_total', { code })
  // Its key or its time is over: the same finding, signed anew.
  if (remedy === 'reseal') await reseal(deps, booked)
  const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 16))
  return outbox.retry(booked.id, attempts, nowMs() + pauseMs * (0.5 + chance() / 2), code)
}

async function reseal(deps: PublishDeps, booked: BookedFinding): Promise<BookedFinding> {
  const { id, topic, message, digests } = booked
  const old = parseMessage(topic, parseSigned(message).body)
  const fresh = await sign(deps, topic, { ...old, ...stamp(deps) })
  // Kept before it is published: which of them the log has is told by its digest.
  const sealed = { ...fresh, digests: [...fresh.digests, ...digests].slice(0, MAX_DIGESTS) }
  await deps.outbox.reseal(id, sealed)
  return { ...booked, ...sealed }
}

async function sign(deps: PublishDeps, topic: FindingTopic, message: TopicMessages[FindingTopic]) {
  const { message: bytes, digest } = await deps.signer.sign(topic, message)
  return { message: bytes, digests: [toHex(digest)], signedMs: message.ts }
}

const stamp = ({ signer, nowMs, random }: PublishDeps) => ({
  network: signer.network,
  ts: nowMs(),
  producerId: signer.producerId,
  nonce: random(16),
  pubkey: signer.publicKey,
})

/** Of an error that has none of ours, `INTERNAL`. */
export const codeOf = (error: unknown): Code => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return Object.hasOwn(CONSEQUENCES, code) ? (code as Code) : 'INTERNAL'
}

const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
