/**
 * The nexus's end: answers edges over a broker with what a door gives. Whoever may publish under `weave.nexus.*` is the
 * broker's to say, by its accounts; what comes is admitted as if it had come over HTTP.
 *
 * @module
 */
import { concat, fromHex, utf8 } from '@mystranet/sdk/bytes'
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core'
import type { NexusDoor } from '../door.ts'
import { RouterError, refusalOf } from '../errors.ts'
import {
  ASKS,
  type Ask,
  type Asked,
  askedOf,
  askSubject,
  DATAGRAM_BYTES,
  type Datagram,
  encodeDatagram,
  encodeRefusal,
  isInbox,
  type Kind,
  PART_BYTES,
  readAsk,
  readDatagram,
  SILENCE_MS,
  WINDOW_PARTS,
} from './nats-nexus-wire.ts'

export interface NexusService {
  /** Takes no more asks, and tells the edges that answers are cut. */
  close(): void
}

export interface NexusServiceOptions {
  readonly nc: NatsConnection
  readonly door: NexusDoor
  /** An edge that is silent for so long is gone. Default 15 s. */
  readonly silenceMs?: number | undefined
  /** A fault of ours: its caller is told no more than that there was one. */
  onFault(error: unknown): void
}

interface Served {
  take(datagram: Datagram): void
  /** @param sinceMs Whoever was not heard of since is gone. */
  tick(sinceMs: number): void
  leave(): void
  say(kind: Kind, number: number, payload?: Uint8Array): void
}

const MAX_EXCHANGES = 4_096
/** Bytes of bodies that may be held while they come in. */
const MAX_UPLOAD_BYTES = 128 * 1024 * 1024
const TICK_MS = 1_000

/** Answers edges until it is closed. */
export function serveNexus({ nc, door, onFault, silenceMs = SILENCE_MS }: NexusServiceOptions): NexusService {
  const inbox = createInbox()
  const served = new Map<string, Served>()
  const partBytes = Math.min(PART_BYTES, (nc.info?.max_payload ?? PART_BYTES) - DATAGRAM_BYTES)
  let [isConnected, count, uploading] = [true, 0, 0]

  const publish = (to: string, id: string, bytes: Uint8Array) => {
    // What is sent into a broken connection would be kept, and sent when nobody waits for it.
    if (isConnected && !nc.isClosed()) nc.publish(to, bytes, { reply: `${inbox}.${id}` })
  }
  const serve = async (what: Asked, ask: Ask, to: string) => {
    const id = String(++count)
    const each = createServed({ partBytes, send: (bytes) => publish(to, id, bytes) })
    served.set(id, each)
    const { length } = ask
    uploading += length
    try {
      const body = await each.whole(ask)
      await each.answer(await work(door, what, ask.name, body))
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) onFault(error)
      const shown = refusal ?? new RouterError('INTERNAL', 'The router failed; the fault has been reported')
      each.say('refused', 0, encodeRefusal(shown))
    } finally {
      uploading -= length
      served.delete(id)
    }
  }
  const take = ({ subject, data, reply }: Msg) => {
    if (!isInbox(reply)) return
    const what = askedOf(subject)
    const ask = readAsk(data)
    const refusal = refusalBefore(what, ask, served.size, uploading)
    if (refusal !== undefined) publish(reply, '0', encodeDatagram('refused', 0, encodeRefusal(refusal)))
    else void serve(what as Asked, ask as Ask, reply)
  }
  const asks = nc.subscribe(askSubject('*'), {
    queue: 'nexus',
    callback: (error, message) => {
      if (error === null) take(message)
    },
  })
  const datagrams = nc.subscribe(`${inbox}.*`, {
    callback(error, { subject, data, reply }) {
      const datagram = error === null ? readDatagram(data) : undefined
      const each = served.get(subject.slice(inbox.length + 1))
      if (datagram === undefined) return
      if (each !== undefined) each.take(datagram)
      else if (isInbox(reply)) publish(reply, '0', encodeDatagram('gone', 0))
    },
  })
  const timer = setInterval(() => {
    for (const each of [...served.values()]) each.tick(Date.now() - silenceMs)
  }, TICK_MS)
  const leaveAll = () => {
    for (const each of [...served.values()]) each.leave()
  }
  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'reconnect') isConnected = true
      if (type !== 'disconnect') continue
      isConnected = false
      // The edges gave up as well, or will when they miss a part.
      leaveAll()
    }
  }
  void watch()

  return {
    close() {
      asks.unsubscribe()
      datagrams.unsubscribe()
      clearInterval(timer)
      for (const each of [...served.values()]) each.say('gone', 0)
      leaveAll()
    },
  }
}

