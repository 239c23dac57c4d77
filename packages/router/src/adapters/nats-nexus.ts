/**
 * The door to a nexus over a broker. It connects when it is first asked, and again after the connection was lost for good:
 * an edge starts without its broker, and says so to whoever asks.
 *
 * @module
 */
import { concat, fromUtf8, toHex, utf8 } from '@mystranet/sdk/bytes'
import type { NatsConnection } from '@nats-io/nats-core'
import type { NexusDoor } from '../door.ts'
import { type Asking, createAsking, type Exchange, unreachable } from './nats-nexus-ask.ts'
import type { Asked } from './nats-nexus-wire.ts'

export interface NatsNexusOptions {
  /** Opens a connection to the broker. */
  connect(): Promise<NatsConnection>
  /** Milliseconds that the nexus has to begin an answer. */
  readonly deadlineMs: number
  /** Milliseconds of silence in the middle of an answer after which the nexus is given up. Default 15,000. */
  readonly silenceMs?: number | undefined
}

export interface NatsNexus extends NexusDoor {
  close(): Promise<void>
}

interface Linked {
  readonly nc: NatsConnection
  readonly asking: Asking
}

/** Bytes of an answer that is held whole: a page of keys, a tile. */
const MAX_HELD_BYTES = 16 * 1024 * 1024
const STATUS_MS = 2_000
const NOTHING: Uint8Array = new Uint8Array(0)

export function natsNexus({ connect, deadlineMs, silenceMs }: NatsNexusOptions): NatsNexus {
  let linked: Promise<Linked> | undefined
  const open = async (): Promise<Linked> => {
    const nc = await connect()
    void nc.closed().then(() => {
      linked = undefined
    })
    return { nc, asking: createAsking(nc, silenceMs) }
  }
  const link = () => {
    linked ??= open().catch(() => {
      linked = undefined
      throw unreachable('the broker does not answer')
    })
    return linked
  }
  const ask = async (what: Asked, name = '', body = NOTHING, withinMs = deadlineMs) =>
    (await link()).asking.ask(what, name, body, withinMs)
  const whole = async (what: Asked, name = '', body = NOTHING, withinMs = deadlineMs) => {
    const exchange = await ask(what, name, body, withinMs)
    return { bytes: await held(exchange), mark: exchange.mark }
  }

  return {
    async submit(packet) {
      const { bytes, mark } = await whole('submit', '', packet)
      return { receipt: bytes, known: mark === 1 }
    },
    readAnswer: async (packet, fetch) => streamOf(await ask('answer', packet, fetch)),
    readPackets: async (packet, fetch) => streamOf(await ask('stored', packet, fetch)),
    routes: async () => (await whole('routes')).bytes,
    keys: async (instance) => (await whole('keys', toHex(instance))).bytes,
    enrol: async (events) => (await whole('enrol', '', events)).bytes,
    async logFile(path) {
      if (utf8(path).length > 256) return undefined
      const { bytes, mark } = await whole('log', path)
      return mark === 1 ? bytes : undefined
    },
    async missing() {
      try {
        const { bytes } = await whole('status', '', NOTHING, STATUS_MS)
        return bytes.length === 0 ? [] : fromUtf8(bytes).split('\n')
      } catch {
        return ['the nexus does not answer']
      }
    },
    async close() {
      const { nc, asking } = (await linked?.catch(() => undefined)) ?? {}
      asking?.close()
      await nc?.close()
    },
  }
}

async function held(exchange: Exchange): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for (let part = await exchange.next(); part !== undefined; part = await exchange.next()) {
    bytes += part.length
    if (bytes > MAX_HELD_BYTES) {
      exchange.leave()
      throw unreachable(`its answer is more than ${MAX_HELD_BYTES} bytes`)
    }
    parts.push(part)
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts)
}

/** Resolves once the nexus let the reader in. One pull, one part. */
async function streamOf(exchange: Exchange): Promise<ReadableStream<Uint8Array>> {
  let first = await exchange.next()
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      const part = first ?? (await exchange.next())
      first = undefined
      if (part === undefined) controller.close()
      else controller.enqueue(part)
    },
    cancel: () => exchange.leave(),
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
