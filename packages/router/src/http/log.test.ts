import { utf8 } from '@mystranet/sdk/bytes'
import { parseNote } from '@mystranet/sdk/proof/note'
import { encodeTilePath, tilesBetween } from '@mystranet/sdk/proof/tile'
import { beforeAll, describe, expect, it } from 'vitest'
import { draftOf, logWorld, trust } from '../../test/log-world.ts'
import { verifyLog } from '../log/fsck.ts'
import type { ConfirmedRound } from '../log/ports.ts'
import { publishedFile } from '../nexus-door.ts'
import { logRoutes } from './log.ts'

describe('the log over HTTP', () => {
  const world = logWorld()
  let round: ConfirmedRound | undefined
  const app = logRoutes({ logFile: (path) => publishedFile({ published: () => round, tiles: world.tiles }, path) })
  beforeAll(async () => {
    const log = await world.open()
    await log.append(Array.from({ length: 300 }, (_, i) => draftOf(`${i}`, { addendum: utf8(`secret ${i}`) })))
    round = log.published()
    await log.append([draftOf('later')])
    await log.close()
  })

  it('serves all that a stranger needs to check the log, under its mount', async () => {
    const reader = {
      async read(path: string) {
        const res = await app.request(`/${path}`)
        return res.status === 200 ? new Uint8Array(await res.arrayBuffer()) : undefined
      },
    }
    expect(await verifyLog(reader, trust)).toMatchObject({ entries: 300, findings: [] })
  })

  it('says how long each resource may be kept', async () => {
    const checkpoint = await app.request('/checkpoint')
    expect(checkpoint.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(checkpoint.headers.get('cache-control')).toMatch(/no-cache/)
    expect(parseNote(new Uint8Array(await checkpoint.arrayBuffer())).text).toMatch(/^log.test\/a\n300\n/)
    for (const id of tilesBetween(0n, 300n)) {
      const tile = await app.request(`/${encodeTilePath(id)}`)
      expect([tile.status, tile.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
      expect(tile.headers.get('cache-control')).toMatch(/immutable/)
    }
    const marker = await app.request('/addenda.v1')
    expect([marker.status, await marker.text()]).toEqual([200, ''])
  })

  it.each([
    '/tile/entries/001.p/45',
    '/tile/0/001',
    '/tile/0/002.p/1',
    '/tile/0/000.p/0',
    '/tile/0/00',
    '/tile/0/..%2f..%2fcheckpoint',
    '/addenda/aa/bb/cc',
  ])('does not serve %s', async (path) => expect((await app.request(path)).status).toBe(404))

  it('serves nothing before the first checkpoint is cosigned', async () => {
    const empty = logRoutes({
      logFile: (path) => publishedFile({ published: () => undefined, tiles: world.tiles }, path),
    })
    expect((await empty.request('/checkpoint')).status).toBe(404)
    expect((await empty.request('/tile/0/000')).status).toBe(404)
  })
})
