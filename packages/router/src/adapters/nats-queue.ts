/**
 * The packet queue on JetStream: a work-queue stream with a consumer for each agent. The server keeps the leases, by its own
 * clock: `ack_wait` is their length, a negative acknowledgement gives one back, and what is acknowledged is gone.
 *
 * A packet's subject names agent, packet and attempt, and no subject holds two messages: that makes `publish` idempotent
 * for as long as the message lies there, however long that is; what ended is kept in a stream of its own. One nexus at a
 * time uses the streams; another would see its leases.
 *
 * @module
 */
import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiCodes,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream'
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { createTurns } from '../dispatch/turns.ts'
import { isRouterError, RouterError } from '../errors.ts'
import type { Lease, PacketQueue } from '../ports.ts'
import { brisk } from './nats-brisk.ts'
import { codeOf, guarded, isFull, NANOS, nakOf, placeOf, pull, REQUEST_MS } from './nats-pull.ts'
import { applyStreams, DELIVER, ENDED, PARTS, type StreamOptions } from './nats-streams.ts'

export interface NatsQueueOptions extends Partial<StreamOptions> {
  /** Items that may wait for one agent. */
  readonly limit: number
  /** Milliseconds between looking and looking again after leases of an earlier process were called in. Default 300. */
  readonly recallMs?: number | undefined
}

interface Held {
  readonly agent: string
  readonly packet: string
  readonly attempt: number
  /** Where the server takes acknowledgements of this delivery. */
  readonly ack: string
  untilMs: number
}

interface Consumer {
  ackWaitMs: number
  /** Leases of an earlier process may be out. */
  isInherited: boolean
}

const DEFAULT_ACK_WAIT_MS = 15_000
/** What headers and subject take of a message beside its payload. */
const HEADROOM_BYTES = 4_096
const PARTS_HEADER = 'Weave-Parts'

/** No such message; or none yet, where a broker that was killed went back behind it. */
const MISSING_CODES: ReadonlySet<number> = new Set([JetStreamApiCodes.NoMessageFound, 10_043, 10_057])

const consumerOf = (agent: string) => `agent-${agent}`
const subjectOf = (agent: string, packet: string, attempt: number | '*') =>
  `weave.deliver.${agent}.${packet}.${attempt}`

