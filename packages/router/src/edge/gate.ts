/**
 * An edge's admission as middleware: what passes goes on to whatever asks the nexus.
 *
 * @module
 */
import { Hono, type MiddlewareHandler } from 'hono'
import { readFetch } from '../http/answers.ts'
import type { EdgeAdmission } from './admit.ts'

/** Mount it before the routes, and after the cap of bodies. */
export function edgeGate(admission: EdgeAdmission): Hono {
  const fetched: MiddlewareHandler = async (c, next) => {
    const { id, fetch } = readFetch(c.req.param('id') ?? '', c.req.header('authorization'))
    await admission.fetch(id, fetch)
    await next()
  }
  return new Hono()
    .post('/v1/packets', async (c, next) => {
      await admission.packet(new Uint8Array(await c.req.arrayBuffer()))
      await next()
    })
    .get('/v1/packets/:id', fetched)
    .get('/v1/packets/:id/answer', fetched)
}
