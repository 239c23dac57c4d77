/**
 * The pipeline, as its user sees it: build → seal → submit → read the answer → verify.
 *
 * @module
 */
import type { Finish } from '@mystranet/schemas/kinds'
import type { Receipt, Usage } from '@mystranet/schemas/messages'
import { type Bytes, toHex } from './bytes.ts'
import { isPacketError, PacketError } from './errors.ts'
import { excerptChain, verifyChain } from './keys/chain.ts'
import { delegationInForce, enrolmentEvents, needsPacketKey, packetKeyEvent } from './keys/enrolment.ts'
import { KEY_EVENT_TYPES } from './keys/event.ts'
import type { Identity } from './keys/identity.ts'
import { buildRequest, cancelCore } from './packet/build.ts'
import { type SealedRequest, seal, signBodiless } from './packet/seal.ts'
import { createSequence, type Sequence } from './packet/sequence.ts'
import { packetPartition } from './proof/leaf.ts'
import { checkLeaf, verifyReceipt } from './proof/receipt.ts'
import { encodeSavedAnswer, SAVED_ANSWER_VERSION } from './proof/saved-answer.ts'
import type { TrustFile } from './proof/trust-file.ts'
import { type VerifiedAnswer, verify } from './proof/verify.ts'
import { chatOf, priorityOf, type Question } from './question.ts'
import { type AnswerEvent, type AnswerReader, createAnswerReader, type ReadReply } from './stream/answer.ts'
import { type Directory, fetchDirectory, type Memory, resolve } from './transport/directory.ts'
import type { HttpOptions } from './transport/http.ts'
import { createRouter } from './transport/router.ts'

export interface ClientOptions extends HttpOptions {
  readonly identity: Identity
  /** From out of band. Fetched from the router itself it is "first use", and every verdict says so. */
  readonly trust: TrustFile
  /** What was seen before; keep it between runs. */
  readonly memory?: Memory | undefined
  readonly now?: (() => number) | undefined
}

/** An answer on its way. Iterate over it for its text; it is not verified before {@link Answer.verified} resolves. */
export interface Answer extends AsyncIterable<string> {
  /** Resolves once the packet has its receipt. */
  readonly packetId: Promise<Bytes>
  /** Everything that happens, text included. Iterate once, over this or over the answer itself. */
  events(): AsyncIterable<AnswerEvent>
  /** Reads the rest of the answer if nobody else does. @throws {PacketError} as `verify`, or why there is no answer. */
  readonly verified: Promise<VerifiedAnswer>
  /** The saved answer (`.weave`), for whoever wants to check it. Resolves with the last record. */
  readonly saved: Promise<Bytes>
  /** Stops the model. The answer then ends with `CANCELLED`. */
  cancel(): Promise<void>
}

export interface Client {
  ask(question: Question): Answer
  /** Makes the identity known to the router, or its packet key if that is new. Does nothing when both are. */
  enrol(options?: { readonly name?: string; readonly invite?: string }): Promise<void>
  /** The routing table and its candidates, verified now. */
  routes(): Promise<Directory>
}

const DEFAULT_LIFETIME_MS = 300_000
/** A table is asked for again after this long. */
const FRESH_MS = 60_000
/** Connections that may be lost in a row without anything new of the answer. */
const MAX_RECONNECTS = 8
/** A connection that lasted so long was not lost for nothing: some proxies cut every one after a while. */
const LASTING_MS = 10_000

/**
 * Makes a client.
 *
 * @example
 * ```ts
 * const client = createClient({ router: 'http://127.0.0.1:8470', identity, trust })
 * const answer = client.ask({ to: 'misty.weave', messages: [{ role: 'user', content: 'Why is the sky blue?' }] })
 * for await (const text of answer) process.stdout.write(text)
 * console.log((await answer.verified).verdict.line) // VERIFIED under "local"
 * ```
 */
