/**
 * The log as static resources ({@link https://c2sp.org/tlog-tiles C2SP tlog-tiles}).
 *
 * @module
 */
import { parseTilePath } from '@mystranet/sdk/proof/tile'
import { Hono } from 'hono'
import type { ConfirmedRound, TileStore } from '../log/ports.ts'

export interface LogRoutesDeps {
  /** The newest cosigned checkpoint; `Log.published`. */
  published(): ConfirmedRound | undefined
  readonly tiles: TileStore
}

const IMMUTABLE = 'public, max-age=31536000, immutable'

/**
 * `GET /checkpoint`, `/tile/…` and the empty marker `/addenda.v1`. Addenda themselves are for parties and auditors, so no
 * route serves them. Mount it under the log's prefix.
 *
 * A tile is served only as far as the published checkpoint commits to it.
 */
export function logRoutes({ published, tiles }: LogRoutesDeps) {
  return new Hono()
    .get('/checkpoint', (c) => {
      const round = published()
      if (round === undefined) return c.notFound()
      return c.body(new Uint8Array(round.note), 200, {
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-cache, max-age=0',
      })
    })
    .get('/addenda.v1', (c) => c.body(null, 200, { 'cache-control': IMMUTABLE }))
    .get('/tile/*', async (c) => {
      const path = c.req.path.slice(c.req.path.indexOf('/tile/') + 1)
      const id = parseTilePath(path)
      if (id === undefined) return c.notFound()
      const held = BigInt(published()?.treeSize ?? 0) >> BigInt(id.level === 'entries' ? 0 : 8 * id.level)
      if (id.index * 256n + BigInt(id.width) > held) return c.notFound()
      const bytes = await tiles.read(path)
      if (bytes === undefined) return c.notFound()
      return c.body(new Uint8Array(bytes), 200, {
        'content-type': 'application/octet-stream',
        'cache-control': IMMUTABLE,
      })
    })
}
