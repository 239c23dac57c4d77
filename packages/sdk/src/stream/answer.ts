/**
 * Reads the records of one answer as they come, and believes none that it has not checked. No I/O: the caller brings
 * records, from as many connections as it takes, and resumes from {@link AnswerReader.wantedFrame}.
 *
 * @module
 */
import { type Code, codeOfWire } from '@mystranet/schemas/codes'
import { type Finish, isComplete } from '@mystranet/schemas/kinds'
import {
  AnswerContent,
  Frame,
  type KeyChain,
  Notice,
  type Receipt,
  SignedDocument,
  StreamCheckpoint,
  type Usage,
} from '@mystranet/schemas/messages'
import { loadAead } from '#primitives'
import { type Bytes, concat, equalBytes, fromUtf8, toHex } from '../bytes.ts'
import { verifyDocument } from '../envelope/origin.ts'
import { type ParsedPacket, parsePacket, read } from '../envelope/parse.ts'
import type { AnswerRecord } from '../envelope/record.ts'
import { PacketError } from '../errors.ts'
import { type OpenedReply, openStreamClose, openStreamOpen } from '../packet/open.ts'
import { deriveReplyKeys, type ReplyKeys, type ReplySecret } from '../packet/reply-keys.ts'
import type { SealedRequest } from '../packet/seal.ts'
import type { TrustFile } from '../proof/trust-file.ts'
import { verifyStreamCheckpoint } from './checkpoint.ts'
import { checkClose } from './close.ts'
import { createFrameReader, type FrameReader } from './frame.ts'
import { createReplyProofs } from './reply-proofs.ts'

export type AnswerEvent =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'open'; readonly attempt: number; readonly agent: Uint8Array }
  | { readonly type: 'text'; readonly text: string }
  /** This attempt failed, and the sender lets another follow: what it said is void. `code` is why. */
  | { readonly type: 'restart'; readonly attempt: number; readonly code: Code }
  /** Authenticated, and not logged yet: wait for `end` before the answer is called verified. */
  | { readonly type: 'close'; readonly finish: Finish; readonly usage: Usage | undefined }
  | { readonly type: 'end' }

/** A reply with what was inside it. */
export interface ReadReply {
  readonly packet: ParsedPacket
  readonly opening: OpenedReply<unknown>['opening']
  readonly receipt: Receipt | undefined
}

/** What was read of an answer; the material of a saved one. */
export interface ReadAnswer {
  readonly open: ReadReply | undefined
  readonly close: ReadReply | undefined
  readonly answer: Bytes
  readonly answerSalt: Uint8Array | undefined
  readonly finish: Finish | undefined
  readonly attemptReceipt: Receipt | undefined
  readonly statementReceipt: Receipt | undefined
  readonly agentKeys: KeyChain | undefined
  /** Of the request's sender, and the receipt of its table: from a router that proves them with the answer. */
  readonly senderKeys: KeyChain | undefined
  readonly tableReceipt: Receipt | undefined
}

export interface AnswerReader {
  /**
   * Takes the next record.
   *
   * @throws {PacketError} what the agent or the nexus refused it with; or why the record cannot be believed.
   */
  take(record: AnswerRecord): Promise<AnswerEvent[]>
  /** Frame to ask for after a connection was lost. */
  readonly wantedFrame: number
  readonly ended: boolean
  /** Authentic replies that exclude each other, as received; at most eight. */
  readonly evidence: readonly Uint8Array[]
  read(): ReadAnswer
}

interface Attempt {
  readonly number: number
  readonly agent: Uint8Array
  readonly open: ReadReply
  readonly keys: ReplyKeys
  readonly frames: FrameReader
  readonly payloads: Uint8Array[]
  /** The packets themselves, as received. */
  readonly bytes: Uint8Array[]
  /** The model statement in OPEN. */
  readonly statement: Uint8Array
  close?: ReadReply & { readonly finish: Finish; readonly usage: Usage | undefined }
}

const MAX_EVIDENCE = 8

