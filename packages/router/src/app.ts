/**
 * Mounts the routes in the order in which a packet meets them. Does no I/O and reads no environment.
 *
 * @module
 */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { RouterError, refusalOf } from './errors.ts'
import { type AnswerRoutesDeps, answerRoutes } from './http/answers.ts'
import { type HealthDeps, healthRoutes } from './http/health.ts'
import { type LogRoutesDeps, logRoutes } from './http/log.ts'
import { type PacketRoutesDeps, packetRoutes } from './http/packets.ts'
import { type KeyRoutesDeps, keyRoutes } from './http/routes.ts'
import type { RateLimit } from './rate.ts'
import type { Trace } from './trace.ts'

export interface AppDeps extends PacketRoutesDeps, AnswerRoutesDeps, KeyRoutesDeps, HealthDeps {
  readonly log: LogRoutesDeps
  readonly addresses: RateLimit
  /** Whom to count a request for: the peer's address. */
  addressOf(c: Context): string
  readonly corsOrigins: readonly string[]
  readonly trace: Trace
}

/** The router's HTTP interface, as a function from Request to Response. */
export function createApp(deps: AppDeps): Hono {
  const { addresses, addressOf, corsOrigins, metrics, nowMs, trace } = deps
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    const { path } = c.req
    metrics.count('weave_http_requests_total', {
      route: KNOWN.find((each) => path.startsWith(each)) ?? 'other',
      status: String(c.res.status),
    })
  })
  if (corsOrigins.length > 0) {
    app.use('/v1/*', cors({ origin: [...corsOrigins], allowHeaders: ['authorization', 'content-type'], maxAge: 600 }))
    app.use('/log/*', cors({ origin: [...corsOrigins] }))
  }
  app.use('/v1/*', async (c, next) => {
    addresses.take(addressOf(c), nowMs())
    await next()
  })
  app.route('/', packetRoutes(deps))
  app.route('/', answerRoutes(deps))
  app.route('/', keyRoutes(deps))
  app.route('/log', logRoutes(deps.log))
  app.route('/', healthRoutes(deps))
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
