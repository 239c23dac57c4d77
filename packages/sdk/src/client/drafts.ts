/**
 * Stages 1 and 2 for a client: questions become sealed requests, numbered by one sequence (docs/protocol.md §5.1).
 *
 * @module
 */
import { PacketError } from '../errors.ts'
import type { Identity } from '../keys/identity.ts'
import { sealBatch } from '../packet/batch.ts'
import { buildRequest, cancelCore, type PlainPacket, type RequestDraft } from '../packet/build.ts'
import { type SealedRequest, seal, signBodiless } from '../packet/seal.ts'
import { createSequence, type Place } from '../packet/sequence.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import { chatOf, priorityOf, type Question, retryOf } from '../question.ts'
import { type Directory, type Resolved, resolve } from '../transport/directory.ts'

const DEFAULT_LIFETIME_MS = 300_000

/** Seals a packet in a session, where there is one for its recipients: to the keys that the session began with. */
export type InSession = (resolved: Resolved, expiresMs: number) => SealedTo
type SealedTo = Pick<RequestDraft, 'candidates' | 'suite' | 'session'>

export interface Drafts {
  /** @throws {PacketError} `NO_ROUTE`, `NOT_PERMITTED`, `LIFETIME_TOO_LONG`, `PACKET_TOO_LARGE`. */
  seal(question: Question, using: Directory, session?: InSession): Promise<SealedRequest>
  /** Under one signature, numbered one after the other (§6.1). */
  sealAll(questions: readonly Question[], using: Directory): Promise<readonly SealedRequest[]>
  /** A CANCEL of a request, as it travels. */
  cancel(request: SealedRequest): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly epoch: bigint }>
  /** Begins an epoch above a stale one. Several packets may find theirs stale at once: the first begins the next. */
  renew(stale: bigint): void
}

export interface DraftsDeps {
  readonly identity: Identity
  readonly trust: TrustFile
  readonly now: () => number
}

export function createDrafts({ identity, trust, now }: DraftsDeps): Drafts {
  let sequence = createSequence(now())
  const signer = identity.packet
  const from = { sender: identity.instance, senderKey: signer.publicKey }

  function build(
    question: Question,
    using: Directory,
    { place, nowMs, session }: { place: Place; nowMs: number; session?: InSession | undefined },
  ): PlainPacket {
    const { to, lifetimeMs = DEFAULT_LIFETIME_MS, postQuantum } = question
    const target = typeof to === 'string' ? { tag: to } : { instance: to }
    const priority = priorityOf(question)
    const query = { targetTag: target.tag, targetInstance: target.instance, sender: identity.instance, priority }
    const resolved = resolve(using, query, { nowMs, expiresMs: nowMs + lifetimeMs, postQuantum })
    return buildRequest({
      ...from,
      ...(session?.(resolved, nowMs + lifetimeMs) ?? resolved),
      network: trust.network,
      target,
      content: { knownCheckpoint: using.checkpoint, chat: chatOf(question) },
      tableDigest: using.table.digest,
      place,
      nowMs,
      lifetimeMs,
      retry: retryOf(question),
      priority,
    })
  }

  return {
    seal: (question, using, session) =>
      seal(build(question, using, { place: sequence.next(), nowMs: now(), session }), signer),
    sealAll(questions, using) {
      const nowMs = now()
      const places = sequence.take(questions.length)
      return sealBatch(
        questions.map((question, i) => build(question, using, { place: places[i] as Place, nowMs })),
        signer,
      )
    },
    async cancel(request) {
      const core = cancelCore({ request, ...from, place: sequence.next(), nowMs: now() })
      return { bytes: (await signBodiless(core, signer)).bytes, epoch: core.epoch }
    },
    renew(stale) {
      if (sequence.epoch <= stale) sequence = createSequence(Math.max(now(), Number(stale) + 1))
    },
  }
}

/** Does it again, once, when its epoch was stale: other processes of this identity have begun two since ours. */
export async function cancelBy(
  drafts: Drafts,
  request: SealedRequest,
  submit: (packet: Uint8Array<ArrayBuffer>) => Promise<unknown>,
): Promise<void> {
  for (let again = false; ; again = true) {
    const { bytes, epoch } = await drafts.cancel(request)
    try {
      return void (await submit(bytes))
    } catch (error) {
      if (again || !(error instanceof PacketError) || error.code !== 'EPOCH_STALE') throw error
      drafts.renew(epoch)
    }
  }
}
