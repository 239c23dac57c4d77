/**
 * The pipeline, as its user sees it: build → seal → commit → submit → read the answer → verify.
 *
 * @module
 */
import type { Receipt } from '@mystranet/schemas/messages'
import { type Answer, answerOf } from './client/answer.ts'
import { deferred } from './client/deferred.ts'
import { cancelBy, createDrafts } from './client/drafts.ts'
import { type EnrolOptions, enrolIdentity } from './client/enrol.ts'
import { checkpointsOf, type Sent, savedAnswerOf } from './client/save.ts'
import { createSessionState, type SessionState } from './client/session.ts'
import { createWorld } from './client/world.ts'
import { isPacketError } from './errors.ts'
import type { Identity } from './keys/identity.ts'
import type { SealedRequest } from './packet/seal.ts'
import { packetPartition } from './proof/leaf.ts'
import { checkLeaf, verifyReceipt } from './proof/receipt.ts'
import { encodeSavedAnswer } from './proof/saved-answer.ts'
import type { TrustFile } from './proof/trust-file.ts'
import type { Question } from './question.ts'
import { type AnswerEvent, type AnswerReader, createAnswerReader } from './stream/answer.ts'
import type { Directory } from './transport/directory.ts'
import type { HttpOptions } from './transport/http.ts'
import type { Memory } from './transport/memory.ts'
import { receive } from './transport/receive.ts'
import { createRouter } from './transport/router.ts'

export { type Answer, collect } from './client/answer.ts'

export interface ClientOptions extends HttpOptions {
  readonly identity: Identity
  /** From out of band. Fetched from the router itself it is "first use", and every verdict says so. */
  readonly trust: TrustFile
  /** What was seen before; keep it between runs. */
  readonly memory?: Memory | undefined
  readonly now?: (() => number) | undefined
}

export interface Client {
  ask(question: Question): Answer
  /** Asks 1 to 1,024 questions at once, under one signature: a bulk sender's way. Answers stand in their order. */
  askAll(questions: readonly Question[]): readonly Answer[]
  /**
   * A conversation with one addressee: its packets cost no encapsulation once its first one was opened. A packet that is
   * refused with `SESSION_UNKNOWN` did not run; ask again, and the session begins anew.
   */
  session(to: Question['to']): ClientSession
  /** Makes the identity known to the router, or its packet key if that is new. Does nothing when both are. */
  enrol(options?: EnrolOptions): Promise<void>
  /** The routing table and its candidates, verified now. */
  routes(): Promise<Directory>
}

export interface ClientSession {
  ask(question: Omit<Question, 'to'>): Answer
}

/** A question with what stands behind it beside the client. */
interface Job {
  readonly question: Question
  readonly session?: SessionState | undefined
  /** Sealed already, with others. Should it have to be sealed anew, then by itself. */
  readonly sealed?: Promise<Omit<Sent, 'receipt'>> | undefined
}

/** Packets of a batch on their way to the router at once. */
const LANES = 16

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
  const world = createWorld({ router, trust, memory, now })
  const drafts = createDrafts({ identity, trust, now })
  const audience = (trust.policy.logs[0] as TrustFile['policy']['logs'][number]).key.keyName
  const reading = { router, network: trust.network, audience, signer: identity.packet, now, random }

  /**
   * build → seal → commit → submit. A packet that was refused because the world had moved on under it is sealed anew, once:
   * under the table now in force, or in a new epoch when other processes of this identity have begun two since ours.
   */
  async function send({ question, session, sealed }: Job, signal: AbortSignal): Promise<Sent> {
    for (let again = false; ; again = true) {
      const { using, request } = (again ? undefined : await sealed) ?? (await seal(question, session))
      try {
        return { using, request, receipt: await submit(request, signal) }
      } catch (error) {
        const code = !again && isPacketError(error) ? error.code : undefined
        if (code === 'TABLE_STALE') world.forget()
        else if (code === 'EPOCH_STALE') drafts.renew(request.core.epoch)
        else throw error
      }
    }
  }

  async function seal(question: Question, session: SessionState | undefined) {
    const using = await world.fresh()
    return { using, request: await drafts.seal(question, using, session?.seal) }
  }

  /** A receipt that does not prove this very packet is no receipt. */
  async function submit({ bytes, id: subject, core }: SealedRequest, signal: AbortSignal): Promise<Receipt> {
    const receipt = await router.submit(bytes, signal)
    const { leaf } = await verifyReceipt(receipt, trust)
    const partition = packetPartition(core.sender, core.correlationId)
    checkLeaf(leaf, { kind: 'request', subject, partition, commitment: core.contentCommitment })
    return receipt
  }

  /** The pipeline. */
  function run(job: Job): Answer {
    const { question, session } = job
    const stop = new AbortController()
    const signal = question.signal ? AbortSignal.any([question.signal, stop.signal]) : stop.signal
    const saved = deferred<Uint8Array<ArrayBuffer>>()
    const sending = send(job, signal)
    let reader: AnswerReader | undefined
    let notes: readonly Uint8Array[] = []
    const cancel = async () => cancelBy(drafts, (await sending).request, (packet) => router.submit(packet))

    async function* events(): AsyncGenerator<AnswerEvent> {
      try {
        const sent = await sending
        reader = createAnswerReader(sent.request, trust)
        for await (const event of receive(reader, { ...reading, packetId: sent.request.id, signal })) {
          if (event.type === 'open') session?.opened(sent.request)
          yield event
        }
        const read = reader.read()
        notes = checkpointsOf(sent, read)
        const keys = read.senderKeys ?? router.keys(identity.instance)
        const [own] = await Promise.all([keys, world.log.hold(notes)])
        saved.resolve(encodeSavedAnswer(savedAnswerOf(sent, read, own)))
      } catch (error) {
        saved.reject(error)
        sending.then(({ request }) => session?.lost(request)).catch(() => {})
        throw error
      } finally {
        if (signal.aborted) await cancel().catch(() => {})
      }
    }

    return answerOf({
      trust,
      packetId: sending.then(({ request }) => request.id),
      run: events,
      saved,
      log: async () => saved.promise.then(() => world.log.hold(notes)),
      evidence: () => reader?.evidence ?? [],
      isHeld: question.afterOpen ?? false,
      cancel,
    })
  }

  function askAll(questions: readonly Question[]): readonly Answer[] {
    const [only] = questions
    if (only !== undefined && questions.length === 1) return [run({ question: only })]
    const batch = world.fresh().then(async (using) => ({ using, requests: await drafts.sealAll(questions, using) }))
    batch.catch(() => {})
    const answers: Answer[] = []
    for (const [i, question] of questions.entries()) {
      const before = answers[i - LANES]?.packetId.catch(() => {})
      const sealed = batch.then(async ({ using, requests }) => {
        await before
        return { using, request: requests[i] as SealedRequest }
      })
      answers.push(run({ question, sealed }))
    }
    return answers
  }

  return {
    ask: (question) => run({ question }),
    askAll,
    session(to) {
      const session = createSessionState()
      return { ask: (question) => run({ question: { ...question, to }, session }) }
    },
    enrol: (options = {}) => enrolIdentity(router, { identity, trust, nowMs: now() }, options),
    routes: world.routes,
  }
}
