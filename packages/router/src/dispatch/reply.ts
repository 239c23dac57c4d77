/**
 * Stage 9 at the router: replies of agents. Admitted only from an agent that an attempt leaf names (docs/protocol.md §12, last
 * paragraph), shown, logged. OPEN is confirmed before a frame of it is taken; the others act first and are logged after.
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { finishOf, isComplete, OUTCOMES } from '@mystranet/schemas/kinds'
import { encode, type HeaderCore, Packet } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import type { ParsedPacket } from '@mystranet/sdk/envelope'
import type { LeafKind } from '@mystranet/sdk/proof/leaf'
import { RouterError, refusalOf } from '../errors.ts'
import type { AnswerRecord, AttemptRecord, ReplyRecord, RequestRecord } from '../ports.ts'
import type { Admission } from './admit.ts'
import { packetAddendum } from './attempts.ts'
import type { Delivering } from './deliver.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import { introduction } from './introduction.ts'
import type { Keyring } from './keyring.ts'
import { attemptOf, codeOfClose, withAttempt } from './life.ts'
import { tellPacket } from './tell.ts'

type ReplyKind = Exclude<ReplyRecord['kind'], 'CANCEL'>

const LEAF_OF: Readonly<Record<ReplyKind, LeafKind>> = {
  STREAM_OPEN: 'stream-open',
  STREAM_CLOSE: 'stream-close',
  ACK: 'ack',
  NACK: 'nack',
}

/** An ACK waits so long for the OPEN that follows it: one round of the log then takes both. */
const ACK_PATIENCE_MS = 50

export interface Replies {
  /**
   * Takes a reply in.
   *
   * @param received Attacker-controlled.
   * @returns Its receipt, once it is confirmed. The same reply sent again gets the same.
   * @throws {PacketError | RouterError} `NOT_A_CANDIDATE`, `REPLAYED` and the codes of admission.
   */
  take(received: Uint8Array): Promise<Uint8Array>
  /** Logs replies that a crash, or a log without a quorum, left without their receipt. */
  complete(record: RequestRecord): Promise<void>
}

/** In an object, so that whoever waits for its turn does not wait for the log. */
interface Taken {
  readonly receipt: Uint8Array | Promise<Uint8Array>
  /** It was here before. */
  readonly isKnown: boolean
  /** Of the frames before a CLOSE. */
  readonly frameBytes: number
}

export interface ReplyDeps {
  readonly admission: Admission
  readonly keyring: Keyring
  readonly delivering: Delivering
  /** Frames of this stream may come now. */
  opened(request: string, stream: string, core: HeaderCore): void
  /** Resolves when the frames that came so far are with the answer, with their bytes since it was last asked. */
  framed(request: string): Promise<number>
}