export function createAnswerReader(request: SealedRequest, trust: TrustFile): AnswerReader {
  const proofs = createReplyProofs(request, trust)
  let attempt: Attempt | undefined
  /** Why the attempt before failed, while another may follow. */
  let failure: PacketError | undefined
  let ended = false
  const evidence: Uint8Array[] = []
  /** Streams that failed, and their packets: all of it comes again with every connection. */
  const past = new Set<string>()
  const mayRestart = request.core.retry?.afterOpen === true

  async function takePacket(bytes: Uint8Array): Promise<AnswerEvent[]> {
    const packet = parsePacket(bytes)
    await proofs.authenticate(packet)
    await loadAead()
    if (past.has(toHex(packet.id))) return []
    if (packet.kind === 'NACK') throw refusalOf(packet.core.code, 'The agent refused the packet')
    if (packet.kind === 'STREAM_OPEN') return takeOpen(packet, bytes)
    if (packet.kind === 'STREAM_CLOSE') return takeClose(packet, bytes)
    return [{ type: 'progress', text: 'accepted' }]
  }

  /** One that no honest agent signs, or no honest router lets through, beside one that it excludes. */
  function excluded(bytes: Uint8Array, why: string): PacketError {
    for (const each of [...(attempt?.bytes ?? []), bytes]) {
      const isKept = evidence.some((other) => equalBytes(other, each))
      if (!isKept && evidence.length < MAX_EVIDENCE) evidence.push(each.slice())
    }
    return refuse('STREAM_INVALID', why)
  }

  function takeOpen(packet: ParsedPacket, bytes: Uint8Array): AnswerEvent[] {
    const number = packet.core.attempt as number
    // Sent again after a reconnect.
    if (attempt && equalBytes(attempt.open.packet.id, packet.id)) return []
    if (attempt && number <= attempt.number) throw excluded(bytes, 'a second stream of one attempt')
    // Its reader has the first one's text by now: two outputs are never spliced, unless the sender said so.
    if (attempt && !mayRestart) throw excluded(bytes, 'a second stream of a request that allows one')
    if (attempt && !failure) throw excluded(bytes, 'a second stream of a request whose first did not fail')
    // Its sender is a recipient, to whom the request was sealed.
    const secret = request.replySecrets.get(toHex(packet.core.sender)) as ReplySecret
    const keys = deriveReplyKeys(secret, packet.core.responseNonce as Uint8Array)
    const { content, opening } = openStreamOpen(packet, keys)
    failure = undefined
    attempt = {
      number,
      agent: packet.core.sender,
      open: { packet, opening, receipt: proofs.receiptOf(packet.id) },
      keys,
      frames: createFrameReader(packet.id, keys.frame),
      payloads: [],
      bytes: [bytes],
      statement: content.modelStatement,
    }
    return [{ type: 'open', attempt: number, agent: packet.core.sender }]
  }

  /** The end of an attempt without an answer: of the whole, unless its sender lets another follow. */
  function fail(packet: ParsedPacket, error: PacketError): AnswerEvent[] {
    if (!mayRestart || error.code === 'CANCELLED') throw error
    failure = error
    past.add(toHex(packet.id))
    if (attempt) past.add(toHex(attempt.open.packet.id))
    return [{ type: 'restart', attempt: packet.core.attempt as number, code: error.code }]
  }

  function takeFrame(bytes: Uint8Array): AnswerEvent[] {
    if (past.size > 0 && past.has(toHex(read(Frame, bytes, 'FRAME_MALFORMED').streamId))) return []
    if (attempt === undefined) throw refuse('STREAM_INVALID', 'a frame came before its stream')
    const payload = attempt.frames.read(bytes)
    const { parts } = read(AnswerContent, payload, 'CONTENT_INVALID')
    attempt.payloads.push(payload)
    const text = parts.map((part) => part.text ?? '').join('')
    return text === '' ? [] : [{ type: 'text', text }]
  }

  function takeClose(packet: ParsedPacket, bytes: Uint8Array): AnswerEvent[] {
    if (attempt?.close && equalBytes(attempt.close.packet.id, packet.id)) return []
    if (attempt?.close) throw excluded(bytes, 'a second end of one attempt')
    if (failure && attempt?.number === packet.core.attempt) throw excluded(bytes, 'a second end of one attempt')
    if (packet.ciphertext === undefined) {
      attempt?.bytes.push(bytes)
      return fail(packet, refusalOf(68, 'The agent lost the answer on its way'))
    }
    const stream = attempt?.number === packet.core.attempt ? attempt : undefined
    if (stream === undefined) throw refuse('STREAM_INVALID', 'its stream did not open')
    const { core } = packet
    if (!equalBytes(core.responseNonce as Uint8Array, stream.open.packet.core.responseNonce as Uint8Array)) {
      throw refuse('ANSWER_INVALID', 'its nonce is not that of its stream')
    }
    if (!equalBytes(core.senderKey, stream.open.packet.core.senderKey)) {
      throw refuse('ANSWER_INVALID', 'another key than that of its stream signed it')
    }
    const { content, opening } = openStreamClose(packet, stream.keys)
    const finish = checkClose(core.code, content, {
      streamId: stream.open.packet.id,
      frames: stream.frames.count,
      root: stream.frames.root(),
      ended: stream.frames.ended,
      answer: concat(...stream.payloads),
      answerSalt: stream.keys.answerSalt,
    })
    stream.bytes.push(bytes)
    if (!isComplete(finish) && finish !== 'LENGTH') {
      const error = refusalOf(content.error ?? (finish === 'CANCELLED' ? 67 : 66), `The answer was cut: ${finish}`)
      return fail(packet, error)
    }
    stream.close = { packet, opening, receipt: proofs.receiptOf(packet.id), finish, usage: content.usage }
    return [{ type: 'close', finish, usage: content.usage }]
  }

  async function takeCheckpoint(bytes: Uint8Array): Promise<void> {
    if (past.size > 0 && past.has(toHex(streamOf(bytes)))) return
    if (attempt === undefined) throw refuse('STREAM_INVALID', 'a stream checkpoint came before its stream')
    const { packet } = attempt.open
    const { frames } = attempt
    const of = { network: packet.core.network, streamId: packet.id, key: packet.core.senderKey }
    await verifyStreamCheckpoint(bytes, of, (size) => (size === frames.count ? frames.root() : undefined))
  }

  async function takeNotice(bytes: Uint8Array): Promise<never> {
    const document = await verifyDocument('notice', bytes)
    const notice = read(Notice, document.body)
    if (!trust.nexusKeys.some((key) => equalBytes(key, document.key))) {
      throw refuse('SIGNATURE_INVALID', 'its notice is signed by no nexus of the trust file')
    }
    if (!equalBytes(notice.packetId, request.id)) throw refuse('ANSWER_INVALID', 'its notice is of another packet')
    const code = codeOfWire(notice.code)
    const tries = notice.attempts.map((each) => codeOfWire(each.code) ?? each.code).join(', ')
    throw new PacketError(
      code === 'CANCELLED' ? 'CANCELLED' : 'DEAD_LETTERED',
      `Cannot answer the packet: ${code ?? notice.code} after ${notice.attempts.length} attempts (${tries})`,
    )
  }

  return {
    get wantedFrame() {
      return failure ? 0 : (attempt?.frames.count ?? 0)
    },
    get ended() {
      return ended
    },
    evidence,
    async take({ type, value }) {
      switch (type) {
        case 'packet':
          return takePacket(value)
        case 'frame':
          return takeFrame(value)
        case 'checkpoint':
          await takeCheckpoint(value)
          return []
        case 'heartbeat':
          return [{ type: 'progress', text: progressOf(value) }]
        case 'notice':
          return takeNotice(value)
        case 'receipt':
        case 'agent-keys':
        case 'attempt-receipt':
        case 'statement-receipt':
        case 'sender-keys':
        case 'table-receipt':
          proofs.keep(type, value)
          return []
        case 'end':
          // Refusals and notices were thrown: what ends here without a CLOSE was cut.
          if (failure) throw failure
          if (attempt?.close === undefined) throw refuse('STREAM_TRUNCATED', 'the answer ended without its CLOSE')
          ended = true
          return [{ type: 'end' }]
      }
    },
    read() {
      const proven = attempt && proofs.of(attempt.agent, attempt.number, attempt.statement)
      const withReceipt = (reply: ReadReply): ReadReply => ({
        packet: reply.packet,
        opening: reply.opening,
        receipt: proofs.receiptOf(reply.packet.id),
      })
      return {
        open: attempt && withReceipt(attempt.open),
        close: attempt?.close && withReceipt(attempt.close),
        answer: concat(...(attempt?.payloads ?? [])),
        answerSalt: attempt?.keys.answerSalt,
        finish: attempt?.close?.finish,
        attemptReceipt: proven?.attemptReceipt,
        statementReceipt: proven?.statementReceipt,
        agentKeys: proven?.agentKeys,
        senderKeys: proofs.keysOf(request.core.sender),
        tableReceipt: proofs.tableReceipt,
      }
    },
  }
}

/** Of which stream a checkpoint says that it is. */
const streamOf = (document: Uint8Array): Uint8Array =>
  read(StreamCheckpoint, read(SignedDocument, document).body).streamId

/** What a refusal by its number on the wire means to the one who asked. */
function refusalOf(wire: number | undefined, what: string): PacketError {
  const code: Code = (wire === undefined ? undefined : codeOfWire(wire)) ?? 'ANSWER_CUT'
  return new PacketError(code, `${what}: ${code}`)
}

const refuse = (code: Code, why: string) => new PacketError(code, `Cannot believe the reply: ${why}`)

/** Unauthenticated text: short, and nothing but what can be printed. */
function progressOf(value: Uint8Array): string {
  try {
    return fromUtf8(value.subarray(0, 200)).replace(/[^\x20-\x7e]/g, '?')
  } catch {
    return '?'
  }
}
