// A broker as it is when the network fails.
import type { NatsConnection } from '@nats-io/nats-core'

/** Before it happened, or after: then only its result is lost. */
export type Break = 'before' | 'after' | undefined

/** A connection whose next request fails, before it is sent or with its answer lost. */
export function breakableConnection(nc: NatsConnection) {
  let next: Break
  const request: NatsConnection['request'] = async (...args) => {
    const when = next
    next = undefined
    if (when === 'before') throw new Error('the connection broke')
    const answer = await nc.request(...args)
    if (when === 'after') throw new Error('the connection broke')
    return answer
  }
  const broken = new Proxy(nc, {
    get(target, name) {
      if (name === 'request') return request
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const breakNext = (when: Break) => {
    next = when
  }
  return { nc: broken, breakNext }
}
