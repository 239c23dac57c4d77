/**
 * What the adapters on JetStream share: how messages are fetched and given back, and what its errors mean.
 *
 * @module
 */
import { JetStreamApiError } from '@nats-io/jetstream'
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core'
import { isRouterError, RouterError } from '../errors.ts'

/** Nanoseconds of a millisecond: JetStream's own unit. */
export const NANOS = 1_000_000
/** An answer of the broker is waited for so long. */
export const REQUEST_MS = 5_000
const PULL_MS = 2_000

/** JetStream has no room: a limit of the stream, of the account, or of the disk. */
const FULL_CODES: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047, 10_077])

/** The number of a JetStream error, if it is one. */
export const codeOf = (error: unknown) => (error instanceof JetStreamApiError ? error.code : undefined)
export const isFull = (error: unknown) => FULL_CODES.has(codeOf(error) ?? 0)

/**
 * What is ready for a consumer now, without waiting for more.
 *
 * @param waitMs The server keeps a pull that it may not answer at once, because too many are out: so long. Without it, until
 *   it may.
 */
export async function pull(
  nc: NatsConnection,
  stream: string,
  consumer: string,
  count: number,
  waitMs?: number,
): Promise<Msg[]> {
  const inbox = createInbox()
  const messages: Msg[] = []
  const done = Promise.withResolvers<void>()
  const timer = setTimeout(done.resolve, PULL_MS)
  const subscription = nc.subscribe(inbox, {
    callback(error, message) {
      if (error !== null) return done.reject(error)
      const status = message.headers?.code ?? 0
      // 404: nothing there; 408: no more. A consumer or a server that is gone answers otherwise.
      if (status === 404 || status === 408) return done.resolve()
      if (status >= 400) return done.reject(new Error(`the broker answered ${status} ${message.headers?.description}`))
      messages.push(message)
      if (messages.length >= count) done.resolve()
    },
  })
  try {
    const request = JSON.stringify({ batch: count, no_wait: true, ...(waitMs && { expires: waitMs * NANOS }) })
    nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, request, { reply: inbox })
    await done.promise
    return messages
  } finally {
    clearTimeout(timer)
    subscription.unsubscribe()
  }
}

/** Gives a delivery back, to be made again after so long. */
export const nakOf = (delayMs: number) =>
  delayMs > 0 ? `-NAK ${JSON.stringify({ delay: Math.round(delayMs) * NANOS })}` : '-NAK'

/**
 * What the subject for acknowledgements says of a delivery: `$JS.ACK.stream.consumer.delivery.sequence.consumer
 * sequence.time.…`, or with domain and account before the stream.
 */
export function placeOf(ack: string): { readonly delivery: number; readonly seq: number; readonly takenMs: number } {
  const tokens = ack.split('.')
  const at = tokens.length >= 11 ? 6 : 4
  const [delivery, seq, , time] = tokens.slice(at)
  return { delivery: Number(delivery), seq: Number(seq), takenMs: Math.floor(Number(time) / NANOS) }
}

/** The broker's own errors as ours: whatever was asked may have happened. */
export async function guarded<T>(action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isRouterError(cause)) throw cause
    throw new RouterError('STORE_FAILED', `Cannot ${action}: the broker failed or did not answer`, { cause })
  }
}
