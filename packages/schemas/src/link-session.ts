/**
 * One end of a link over a carrier of datagrams that may lose them, as a broker does that restarts: messages arrive whole,
 * once and in order, or the session breaks. Datagrams are `u8 kind ‖ u32 number ‖ u32 acknowledged ‖ payload`; both ends
 * number what they send from 1, acknowledge what came in order, and send again what is not acknowledged.
 *
 * Nothing here waits or reads a clock: its owner brings datagrams in, calls `tick` about twenty times a second, and carries
 * away what `send` of the options is given.
 *
 * @module
 */
import { MAX_LINK_MESSAGE_BYTES } from './link-wire.ts'

/** Why a session ended. `gone`: the other end knows nothing of it. `closed`: it said so. */
export type SessionEnd = 'gone' | 'closed' | 'silent' | 'overrun' | 'malformed'

export interface LinkSessionOptions {
  /** Bytes of one datagram that the carrier takes, at least 256. */
  readonly datagramBytes: number
  readonly nowMs: number
  /** Carries a datagram. May lose it; must not throw. */
  send(datagram: Uint8Array): void
  /** A message came. Must not throw. */
  receive(message: Uint8Array): void
  /** Called once; nothing is sent or received after. Not called by `close`. */
  ended(why: SessionEnd): void
}

export interface LinkSession {
  send(message: Uint8Array, nowMs: number): void
  /** @param datagram Attacker-controlled. */
  take(datagram: Uint8Array, nowMs: number): void
  /** Acknowledges, sends again, notices silence. */
  tick(nowMs: number): void
  /** The carrier is back: sends at once what is not acknowledged. */
  renew(nowMs: number): void
  /** Whether everything that was sent arrived. */
  readonly isIdle: boolean
  /** Ends it and says so. */
  close(): void
}

const KIND = { WHOLE: 1, PART: 2, PING: 3, ACK: 4, GONE: 5, CLOSED: 6 } as const
const HEADER_BYTES = 9
const RESEND_MS = 500
const MAX_RESEND_MS = 4_000
const RESEND_BYTES = 4 * 1024 * 1024
const ACK_EVERY = 16
const PING_MS = 2_000
/** An end that is not heard of for so long is given up. A broker restarts in less. */
export const LINK_SILENCE_MS = 15_000
/** Bytes that wait to be acknowledged. Beyond, the other end does not keep up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024
const MAX_NUMBER = 2 ** 32 - 1

interface Sent {
  readonly kind: number
  readonly number: number
  readonly payload: Uint8Array
}

const EMPTY = new Uint8Array(0)

function datagram(kind: number, number: number, acknowledged: number, payload: Uint8Array = EMPTY): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, kind)
  view.setUint32(1, number)
  view.setUint32(5, acknowledged)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/** Tells whoever sent a datagram that its session is unknown here. */
export const goneDatagram = (): Uint8Array => datagram(KIND.GONE, 0, 0)

/** Whether a session may begin with this datagram. */
export function beginsSession(bytes: Uint8Array): boolean {
  const read = readDatagram(bytes)
  return read?.number === 1 && (read.kind === KIND.WHOLE || read.kind === KIND.PART)
}