export function createReplies(desk: Desk, { admission, keyring, delivering, opened, framed }: ReplyDeps): Replies {
  /** ACKs on their way to their receipts, by request. */
  const acks = new Map<string, Promise<unknown>>()

  const admit = async (parsed: ParsedPacket, kind: ReplyKind, record: RequestRecord): Promise<ReplyRecord> => {
    const { core } = parsed
    const request = coreOf(record)
    checkBinding(core, request)
    // Neither clock nor sequence window: an agent may deliver late what it made in time (docs/protocol.md §12).
    const chain = await admission.authenticate(parsed)
    try {
      checkOrder(record, core, kind, toHex(parsed.id))
    } catch (error) {
      await keepEvidence(record.id, parsed)
      throw error
    }
    const addendum = packetAddendum(desk, core, chain)
    const attempt = core.attempt as number
    const draft = draftFor(LEAF_OF[kind], request, {
      subject: parsed.id,
      attempt,
      commitment: core.contentCommitment,
      addendum,
    })
    return { id: toHex(parsed.id), kind, attempt, draft, code: core.code }
  }

  /** Header and signature prove who said it; content may be as large as its sender likes. */
  const keepEvidence = async (requestId: string, { header, origin }: ParsedPacket) => {
    const packet = encode(Packet, { header, ...origin })
    await desk.change(requestId, (each) => {
      const { evidence = [] } = each
      const isKept = evidence.length >= MAX_EVIDENCE || evidence.some((other) => equalBytes(other, packet))
      return isKept ? undefined : { ...each, evidence: [...evidence, packet] }
    })
  }

  /** Keeps and shows it; both may be done twice. @returns Bytes of the frames before it. */
  const keep = async (record: RequestRecord, parsed: ParsedPacket, received: Uint8Array, reply: ReplyRecord) => {
    const attempt = attemptOf(record, reply.attempt) as AttemptRecord
    const isNack = reply.kind === 'NACK'
    const kept: ReplyRecord = isNack || reply.kind === 'ACK' ? { ...reply, packet: received } : reply
    const shown: AnswerRecord = { type: 'packet', key: reply.id, value: received }
    const isShown = record.state === 'released' && !isNack
    const before = isShown ? await introduction(desk, keyring, attempt, parsed.core) : []
    // Frames and their CLOSE may come in one burst: nobody would believe a CLOSE that overtook one.
    const frameBytes = reply.kind === 'STREAM_CLOSE' ? await framed(record.id) : 0
    await Promise.all([
      desk.change(record.id, (each) =>
        each.replies.some(({ id }) => id === reply.id)
          ? undefined
          : applied({ ...each, replies: [...each.replies, kept] }, parsed, desk.nowMs()),
      ),
      isShown ? desk.answers.append(record.id, [...before, shown], true) : undefined,
    ])
    return frameBytes
  }

  /** Logs it, keeps the receipt, shows that. */
  const confirm = async (requestId: string, reply: ReplyRecord, patienceMs = 0): Promise<Uint8Array> => {
    const [receipt] = await desk.commit([reply.draft], { patienceMs })
    await Promise.all([
      desk.change(requestId, (each) => ({
        ...each,
        replies: each.replies.map((other) => (other.id === reply.id ? { ...other, receipt } : other)),
      })),
      reply.kind === 'NACK' || reply.kind === 'CANCEL'
        ? undefined
        : desk.answers.append(
            requestId,
            [{ type: 'receipt', key: `receipt:${reply.id}`, value: receipt as Uint8Array }],
            true,
          ),
    ])
    desk.trace.stage(LEAF_OF[reply.kind as ReplyKind] ?? 'cancel', { packet: requestId, attempt: reply.attempt })
    return receipt as Uint8Array
  }

  /** Admits, keeps and shows it, then logs it: behind one gate, so that its addendum names the head at its place. */
  const takeAndLog = (parsed: ParsedPacket, kind: ReplyKind, received: Uint8Array, record: RequestRecord) => {
    const taken = Promise.withResolvers<{ readonly reply: ReplyRecord; readonly frameBytes: number }>()
    const receipt = desk.gates.shared(toHex(parsed.core.sender), async () => {
      const known = record.replies.find(({ id }) => id === toHex(parsed.id))
      const reply = known ?? (await admit(parsed, kind, record))
      taken.resolve({ reply, frameBytes: await keep(record, parsed, received, reply) })
      return confirm(record.id, reply, isAccepted(reply) ? ACK_PATIENCE_MS : 0)
    })
    receipt.catch(taken.reject)
    return { taken: taken.promise, receipt }
  }

  /** Resolves when the next reply may be taken: an ACK is logged while what follows it comes in. */
  const takeIn = async (parsed: ParsedPacket, kind: ReplyKind, received: Uint8Array): Promise<Taken> => {
    const { core } = parsed
    const requestId = toHex(core.inReplyTo as Uint8Array)
    const stored = await desk.packets.find(requestId)
    if (stored === undefined) throw notCandidate('its request is unknown here')
    const { record } = stored
    const attempt = attemptOf(record, core.attempt as number)
    if (attempt?.receipt === undefined || attempt.agent !== toHex(core.sender)) {
      throw notCandidate(`no attempt leaf names its sender with attempt ${core.attempt}`)
    }
    const known = record.replies.find(({ id }) => id === toHex(parsed.id))
    if (known?.receipt !== undefined) return { receipt: known.receipt, isKnown: true, frameBytes: 0 }
    const { taken, receipt: logged } = takeAndLog(parsed, kind, received, record)
    const { reply, frameBytes } = await taken
    if (isAccepted(reply)) {
      remember(requestId, logged)
      desk.metrics.count('weave_packets_total', { kind, code: 'taken' })
      return { receipt: logged, isKnown: false, frameBytes }
    }
    const receipt = await logged
    if (kind === 'STREAM_OPEN') opened(requestId, reply.id, core)
    desk.metrics.count('weave_packets_total', { kind, code: 'taken' })
    if (kind === 'STREAM_CLOSE' || kind === 'NACK' || core.code === OUTCOMES.COMPLETED) {
      await acks.get(requestId)
      await desk.queue.finish(requestId, reply.attempt)
      const after = await desk.packets.find(requestId)
      if (after !== undefined) await delivering.settle(after.record)
    }
    return { receipt, isKnown: false, frameBytes }
  }
  /** Who ends the request waits for it, whatever becomes of it. */
  const remember = (requestId: string, logged: Promise<unknown>) => {
    const settled = Promise.allSettled([acks.get(requestId), logged]).then(() => {
      if (acks.get(requestId) === settled) acks.delete(requestId)
    })
    acks.set(requestId, settled)
  }

  return {
    async take(received) {
      const parsed = admission.parse(received)
      const { kind } = parsed
      if (kind === 'REQUEST' || kind === 'CANCEL') {
        throw new RouterError('NOT_PERMITTED', `Cannot take a ${kind} as a reply`)
      }
      const bytes = received.slice()
      try {
        const { receipt, isKnown, frameBytes } = await desk.turns.inTurn(
          toHex(parsed.core.inReplyTo as Uint8Array),
          () => takeIn(parsed, kind, bytes),
        )
        const logged = await receipt
        tellPacket(desk, parsed, bytes.length + frameBytes, isKnown ? 'known' : 'taken')
        return logged
      } catch (error) {
        tellPacket(desk, parsed, bytes.length, refusalOf(error)?.code ?? 'INTERNAL')
        throw error
      }
    },
    async complete(record) {
      for (const reply of record.replies) {
        const isOnItsWay = isAccepted(reply) && acks.has(record.id)
        if (reply.receipt === undefined && !isOnItsWay) await confirm(record.id, reply)
      }
    },
  }
}

