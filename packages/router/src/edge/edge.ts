/**
 * The edge: takes HTTP, refuses what it can refuse by itself, asks the nexus for the rest. Keeps nothing but rates, so there
 * may be any number of it. Runs wherever there are `Request` and `Response`.
 *
 * @module
 */
import type { Context, Hono } from 'hono'
import { createApp, createShell } from '../app.ts'
import type { NexusDoor } from '../door.ts'
import { createMetrics } from '../metrics.ts'
import { createRateLimit } from '../rate.ts'
import { traceOf } from '../trace.ts'
import { createEdgeAdmission } from './admit.ts'
import { edgeGate } from './gate.ts'
import type { EdgeSettings } from './settings.ts'

/** The address of whoever sent a request, as the runtime knows it. */
export type PeerOf = (c: Context) => string | undefined

/** An edge that asks the nexus itself. */
export function createEdge(settings: EdgeSettings, door: NexusDoor, peerOf: PeerOf): Hono {
  const parts = partsOf(settings, peerOf)
  return createApp({ ...parts, door })
}

/** The outer half of an edge: what passes its admission is forwarded, to an {@link innerEdge}. */
export function outerEdge(
  settings: EdgeSettings,
  forward: (request: Request) => Promise<Response>,
  peerOf: PeerOf,
): Hono {
  const parts = partsOf(settings, peerOf)
  const { metrics } = parts
  const app = createShell(parts)
  app.route('/', parts.gate)
  app.get('/health', (c) => c.json({ alive: true }))
  app.get('/metrics', (c) => c.text(metrics.render([])))
  app.all('*', async (c) => {
    const { raw } = c.req
    const init = raw.body === null ? {} : { body: await c.req.arrayBuffer() }
    return forward(new Request(raw.url, { method: raw.method, headers: raw.headers, signal: raw.signal, ...init }))
  })
  return app
}

/** The inner half: asks the nexus for whatever the outer half let through. */
export function innerEdge(settings: EdgeSettings, door: NexusDoor): Hono {
  const { gate: _, ...parts } = partsOf({ ...settings, corsOrigins: [] }, () => undefined)
  return createApp({ ...parts, door, addresses: { take: () => undefined } })
}

function partsOf(settings: EdgeSettings, peerOf: PeerOf) {
  const { trust, addressHeader, logLevel } = settings
  const nowMs = () => Date.now()
  const senders = createRateLimit('key', { perMinute: settings.senderPerMinute, burst: settings.senderBurst })
  return {
    nowMs,
    metrics: createMetrics(),
    trace: consoleTrace(logLevel),
    corsOrigins: settings.corsOrigins,
    gate: edgeGate(createEdgeAdmission({ trust, senders, nowMs })),
    addresses: createRateLimit('address', { perMinute: settings.addressPerMinute, burst: settings.addressBurst }),
    addressOf: (c: Context) => (addressHeader && c.req.header(addressHeader)) || peerOf(c) || 'unknown',
  }
}

/** One JSON line a stage, by what every runtime has. */
function consoleTrace(level: EdgeSettings['logLevel']) {
  const write = (name: 'info' | 'error') => (line: object) => {
    const isWritten = name === 'error' ? level !== 'silent' : ['trace', 'debug', 'info'].includes(level)
    if (isWritten) console.log(JSON.stringify({ level: name, time: Date.now(), program: 'edge', ...line }))
  }
  return traceOf(write('info'), write('error'))
}