function readDatagram(bytes: Uint8Array) {
  if (bytes.length < HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [kind, number, acknowledged] = [view.getUint8(0), view.getUint32(1), view.getUint32(5)]
  const isData = kind === KIND.WHOLE || kind === KIND.PART
  if (kind < KIND.WHOLE || kind > KIND.CLOSED || (!isData && bytes.length > HEADER_BYTES)) return undefined
  return { kind, number, acknowledged, payload: bytes.subarray(HEADER_BYTES) }
}

export function createLinkSession(options: LinkSessionOptions): LinkSession {
  const room = options.datagramBytes - HEADER_BYTES
  const waiting: Sent[] = []
  let waitingBytes = 0
  let sent = 0
  let expected = 1
  let unacknowledged = 0
  let parts: Uint8Array[] = []
  let partBytes = 0
  let heardMs = options.nowMs
  let pingedMs = options.nowMs
  let resentMs = options.nowMs
  let pauseMs = RESEND_MS
  let isOver = false

  const end = (why: SessionEnd) => {
    if (isOver) return
    isOver = true
    options.ended(why)
  }
  const emit = ({ kind, number, payload }: Sent) => {
    unacknowledged = 0
    options.send(datagram(kind, number, expected - 1, payload))
  }
  const acknowledge = () => {
    unacknowledged = 0
    options.send(datagram(KIND.ACK, 0, expected - 1))
  }
  const resend = (nowMs: number) => {
    resentMs = nowMs
    let bytes = 0
    for (const each of waiting) {
      emit(each)
      bytes += each.payload.length
      if (bytes > RESEND_BYTES) return
    }
  }

  const takeAcknowledged = (number: number, nowMs: number) => {
    // Beyond what was sent it is not ours.
    if (number > sent) return
    let hasMoved = false
    while (waiting[0] !== undefined && waiting[0].number <= number) {
      waitingBytes -= waiting[0].payload.length
      waiting.shift()
      hasMoved = true
    }
    if (!hasMoved) return
    pauseMs = RESEND_MS
    resentMs = nowMs
  }

  const takeData = (kind: number, number: number, payload: Uint8Array) => {
    if (number !== expected) return acknowledge()
    expected += 1
    partBytes += payload.length
    if (partBytes > MAX_LINK_MESSAGE_BYTES) return end('malformed')
    parts.push(payload)
    unacknowledged += 1
    if (kind === KIND.WHOLE) {
      const message = new Uint8Array(partBytes)
      let at = 0
      for (const part of parts) {
        message.set(part, at)
        at += part.length
      }
      parts = []
      partBytes = 0
      options.receive(message)
    }
    if (unacknowledged >= ACK_EVERY && !isOver) acknowledge()
  }

  return {
    send(message, nowMs) {
      if (isOver) return
      if (message.length > MAX_LINK_MESSAGE_BYTES) {
        throw new RangeError(
          `Cannot send a message: it has ${message.length} bytes, wanted at most ${MAX_LINK_MESSAGE_BYTES}`,
        )
      }
      waitingBytes += message.length
      if (waitingBytes > MAX_WAITING_BYTES || sent + message.length / room + 1 > MAX_NUMBER) return end('overrun')
      if (waiting.length === 0) resentMs = nowMs
      let at = 0
      do {
        const payload = message.slice(at, at + room)
        at += room
        sent += 1
        const each = { kind: at < message.length ? KIND.PART : KIND.WHOLE, number: sent, payload }
        waiting.push(each)
        emit(each)
      } while (at < message.length)
    },
    take(bytes, nowMs) {
      if (isOver) return
      const read = readDatagram(bytes)
      if (read === undefined) return
      heardMs = nowMs
      const { kind, number, acknowledged, payload } = read
      if (kind === KIND.GONE) return end('gone')
      takeAcknowledged(acknowledged, nowMs)
      if (kind === KIND.CLOSED) return end('closed')
      if (kind === KIND.PING) acknowledge()
      // The carrier may reuse its buffer.
      else if (kind !== KIND.ACK) takeData(kind, number, payload.slice())
    },
    tick(nowMs) {
      if (isOver) return
      if (nowMs - heardMs >= LINK_SILENCE_MS) return end('silent')
      if (waiting.length > 0 && nowMs - resentMs >= pauseMs) {
        pauseMs = Math.min(MAX_RESEND_MS, 2 * pauseMs)
        resend(nowMs)
      }
      if (unacknowledged > 0) acknowledge()
      if (nowMs - heardMs >= PING_MS && nowMs - pingedMs >= PING_MS) {
        pingedMs = nowMs
        options.send(datagram(KIND.PING, 0, expected - 1))
      }
    },
    renew(nowMs) {
      if (isOver) return
      pauseMs = RESEND_MS
      resend(nowMs)
    },
    get isIdle() {
      return waiting.length === 0
    },
    close() {
      if (isOver) return
      isOver = true
      options.send(datagram(KIND.CLOSED, 0, expected - 1))
    },
  }
}