/** Refused replies that are kept of one request. */
const MAX_EVIDENCE = 8

const isAccepted = ({ kind, code }: ReplyRecord) => kind === 'ACK' && code === OUTCOMES.ACCEPTED

/** What a reply takes from its request: docs/protocol.md §5.1. */
function checkBinding(core: HeaderCore, request: HeaderCore): void {
  const isBound =
    equalBytes(core.targetInstance as Uint8Array, request.sender) &&
    equalBytes(core.correlationId, request.correlationId) &&
    core.suite === request.suite
  if (!isBound)
    throw new RouterError('FIELD_INVALID', 'Cannot take the reply: target, correlation or suite are not its request’s')
}

/** One OPEN, one end for each attempt; a NACK says that nothing ran. */
function checkOrder(record: RequestRecord, core: HeaderCore, kind: ReplyKind, id: string): void {
  const others = record.replies.filter((each) => each.attempt === core.attempt && each.id !== id)
  const has = (...kinds: readonly ReplyRecord['kind'][]) => others.some((each) => kinds.includes(each.kind))
  const isEnd = kind === 'STREAM_CLOSE' || kind === 'NACK'
  const isTwice =
    (kind === 'STREAM_OPEN' && has('STREAM_OPEN', 'STREAM_CLOSE', 'NACK')) ||
    (isEnd && has('STREAM_CLOSE', 'NACK')) ||
    (kind === 'NACK' && has('STREAM_OPEN')) ||
    (kind === 'ACK' && others.some((each) => each.kind === 'ACK' && each.code === core.code))
  const finish = kind === 'STREAM_CLOSE' ? finishOf(core.code) : undefined
  const isSecond =
    finish !== undefined &&
    isComplete(finish) &&
    record.attempts.some((each) => each.state === 'closed' && each.code === undefined && each.number !== core.attempt)
  if (isTwice || isSecond) {
    throw new RouterError('REPLAYED', `Cannot take the ${kind}: attempt ${core.attempt} has another reply in its place`)
  }
}

/** The attempt after a reply. An attempt that was given up may still be accepted while no other followed it. */
function applied(record: RequestRecord, { kind, core, id }: ParsedPacket, nowMs: number): RequestRecord {
  const number = core.attempt as number
  const before = attemptOf(record, number)
  if (before === undefined || record.state !== 'released') return record
  const isOver = before.state === 'closed' || before.state === 'refused'
  const isSuperseded = before.state === 'late' && record.attempts.length > number
  if (isOver || isSuperseded) return record
  if (kind === 'ACK' && core.code === OUTCOMES.ACCEPTED) {
    return before.state === 'opened' ? record : withAttempt(record, number, { state: 'accepted', code: undefined })
  }
  if (kind === 'STREAM_OPEN') return withAttempt(record, number, { state: 'opened', code: undefined })
  const ended = { reply: toHex(id), atMs: nowMs }
  if (kind === 'NACK') return withAttempt(record, number, { ...ended, state: 'refused', code: core.code })
  if (kind !== 'STREAM_CLOSE') return withAttempt(record, number, { ...ended, state: 'closed', code: undefined })
  const finish = finishOf(core.code)
  const code = finish === 'CANCELLED' ? ('CANCELLED' as const) : codeOfClose(core.code)
  return withAttempt(record, number, { ...ended, state: 'closed', code: code && CODES[code].wire })
}

const notCandidate = (why: string) => new RouterError('NOT_A_CANDIDATE', `Cannot take the reply: ${why}`)