/** @throws {RouterError} `STORE_FAILED` when the streams are not as they must be, or the broker has no JetStream. */
export async function natsPacketQueue(connection: NatsConnection, options: NatsQueueOptions): Promise<PacketQueue> {
  const broker = brisk(connection)
  const { nc } = broker
  const { limit, replicas = 1, maxBytes = -1, recallMs = 300 } = options
  const started = async () => {
    const manager = await jetstreamManager(nc, { timeout: REQUEST_MS })
    await applyStreams(manager, { replicas, maxBytes })
    return manager
  }
  const jsm = await guarded('open the queue', started)
  const js: JetStreamClient = jetstream(nc, { timeout: REQUEST_MS })
  const turns = createTurns()
  const consumers = new Map<string, Consumer>()
  const held = new Map<string, Held>()
  // Leases of an earlier process cannot be told from ours by a counter alone.
  const process = `nats.${Date.now().toString(36)}${Math.floor(Math.random() * 2 ** 32).toString(36)}`
  let leases = 0

  const ensureConsumer = async (agent: string, ackWaitMs?: number): Promise<Consumer> => {
    const known = consumers.get(agent) ?? (await openConsumer(jsm, agent, ackWaitMs))
    consumers.set(agent, known)
    if (ackWaitMs !== undefined && known.ackWaitMs !== ackWaitMs) {
      await jsm.consumers.update(DELIVER, consumerOf(agent), { ack_wait: ackWaitMs * NANOS })
      known.ackWaitMs = ackWaitMs
    }
    return known
  }
  const infoOf = async (agent: string): Promise<ConsumerInfo> => {
    await ensureConsumer(agent)
    return jsm.consumers.info(DELIVER, consumerOf(agent)).catch((error: unknown) => {
      consumers.delete(agent)
      throw error
    })
  }
  const backlog = (info: ConsumerInfo) => info.num_pending + info.num_ack_pending
  const last = (stream: string, subject: string) => jsm.direct.getMessage(stream, { last_by_subj: subject })
  const hasEnded = async (packet: string, attempt: number) =>
    (await last(ENDED, `weave.ended.${packet}.${attempt}.*`)) !== null
  const acknowledge = (ack: string, word: string) => nc.request(ack, word, { timeout: REQUEST_MS })
  const drop = (packet: string, attempt: number) => {
    for (const [lease, each] of held) if (each.packet === packet && each.attempt === attempt) held.delete(lease)
  }
  const leaseInForce = (lease: string, nowMs: number) => {
    const found = held.get(lease)
    if (found !== undefined && found.untilMs > nowMs) return found
    held.delete(lease)
    return undefined
  }

  const room = (nc.info?.max_payload ?? 1024 * 1024) - HEADROOM_BYTES
  const putParts = async (packet: string, attempt: number, bytes: Uint8Array): Promise<number> => {
    const count = Math.ceil(bytes.length / room)
    for (let i = 0; i < count; i++) {
      await js.publish(`weave.part.${packet}.${attempt}.${i}`, bytes.subarray(i * room, (i + 1) * room))
    }
    return count
  }
  /** Undefined when parts of it are gone: then it ended meanwhile. */
  const bytesOf = async ({ data, headers: given }: Msg, packet: string, attempt: number) => {
    const count = Number(given?.get(PARTS_HEADER) ?? 0)
    // The driver's bytes are a Buffer.
    if (count === 0) return Uint8Array.from(data)
    const parts: Uint8Array[] = []
    for (let i = 0; i < count; i++) {
      const part = await last(PARTS, `weave.part.${packet}.${attempt}.${i}`)
      if (part === null) return undefined
      parts.push(part.data)
    }
    return new Uint8Array(Buffer.concat(parts))
  }

  /** Ends one message: written down first, so that a crash in between leaves one that is handed out and ended again. */
  const end = async (subject: string, seq: number, isSeen: boolean): Promise<void> => {
    const [, , , packet = '', number = ''] = subject.split('.')
    const attempt = Number(number)
    await js.publish(`weave.ended.${packet}.${attempt}.${isSeen ? 'seen' : 'unseen'}`)
    const lease = [...held.values()].find((each) => each.packet === packet && each.attempt === attempt)
    // Not waited for: a broker that was killed between this and its answer may have forgotten the one and kept the
    // other, and answers no acknowledgement of what it does not miss. Taking the message out ends it either way.
    if (lease !== undefined) nc.publish(lease.ack, '+ACK')
    await jsm.streams.deleteMessage(DELIVER, seq, false).catch(ignoreMissing)
    drop(packet, attempt)
    await jsm.streams.purge(PARTS, { filter: `weave.part.${packet}.${attempt}.*` })
  }
  const isSeen = async (agent: string, seq: number) => (await infoOf(agent)).delivered.stream_seq >= seq
  const openSubjects = async (packet: string) => {
    const info = await jsm.streams.info(DELIVER, { subjects_filter: subjectOf('*', packet, '*') })
    return Object.keys(info.state.subjects ?? {})
  }

  /** Leases of an earlier process: nobody can give them back one by one, so all that are out run out. */
  const recall = async (agent: string, consumer: Consumer): Promise<number> => {
    const { num_ack_pending: out } = await infoOf(agent)
    consumer.isInherited = false
    if (out === 0) return 0
    const wait = (ms: number) => jsm.consumers.update(DELIVER, consumerOf(agent), { ack_wait: ms * NANOS })
    await wait(1)
    try {
      await new Promise((resolve) => setTimeout(resolve, recallMs))
    } finally {
      await wait(consumer.ackWaitMs)
    }
    return out
  }

  const lease = async (agent: string, count: number, nowMs: number, leaseMs: number): Promise<readonly Lease[]> => {
    await ensureConsumer(agent, leaseMs)
    const given: Lease[] = []
    const messages = await broker
      .ask(() => pull(nc, DELIVER, consumerOf(agent), count))
      .catch((error: unknown) => {
        consumers.delete(agent)
        throw error
      })
    for (const message of messages) {
      const [, , , packet = '', number = ''] = message.subject.split('.')
      const attempt = Number(number)
      const { delivery } = placeOf(message.reply as string)
      drop(packet, attempt)
      const name = `${process}.${++leases}`
      held.set(name, { agent, packet, attempt, ack: message.reply as string, untilMs: nowMs + leaseMs })
      const bytes = await bytesOf(message, packet, attempt)
      if (bytes === undefined) await acknowledge(message.reply as string, '+ACK')
      else given.push({ lease: name, packet, attempt, agent, bytes, delivery })
    }
    return given
  }

  return {
    publish: ({ packet, attempt, agent, bytes }) =>
      guarded('queue the packet', () =>
        turns.inTurn(agent, async () => {
          const subject = subjectOf(agent, packet, attempt)
          if (await hasEnded(packet, attempt)) return
          if (backlog(await infoOf(agent)) >= limit) {
            if ((await last(DELIVER, subject)) !== null) return
            throw full(`${limit} packets wait for its agent`, packet)
          }
          const parts = bytes.length > room ? await putParts(packet, attempt, bytes) : 0
          const given = headers()
          if (parts > 0) given.set(PARTS_HEADER, String(parts))
          // Not by Nats-Msg-Id: that is forgotten after a window, or not forgotten when we want it to be.
          const once = { expect: { lastSubjectSequence: 0 }, headers: given }
          await js.publish(subject, parts > 0 ? undefined : bytes, once).catch((error: unknown) => {
            if (codeOf(error) !== JetStreamApiCodes.StreamWrongLastSequence) throw error
          })
        }),
      ).catch((error: unknown) => {
        const cause = isRouterError(error) ? error.cause : error
        if (!isFull(cause)) throw error
        throw full('the broker has no room for it', packet, cause)
      }),
    lease: (agent, count, nowMs, leaseMs) =>
      guarded('lease packets', () => turns.inTurn(agent, () => lease(agent, count, nowMs, leaseMs))),
    extend: (name, nowMs, leaseMs) =>
      guarded('extend a lease', async () => {
        const found = leaseInForce(name, nowMs)
        if (found === undefined) return false
        await acknowledge(found.ack, '+WPI')
        found.untilMs = nowMs + leaseMs
        return true
      }),
    release: (name, readyMs) =>
      guarded('give a packet back', async () => {
        const nowMs = Date.now()
        const found = leaseInForce(name, nowMs)
        if (found === undefined) return
        held.delete(name)
        await acknowledge(found.ack, nakOf(readyMs - nowMs))
      }),
    releaseAll: (agent) =>
      guarded('give packets back', () =>
        turns.inTurn(agent, async () => {
          const consumer = await ensureConsumer(agent)
          const own = [...held].filter(([, each]) => each.agent === agent)
          for (const [name, { ack }] of own) {
            held.delete(name)
            await acknowledge(ack, nakOf(0))
          }
          return own.length + (consumer.isInherited ? await recall(agent, consumer) : 0)
        }),
      ),
    finish: (packet, attempt) =>
      guarded('end a packet', async () => {
        const found = await last(DELIVER, subjectOf('*', packet, attempt))
        if (found === null) return drop(packet, attempt)
        const agent = found.subject.split('.')[2] as string
        await turns.inTurn(agent, async () => end(found.subject, found.seq, await isSeen(agent, found.seq)))
      }),
    cancel: (packet) =>
      guarded('take a packet back', async () => {
        const open = await openSubjects(packet)
        if (open.length === 0) return 'absent'
        if ((await last(ENDED, `weave.ended.${packet}.*.seen`)) !== null) return 'delivered'
        for (const subject of open) {
          const agent = subject.split('.')[2] as string
          // In turn with leasing: seen or taken, never both.
          const isTaken = await turns.inTurn(agent, async () => {
            const found = await last(DELIVER, subject)
            if (found === null || (await isSeen(agent, found.seq))) return false
            await end(subject, found.seq, false)
            return true
          })
          if (!isTaken) return 'delivered'
        }
        return 'taken'
      }),
    depth: (nowMs, agent) =>
      guarded('count packets', async () => {
        const out = [...held.values()].filter(
          (each) => each.untilMs > nowMs && (agent === undefined || each.agent === agent),
        )
        const waiting =
          agent === undefined ? (await jsm.streams.info(DELIVER)).state.messages : backlog(await infoOf(agent))
        return { waiting, leased: out.length }
      }),
    forget: (packet) =>
      guarded('forget a packet', async () => {
        await jsm.streams.purge(ENDED, { filter: `weave.ended.${packet}.>` })
      }),
  }
}

