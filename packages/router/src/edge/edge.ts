/**
 * The edge: takes HTTP, refuses what it can refuse by itself, asks the nexus for the rest. Keeps nothing but rates, so there
 * may be any number of it. Runs wherever there are `Request` and `Response`.
 *
 * @module
 */
import type { Context, Hono } from 'hono'
import { createApp, createShell } from '../app.ts'
import type { NexusDoor } from '../door.ts'
import { createRequestWatch, type RequestWatch } from '../http/watch.ts'
import { createMetrics } from '../metrics.ts'
import { createRateLimit } from '../rate.ts'
import { traceOf } from '../trace.ts'
import { createEdgeAdmission } from './admit.ts'
import { edgeGate } from './gate.ts'
import type { EdgeSettings } from './settings.ts'

/** The address of whoever sent a request, as the runtime knows it. */
export type PeerOf = (c: Context) => string | undefined

/**
 * An edge that asks the nexus itself.
 *
 * @param withSockets Gets the watch of requests, where the server itself tells it of its connections. Without it the app tells
 *   what it sees: no connection, and nothing of a head or a body that does not end.
 */
export function createEdge(
  settings: EdgeSettings,
  door: NexusDoor,
  peerOf: PeerOf,
  withSockets?: (requests: RequestWatch) => void,
): Hono {
  const { requests, ...parts } = partsOf(settings, peerOf)
  withSockets?.(requests)
  const observer = withSockets === undefined ? requests : undefined
  return createApp({ ...parts, observer, door, gauges: async () => requests.gauges() })
}

/** The outer half of an edge: what passes its admission is forwarded, to an {@link innerEdge}. */
export function outerEdge(
  settings: EdgeSettings,
  forward: (request: Request) => Promise<Response>,
  peerOf: PeerOf,
): Hono {
  const { requests, ...parts } = partsOf(settings, peerOf)
  const { metrics } = parts
  const app = createShell({ ...parts, observer: requests })
  app.route('/', parts.gate)
  app.get('/health', (c) => c.json({ alive: true }))
  app.get('/metrics', (c) => c.text(metrics.render(requests.gauges())))
  app.all('*', async (c) => {
    const { raw } = c.req
    const init = raw.body === null ? {} : { body: await c.req.arrayBuffer() }
    return forward(new Request(raw.url, { method: raw.method, headers: raw.headers, signal: raw.signal, ...init }))
  })
  return app
}

/** The inner half: asks the nexus for whatever the outer half let through. */
export function innerEdge(settings: EdgeSettings, door: NexusDoor): Hono {
  const { gate: _, requests: __, ...parts } = partsOf({ ...settings, corsOrigins: [] }, () => undefined)
  return createApp({ ...parts, door, addresses: { take: () => undefined } })
}

function partsOf(settings: EdgeSettings, peerOf: PeerOf) {
  const { trust, addressHeader, logLevel } = settings
  const nowMs = () => Date.now()
  const metrics = createMetrics()
  const senders = createRateLimit('key', { perMinute: settings.senderPerMinute, burst: settings.senderBurst })
  return {
    nowMs,
    metrics,
    requests: createRequestWatch(metrics),
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
