/**
 * An edge's end of the exchanges with its nexus: one subscription, any number of asks at once.
 *
 * @module
 */
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { RouterError } from '../errors.ts'
import {
  type Asked,
  askBytes,
  askSubject,
  DATAGRAM_BYTES,
  encodeAsk,
  encodeDatagram,
  isInbox,
  type Kind,
  PING_MS,
  readDatagram,
  readRefusal,
  SILENCE_MS,
  WINDOW_PARTS,
} from './nats-nexus-wire.ts'

/** One answer of the nexus, as it comes. */
export interface Exchange {
  /**
   * The next part, in order; undefined once all came.
   *
   * @throws {RouterError} what the nexus refused, or `ROUTER_UNREACHABLE`: what came is not all.
   */
  next(): Promise<Uint8Array | undefined>
  /** What the end said besides. */
  readonly mark: number
  /** Nobody reads on. */
  leave(): void
}

export interface Asking {
  /** @param deadlineMs Until the answer begins. @throws {RouterError} `ROUTER_UNREACHABLE` without a broker. */
  ask(what: Asked, name: string, body: Uint8Array, deadlineMs: number): Exchange
  /** Fails what is under way. */
  close(): void
}

interface Open {
  readonly exchange: Exchange
  take(message: Msg): void
  fail(error: RouterError): void
  tick(nowMs: number): void
}

const TICK_MS = 500
const HEADROOM_BYTES = 1_024
const NO_RESPONDERS = 503

export const unreachable = (why: string): RouterError =>
  new RouterError('ROUTER_UNREACHABLE', `Cannot ask the nexus: ${why}`, { retryAfterMs: 1_000 })

/** @param silenceMs A nexus that is not heard of for so long is given up. */
export function createAsking(nc: NatsConnection, silenceMs: number = SILENCE_MS): Asking {
  const inbox = createInbox()
  const open = new Map<string, Open>()
  const room = (nc.info?.max_payload ?? 1024 * 1024) - HEADROOM_BYTES
  let isConnected = true
  let count = 0
  let timer: ReturnType<typeof setInterval> | undefined

  const publish = (subject: string, bytes: Uint8Array, reply?: string) => {
    if (isConnected && !nc.isClosed()) nc.publish(subject, bytes, reply === undefined ? {} : { reply })
  }
  const settled = (id: string) => {
    open.delete(id)
    if (open.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const failAll = (why: string) => {
    for (const each of [...open.values()]) each.fail(unreachable(why))
  }
  const subscription = nc.subscribe(`${inbox}.*`, {
    callback(error, message) {
      if (error === null) open.get(message.subject.slice(inbox.length + 1))?.take(message)
    },
  })
  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'reconnect') isConnected = true
      if (type !== 'disconnect') continue
      isConnected = false
      failAll('the broker went away')
    }
  }
  void watch()

  return {
    ask(what, name, body, deadlineMs) {
      if (!isConnected || nc.isClosed()) throw unreachable('the broker is away')
      const id = String(++count)
      const reply = `${inbox}.${id}`
      const begun = Math.max(0, room - askBytes(name))
      const each = createOpen({
        deadlineMs,
        silenceMs,
        rest: body.subarray(begun),
        partBytes: room - DATAGRAM_BYTES,
        settled: () => settled(id),
        send: (subject, bytes, answers) => publish(subject, bytes, answers ? reply : undefined),
      })
      open.set(id, each)
      timer ??= setInterval(() => {
        for (const other of [...open.values()]) other.tick(Date.now())
      }, TICK_MS)
      publish(
        askSubject(what),
        encodeAsk({ deadlineMs, length: body.length, name, body: body.subarray(0, begun) }),
        reply,
      )
      return each.exchange
    },
    close() {
      subscription.unsubscribe()
      failAll('this edge is closing')
    },
  }
}

interface OpenOptions {
  readonly deadlineMs: number
  readonly silenceMs: number
  /** What of the body the ask did not hold. */
  readonly rest: Uint8Array
  readonly partBytes: number
  settled(): void
  /** @param answers Whether an answer is wanted. */
  send(subject: string, bytes: Uint8Array, answers: boolean): void
}

function createOpen({ deadlineMs, silenceMs, rest, partBytes, settled, send }: OpenOptions): Open {
  const parts: Uint8Array[] = []
  let came = 0
  let taken = 0
  let told = 0
  let mark: number | undefined
  let failure: RouterError | undefined
  let peer: string | undefined
  let [heardMs, pingedMs] = [Date.now(), Date.now()]
  let change = Promise.withResolvers<void>()

  const isSettled = () => mark !== undefined || failure !== undefined
  const changed = () => {
    change.resolve()
    change = Promise.withResolvers()
  }
  const settle = () => {
    clearTimeout(deadline)
    settled()
    changed()
  }
  const fail = (error: RouterError) => {
    if (isSettled()) return
    failure = error
    settle()
    say('left', 0)
  }
  const say = (kind: Kind, number: number, payload?: Uint8Array, answers = false) => {
    if (peer !== undefined) send(peer, encodeDatagram(kind, number, payload), answers)
  }
  const deadline = setTimeout(() => fail(unreachable(`it did not answer within ${deadlineMs} ms`)), deadlineMs)

  const act: Readonly<Record<Kind, (number: number, payload: Uint8Array) => void>> = {
    part(number, payload) {
      if (number !== came + 1) return fail(unreachable('a part of its answer was lost'))
      clearTimeout(deadline)
      came = number
      parts.push(payload)
      changed()
    },
    end(number, payload) {
      if (number !== came) return fail(unreachable('the end of its answer was lost'))
      mark = payload[0] ?? 0
      settle()
    },
    ready() {
      for (let at = 0, number = 1; at < rest.length; at += partBytes, number++)
        say('part', number, rest.subarray(at, at + partBytes), true)
    },
    refused: (_, payload) => fail(readRefusal(payload)),
    gone: () => fail(unreachable('it does not know of this exchange any more')),
    here: () => undefined,
    taken: () => undefined,
    ping: () => undefined,
    left: () => undefined,
  }

  return {
    fail,
    take(message) {
      if (message.headers?.code === NO_RESPONDERS) return fail(unreachable('nobody answers'))
      const datagram = readDatagram(message.data)
      if (datagram === undefined) return fail(unreachable('it says what is no datagram'))
      heardMs = Date.now()
      if (isInbox(message.reply)) peer ??= message.reply
      act[datagram.kind](datagram.number, datagram.payload)
    },
    tick(nowMs) {
      if (peer === undefined) return
      if (nowMs - heardMs > silenceMs) return fail(unreachable(`it is silent for ${nowMs - heardMs} ms`))
      if (nowMs - pingedMs < PING_MS) return
      pingedMs = nowMs
      say('ping', 0, undefined, true)
    },
    exchange: {
      async next() {
        for (;;) {
          const part = parts.shift()
          if (part !== undefined) {
            taken += 1
            if (!isSettled() && taken - told >= WINDOW_PARTS / 2) {
              told = taken
              say('taken', taken, undefined, true)
            }
            return part
          }
          if (failure !== undefined) throw failure
          if (mark !== undefined) return undefined
          await change.promise
        }
      },
      get mark() {
        return mark ?? 0
      },
      leave() {
        fail(unreachable('its reader left'))
      },
    },
  }
}