function refusalBefore(what: Asked | undefined, ask: Ask | undefined, open: number, uploading: number) {
  if (what === undefined || ask === undefined) return new RouterError('FIELD_INVALID', 'Cannot answer: it is no ask')
  if (ask.length > ASKS[what]) {
    return new RouterError('PACKET_TOO_LARGE', `Cannot take it: ${ask.length} bytes, wanted at most ${ASKS[what]}`)
  }
  if (open < MAX_EXCHANGES && uploading + ask.length <= MAX_UPLOAD_BYTES) return undefined
  return new RouterError('RATE_LIMITED', 'Cannot take more from the edges now', { retryAfterMs: 1_000 })
}

interface Work {
  readonly body: Uint8Array | ReadableStream<Uint8Array>
  readonly mark?: number
}

async function work(door: NexusDoor, what: Asked, name: string, body: Uint8Array): Promise<Work> {
  switch (what) {
    case 'submit': {
      const { receipt, known } = await door.submit(body)
      return { body: receipt, mark: Number(known) }
    }
    case 'answer':
      return { body: await door.readAnswer(packetOf(name), body) }
    case 'stored':
      return { body: await door.readPackets(packetOf(name), body) }
    case 'routes':
      return { body: await door.routes() }
    case 'keys':
      return { body: await door.keys(fromHex(packetOf(name)) as Uint8Array) }
    case 'enrol':
      return { body: await door.enrol(body) }
    case 'log': {
      const file = await door.logFile(name)
      return { body: file ?? new Uint8Array(0), mark: Number(file !== undefined) }
    }
    case 'status':
      return { body: utf8((await door.missing()).join('\n')) }
  }
}

function packetOf(name: string): string {
  if (/^[0-9a-f]{64}$/.test(name)) return name
  throw new RouterError('FIELD_INVALID', 'Cannot answer: the id is not 64 hex digits')
}

interface ServedOptions {
  readonly partBytes: number
  send(bytes: Uint8Array): void
}

function createServed({ partBytes, send }: ServedOptions) {
  const uploaded: Uint8Array[] = []
  let [sent, taken, heardMs] = [0, 0, Date.now()]
  let isGone = false
  let isMissing = false
  let change = Promise.withResolvers<void>()
  let left: () => void = () => undefined
  const changed = () => {
    change.resolve()
    change = Promise.withResolvers()
  }
  const say: Served['say'] = (kind, number, payload) => {
    if (!isGone) send(encodeDatagram(kind, number, payload))
  }
  const leave = () => {
    isGone = true
    left()
    changed()
  }
  /** Sends bytes in parts, as fast as they are taken. */
  const put = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length && !isGone; at += partBytes) {
      while (sent - taken >= WINDOW_PARTS && !isGone) await change.promise
      sent += 1
      say('part', sent, bytes.subarray(at, at + partBytes))
    }
  }
  return {
    say,
    leave,
    take({ kind, number, payload }: Datagram) {
      heardMs = Date.now()
      if (kind === 'ping') return say('here', 0)
      if (kind === 'left') return leave()
      if (kind === 'taken' && number > taken && number <= sent) taken = number
      if (kind === 'part') {
        if (number === uploaded.length + 1) uploaded.push(payload)
        else isMissing = true
      }
      changed()
    },
    tick(sinceMs: number) {
      if (heardMs < sinceMs) leave()
    },
    /** The body of an ask, once all of it came. */
    async whole({ body, length, deadlineMs }: Ask): Promise<Uint8Array> {
      const came = () => uploaded.reduce((sum, part) => sum + part.length, body.length)
      if (body.length === length) return body
      say('ready', 0)
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        changed()
      }, deadlineMs)
      while (came() < length && !isMissing && !isGone && !isLate) await change.promise
      clearTimeout(timer)
      if (came() === length && !isMissing) return concat(body, ...uploaded)
      throw new RouterError('ROUTER_UNREACHABLE', 'Cannot take the body: a part of it was lost on its way')
    },
    async answer({ body, mark = 0 }: Work): Promise<void> {
      if (body instanceof Uint8Array) await put(body)
      else {
        const reader = body.getReader()
        left = () => void reader.cancel().catch(() => undefined)
        if (isGone) left()
        for (let read = await reader.read(); !read.done; read = await reader.read()) await put(read.value)
      }
      say('end', sent, Uint8Array.of(mark))
    },
  }
}
