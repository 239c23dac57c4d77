/**
 * A broker that comes and goes, as its users want to see it.
 *
 * @module
 */
import type { NatsConnection } from '@nats-io/nats-core'

/** A broker that is away is waited for so long. */
const AWAY_MS = 5_000

interface BriskConnection {
  readonly nc: NatsConnection
  /** Waits for a broker that is away, and gives up at its next loss: then nobody knows what it did. */
  ask<T>(work: () => Promise<T>): Promise<T>
}

/**
 * The same connection, whose requests wait while the broker is away and fail as soon as the connection breaks. The driver
 * drops what it is given in between, and a broker that is gone never answers what it was asked before: either would hold
 * up all that wants to follow, until it timed out.
 */
export function brisk(nc: NatsConnection): BriskConnection {
  const waiting = new Set<(error: Error) => void>()
  let back = Promise.withResolvers<void>()
  back.resolve()
  const watch = async () => {
    for await (const { type } of nc.status()) {
      if (type === 'reconnect') back.resolve()
      if (type !== 'disconnect') continue
      back = Promise.withResolvers()
      for (const fail of [...waiting]) fail(new Error('the connection to the broker broke'))
    }
  }
  void watch()
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    const { promise: away, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error('the broker is away')), AWAY_MS)
    await Promise.race([back.promise, away]).finally(() => clearTimeout(timer))
    const lost = Promise.withResolvers<never>()
    waiting.add(lost.reject)
    const asked = work()
    // It may fail when nobody waits for it any more.
    asked.catch(() => {})
    return Promise.race([asked, lost.promise]).finally(() => waiting.delete(lost.reject))
  }
  const asking = new Proxy(nc, {
    get(target, name) {
      if (name === 'request') {
        return (...args: Parameters<NatsConnection['request']>) => ask(() => target.request(...args))
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { nc: asking, ask }
}
