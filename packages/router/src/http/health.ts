/**
 * What operators and load balancers ask.
 *
 * @module
 */
import { Hono } from 'hono'
import type { NexusDoor } from '../door.ts'
import type { Gauge, Metrics } from '../metrics.ts'

export interface HealthDeps {
  readonly door: Pick<NexusDoor, 'missing'>
  readonly metrics: Metrics
  /** What is measured only when asked. */
  gauges(): Promise<readonly Gauge[]>
}

/**
 * - `/health`: the process answers. Says nothing of engines.
 * - `/readyz`: 200 when a question would be answered (`NexusDoor.missing`); else 503 with what is missing.
 * - `/metrics`: Prometheus text, of this process.
 */
export function healthRoutes({ door, metrics, gauges }: HealthDeps) {
  return new Hono()
    .get('/health', (c) => c.json({ alive: true }))
    .get('/readyz', async (c) => {
      const missing = await door.missing()
      c.header('cache-control', 'no-store')
      return c.json({ ready: missing.length === 0, missing }, missing.length === 0 ? 200 : 503)
    })
    .get('/metrics', async (c) =>
      c.body(metrics.render(await gauges()), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
    )
}
