import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isRouterError } from '../errors.ts'
import { bodyCap } from './body-cap.ts'

const errors: unknown[] = []
const app = new Hono()
app.use(bodyCap(8, 'take it'))
app.post('/', async (c) =>
  c.text(`${(await c.req.arrayBuffer()).byteLength} ${(await c.req.arrayBuffer()).byteLength}`),
)
app.onError((error, c) => {
  errors.push(error)
  return c.text(isRouterError(error) ? error.code : 'a fault', 500)
})

const server = createServer(getRequestListener(app.fetch))
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => void server.close())

const post = async (init: RequestInit) => (await app.request('/', { method: 'POST', ...init })).text()
const chunks = (...texts: string[]) => new Blob(texts).stream()
const lengths = ['content-length: 8', 'transfer-encoding: chunked'] as const

describe('a body', () => {
  it('up to its cap can be read more than once, whether its length is said or not', async () => {
    expect(await post({ body: '12345678', headers: { 'content-length': '8' } })).toBe('8 8')
    expect(await post({ body: chunks('1234', '5678'), duplex: 'half' } as RequestInit)).toBe('8 8')
  })

  it('over its cap is refused, whether its length is said or not', async () => {
    expect(await post({ body: '123456789', headers: { 'content-length': '9' } })).toBe('PACKET_TOO_LARGE')
    expect(await post({ body: chunks('1234', '56789'), duplex: 'half' } as RequestInit)).toBe('PACKET_TOO_LARGE')
  })

  it.each(lengths)(
    'whose sender hangs up in the middle is refused, and is no fault of the router: %s',
    async (length) => {
      errors.length = 0
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      await once(socket, 'connect')
      const begun = once(server, 'request')
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${length}\r\n\r\n${length.endsWith('8') ? '' : '3\r\n'}123`)
      await begun
      socket.destroy()
      await expect.poll(() => errors).toHaveLength(1)
      expect(errors[0]).toMatchObject({
        code: 'PACKET_MALFORMED',
        message: expect.stringContaining('before it was whole'),
      })
    },
  )
})