async function openConsumer(jsm: JetStreamManager, agent: string, ackWaitMs?: number): Promise<Consumer> {
  const name = consumerOf(agent)
  const found = await jsm.consumers.info(DELIVER, name).catch((error: unknown) => {
    if (codeOf(error) === JetStreamApiCodes.ConsumerNotFound) return undefined
    throw error
  })
  if (found !== undefined) {
    return { ackWaitMs: (found.config.ack_wait ?? 0) / NANOS, isInherited: found.num_ack_pending > 0 }
  }
  const ackWait = ackWaitMs ?? DEFAULT_ACK_WAIT_MS
  await jsm.consumers.add(DELIVER, {
    durable_name: name,
    filter_subject: `weave.deliver.${agent}.>`,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ackWait * NANOS,
    max_ack_pending: -1,
    // The nexus counts deliveries and buries what nobody takes.
    max_deliver: -1,
  })
  return { ackWaitMs: ackWait, isInherited: false }
}

const ignoreMissing = (error: unknown) => {
  // It is gone already.
  if (!MISSING_CODES.has(codeOf(error) ?? 0)) throw error
}
const full = (why: string, packet: string, cause?: unknown) =>
  new RouterError('QUEUE_FULL', `Cannot queue the packet: ${why}`, { packet, retryAfterMs: 2_000, cause })