export function createClient(options: ClientOptions): Client {
  const { identity, trust, now = Date.now, random = Math.random, memory = {} } = options
  const router = createRouter(options)
  let sequence = createSequence(now())
  const signer = identity.packet
  const audience = (trust.policy.logs[0] as TrustFile['policy']['logs'][number]).key.keyName
  const place = { sender: identity.instance, senderKey: signer.publicKey }
  let directory: Directory | undefined

  const routes = async () => (directory = await fetchDirectory(router, trust, memory, now()))
  const freshRoutes = async () => (directory && now() - directory.fetchedMs < FRESH_MS ? directory : routes())

  /** Stages 1 and 2. */
  async function sealQuestion(question: Question, using: Directory): Promise<SealedRequest> {
    const { to, lifetimeMs = DEFAULT_LIFETIME_MS, maxAttempts } = question
    const target = typeof to === 'string' ? { tag: to } : { instance: to }
    const priority = priorityOf(question)
    const query = { targetTag: target.tag, targetInstance: target.instance, sender: identity.instance, priority }
    const { candidates, suite } = resolve(using, query, now(), lifetimeMs)
    const plain = buildRequest({
      network: trust.network,
      suite,
      ...place,
      target,
      candidates,
      content: { knownCheckpoint: using.checkpoint, chat: chatOf(question) },
      tableDigest: using.table.digest,
      place: sequence.next(),
      nowMs: now(),
      lifetimeMs,
      retry: maxAttempts === undefined ? undefined : { maxAttempts },
      priority,
    })
    return seal(plain, signer)
  }

  /** Stage 4. A receipt that does not prove this very packet is no receipt. */
  async function submit(request: SealedRequest, signal: AbortSignal): Promise<Receipt> {
    const receipt = await router.submit(request.bytes, signal)
    const { core } = request
    const { leaf } = await verifyReceipt(receipt, trust)
    const partition = packetPartition(core.sender, core.correlationId)
    checkLeaf(leaf, { kind: 'request', subject: request.id, partition, commitment: core.contentCommitment })
    return receipt
  }

  /**
   * Stages 1 to 4. A packet that was refused because the world had moved on under it is sealed anew, once: under the table
   * now in force, or in a new epoch when other processes of this identity have begun two since ours.
   */
  async function send(question: Question, signal: AbortSignal) {
    for (let again = false; ; again = true) {
      const using = await freshRoutes()
      const request = await sealQuestion(question, using)
      try {
        return { request, using, receipt: await submit(request, signal) }
      } catch (error) {
        const code = !again && isPacketError(error) ? error.code : undefined
        if (code === 'TABLE_STALE') directory = undefined
        else if (code === 'EPOCH_STALE') sequence = laterThan(request.core.epoch)
        else throw error
      }
    }
  }

  /** Several packets may find their epoch stale at once: the first of them begins the next. */
  function laterThan(epoch: bigint): Sequence {
    return sequence.epoch > epoch ? sequence : createSequence(Math.max(now(), Number(epoch) + 1))
  }

  /** Reads the answer over as many connections as it takes; each goes on where the one before was cut. */
  async function* receive(reader: AnswerReader, packetId: Bytes, signal: AbortSignal): AsyncGenerator<AnswerEvent> {
    for (let lost = 0; !reader.ended; ) {
      const fetch = { network: trust.network, packetId, from: reader.wantedFrame, audience, signer, now }
      const beganMs = now()
      try {
        for await (const record of router.answer(fetch, signal)) {
          const events = await reader.take(record)
          // Packets come again with every connection, heartbeats too: a router could go on like that for ever.
          if (events.some(({ type }) => type !== 'progress')) lost = 0
          yield* events
        }
      } catch (error) {
        if (signal.aborted) throw new PacketError('CANCELLED', 'Cannot read the answer: the caller stopped it')
        if (!isPacketError(error) || (error.code !== 'ROUTER_UNREACHABLE' && error.code !== 'TIMED_OUT')) throw error
      }
      if (now() - beganMs >= LASTING_MS) lost = 0
      if (!reader.ended && ++lost > MAX_RECONNECTS) {
        throw new PacketError('STREAM_TRUNCATED', `Cannot read the answer: ${lost} connections ended before it did`)
      }
      if (!reader.ended && lost > 1) await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** lost * random()))
    }
  }

  /** What a third party needs to check the answer. */
  async function save(
    request: SealedRequest,
    using: Directory,
    receipt: Receipt,
    reader: AnswerReader,
  ): Promise<Bytes> {
    const read = reader.read()
    const own = await router.keys(identity.instance)
    const ownKey = toHex(signer.publicKey)
    const senderKeys = excerptChain(
      own.events,
      (event) => event.type === KEY_EVENT_TYPES.PACKET_KEY && toHex(event.key as Uint8Array) === ownKey,
    )
    return encodeSavedAnswer({
      version: SAVED_ANSWER_VERSION,
      request: { header: request.header, ...request.origin, receipt, opening: request.opening },
      open: read.open && savedReply(read.open),
      close: read.close && savedReply(read.close),
      answer: read.answerSalt && read.close && { salt: read.answerSalt, content: read.answer },
      attempt: read.attemptReceipt,
      senderKeys,
      agentKeys: read.agentKeys,
      routingTable: using.document,
      routingTableReceipt: using.receipt,
      modelStatementReceipt: read.statementReceipt,
    })
  }

  function ask(question: Question): Answer {
    const stop = new AbortController()
    const signal = question.signal ? AbortSignal.any([question.signal, stop.signal]) : stop.signal
    const sent = send(question, signal)
    const saved = Promise.withResolvers<Bytes>()
    let begun = false

    async function cancel(): Promise<void> {
      const { request } = await sent
      for (let again = false; ; again = true) {
        const core = cancelCore({ request, ...place, place: sequence.next(), nowMs: now() })
        try {
          return void (await router.submit((await signBodiless(core, signer)).bytes))
        } catch (error) {
          if (again || !isPacketError(error) || error.code !== 'EPOCH_STALE') throw error
          sequence = laterThan(core.epoch)
        }
      }
    }

    async function* run(): AsyncGenerator<AnswerEvent> {
      try {
        const { request, using, receipt } = await sent
        const reader = createAnswerReader(request, trust)
        yield* receive(reader, request.id, signal)
        saved.resolve(await save(request, using, receipt, reader))
      } catch (error) {
        saved.reject(error)
        throw error
      } finally {
        // Left early, by `break` or by an error: nobody will read the rest, so the model need not write it.
        saved.promise.catch(() => {})
        if (signal.aborted) await cancel().catch(() => {})
      }
    }

    function events(): AsyncGenerator<AnswerEvent> {
      if (begun) throw new TypeError('Cannot read the answer: it is being read already')
      begun = true
      return abandonable(run(), saved, cancel)
    }

    const verified = lazily(async () => {
      if (!begun) for await (const _ of events());
      return verify(await saved.promise, trust)
    })
    const packetId = sent.then(({ request }) => request.id)
    // Whoever does not look at it still learns of the failure from the events.
    packetId.catch(() => {})
    saved.promise.catch(() => {})
    return {
      packetId,
      events,
      async *[Symbol.asyncIterator]() {
        for await (const event of events()) if (event.type === 'text') yield event.text
      },
      get verified() {
        return verified()
      },
      saved: saved.promise,
      cancel,
    }
  }

  async function enrol({ name, invite }: { name?: string; invite?: string } = {}): Promise<void> {
    const place = { network: trust.network, nowMs: now() }
    const known = await router.keys(identity.instance).catch((error: unknown) => {
      if (isPacketError(error) && (error.code === 'NOT_FOUND' || error.code === 'KEY_UNKNOWN')) return undefined
      throw error
    })
    if (known === undefined) {
      await router.enrol(await enrolmentEvents(identity, { ...place, name }), invite)
      return
    }
    const chain = await verifyChain(known, identity.instance, trust)
    if (!needsPacketKey(chain, identity, now())) return
    const delegation = delegationInForce(chain, identity)
    if (delegation === undefined) {
      throw new PacketError('KEY_EXPIRED', 'Cannot renew the packet key: the operational key is not the delegated one')
    }
    await router.enrol([await packetKeyEvent(identity, delegation, place)])
  }

  return { ask, enrol, routes }
}

/** Whole, an answer's text and what ended it. */
export interface WholeAnswer {
  readonly text: string
  readonly finish: Finish | undefined
  readonly usage: Usage | undefined
}

/** Reads an answer to its end without showing any of it before. */
export async function collect(answer: Answer): Promise<WholeAnswer> {
  let text = ''
  let finish: Finish | undefined
  let usage: Usage | undefined
  for await (const event of answer.events()) {
    if (event.type === 'text') text += event.text
    if (event.type === 'close') ({ finish, usage } = event)
  }
  return { text, finish, usage }
}

/** Stops the model when its reader leaves before the end. */
async function* abandonable(
  events: AsyncGenerator<AnswerEvent>,
  saved: PromiseWithResolvers<Bytes>,
  cancel: () => Promise<void>,
): AsyncGenerator<AnswerEvent> {
  let isOver = false
  try {
    yield* events
    isOver = true
  } catch (error) {
    isOver = true
    throw error
  } finally {
    if (!isOver) {
      saved.reject(new PacketError('CANCELLED', 'Cannot save the answer: its reader left'))
      await cancel().catch(() => {})
    }
  }
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

function savedReply({ packet, receipt, opening }: ReadReply) {
  return { header: packet.header, ...packet.origin, receipt, opening }
}
