/**
 * When a server may close: not between an answer's last word and the requests for what proves it.
 *
 * @module
 */
import type { ServerType } from '@hono/node-server'

/** Since the last request ended. */
const QUIET_MS = 300
/** Readers who wait for an answer that is not there yet resume elsewhere, or later. */
const LONGEST_MS = 1_500

export interface Linger {
  /** Resolves when nobody asked anything for a moment, or after {@link LONGEST_MS}. At once, where it is quiet already. */
  quiet(): Promise<void>
}

/** Watches a server from now on. */
export function lingerOf(server: ServerType): Linger {
  let open = 0
  let lastMs = Number.NEGATIVE_INFINITY
  server.on('request', (_request: unknown, response: { once(event: 'close', then: () => void): unknown }) => {
    open += 1
    response.once('close', () => {
      open -= 1
      lastMs = performance.now()
    })
  })
  return {
    async quiet() {
      const untilMs = performance.now() + LONGEST_MS
      while (performance.now() < untilMs && (open > 0 || performance.now() - lastMs < QUIET_MS)) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}
