/**
 * Mounts the routes in the order in which a packet meets them. Does no I/O and reads no environment.
 *
 * @module
 */
import type { HttpObserver } from '@mystranet/detector/l7'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { NexusDoor } from './door.ts'
import { RouterError, refusalOf } from './errors.ts'
import { answerRoutes } from './http/answers.ts'
import { healthRoutes } from './http/health.ts'
import { logRoutes } from './http/log.ts'
import { packetJsonDoor, storedPacketRoutes } from './http/packet-json.ts'
import { packetCap, packetRoutes } from './http/packets.ts'
import { enrolCap, keyRoutes } from './http/routes.ts'
import { seenRequests } from './http/watch.ts'
import type { Gauge, Metrics } from './metrics.ts'
import type { RateLimit } from './rate.ts'
import type { Trace } from './trace.ts'

export interface ShellDeps {
  readonly metrics: Metrics
  readonly trace: Trace
  readonly addresses: RateLimit
  /** Whom to count a request for: the peer's address. */
  addressOf(c: Context): string
  nowMs(): number
  readonly corsOrigins: readonly string[]
  /** Told of each request as the app sees it. Not where the server itself tells of its connections. */
  readonly observer?: HttpObserver | undefined
}

export interface AppDeps extends ShellDeps {
  readonly door: NexusDoor
  /** What is measured only when `/metrics` asks. */
  gauges?(): Promise<readonly Gauge[]>
  /** Middleware that a request meets before its route: an edge's own admission. */
  readonly gate?: Hono | undefined
}

/** The router's HTTP interface, as a function from Request to Response. */
export function createApp(deps: AppDeps): Hono {
  const { door, metrics, gate, gauges = async () => [] } = deps
  const app = createShell(deps)
  if (gate !== undefined) app.route('/', gate)
  app.route('/', packetRoutes(door))
  app.route('/', answerRoutes(door))
  app.route('/', storedPacketRoutes(door))
  app.route('/', keyRoutes(door))
  app.route('/log', logRoutes(door))
  app.route('/', healthRoutes({ door, metrics, gauges }))
  return app
}

/** What every request meets, whatever answers it: counting, origins, rate by address, caps, and errors as documents. */
export function createShell(deps: ShellDeps): Hono {
  const { addresses, addressOf, corsOrigins, metrics, nowMs, observer, trace } = deps
  const app = new Hono()
  if (observer !== undefined) app.use(seenRequests({ observer, addressOf, nowMs }))
  app.use(async (c, next) => {
    await next()
    const { path } = c.req
    metrics.count('weave_http_requests_total', {
      route: KNOWN.find((each) => path.startsWith(each)) ?? 'other',
      status: String(c.res.status),
    })
  })
  if (corsOrigins.length > 0) {
    // A browser hides every other header from the page: without it a client would not wait as long as it is asked to.
    const shared = { origin: [...corsOrigins], exposeHeaders: ['retry-after'], maxAge: 600 }
    app.use(
      '/v1/*',
      cors({ ...shared, allowHeaders: ['authorization', 'content-type'], allowMethods: ['GET', 'POST'] }),
    )
    app.use('/log/*', cors({ ...shared, allowMethods: ['GET'] }))
  }
  app.use('/v1/*', async (c, next) => {
    addresses.take(addressOf(c), nowMs())
    await next()
  })
  app.use('/v1/packets', packetJsonDoor(packetCap))
  app.use('/v1/keys', enrolCap)
  app.notFound(() => new RouterError('NOT_FOUND', 'There is nothing here').toResponse())
  app.onError((error) => {
    const refusal = refusalOf(error)
    if (refusal !== undefined) return refusal.toResponse()
    metrics.count('weave_faults_total', { stage: 'http' })
    trace.fault('http', error)
    return new RouterError('INTERNAL', 'The router failed; the fault has been reported').toResponse()
  })
  return app
}

const KNOWN = ['/v1/packets', '/v1/routes', '/v1/keys', '/log', '/health', '/readyz', '/metrics']
