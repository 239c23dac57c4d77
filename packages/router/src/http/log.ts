/**
 * The log as static resources ({@link https://c2sp.org/tlog-tiles C2SP tlog-tiles}).
 *
 * @module
 */
import { Hono } from 'hono'
import type { NexusDoor } from '../door.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'

/**
 * `GET /checkpoint`, `/tile/…` and the empty marker `/addenda.v1`. Addenda themselves are for parties and auditors, so no
 * route serves them. Mount it under the log's prefix.
 */
export function logRoutes(door: Pick<NexusDoor, 'logFile'>) {
  return new Hono()
    .get('/checkpoint', async (c) => {
      const note = await door.logFile('checkpoint')
      if (note === undefined) return c.notFound()
      return c.body(note.slice(), 200, {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-cache, max-age=0',
      })
    })
    .get('/addenda.v1', (c) => c.body(null, 200, { 'cache-control': IMMUTABLE }))
    .get('/tile/*', async (c) => {
      const bytes = await door.logFile(c.req.path.slice(c.req.path.indexOf('/tile/') + 1))
      if (bytes === undefined) return c.notFound()
      return c.body(bytes.slice(), 200, { 'content-type': 'application/octet-stream', 'cache-control': IMMUTABLE })
    })
}
