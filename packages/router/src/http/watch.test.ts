// The router's server as its watch sees it: over real sockets on loopback, and as an app without any.
import { connect, type Socket } from 'node:net'
import { serve } from '@hono/node-server'
import type { HttpRecord, HttpVerdict, OpenRecord } from '@mystranet/detector/l7'
import { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { observeServer } from '../entry/observe.ts'
import { createMetrics } from '../metrics.ts'
import { createRequestWatch, seenRequests } from './watch.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function until<T>(read: () => T | undefined, withinMs: number): Promise<T> {
  const untilMs = performance.now() + withinMs
  for (;;) {
    const value = read()
    if (value !== undefined) return value
    if (performance.now() > untilMs) throw new Error(`it did not come within ${withinMs} ms`)
    await pause(20)
  }
}

/** A server with a watch that also keeps what it was told. */
async function setup() {
  const records: HttpRecord[] = []
  const sweeps: (readonly OpenRecord[])[] = []
  const verdicts: HttpVerdict[] = []
  const metrics = createMetrics()
  const watch = createRequestWatch(metrics, (verdict) => verdicts.push(verdict))
  const app = new Hono()
    .get('/health', (c) => c.json({ alive: true }))
    .post('/v1/packets', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength), 202))
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  const stop = observeServer(server, {
    record(record) {
      records.push(record)
      watch.record(record)
    },
    sweep(open, nowMs) {
      sweeps.push(open)
      watch.sweep(open, nowMs)
    },
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const sockets: Socket[] = []
  onTestFinished(() => {
    stop()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const raw = (text = '', localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.on('error', () => undefined)
    socket.resume()
    sockets.push(socket)
    if (text !== '') socket.write(text)
    return socket
  }
  return { url: `http://127.0.0.1:${port}`, raw, records, sweeps, verdicts, metrics, watch }
}

describe('a server that is observed', () => {
  it('serves on when whoever observes it fails, and says so', async () => {
    const app = new Hono().get('/health', (c) => c.json({ alive: true }))
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
    const failing = () => {
      throw new Error('the observer failed')
    }
    const faults: unknown[] = []
    const stop = observeServer(server, { record: failing, sweep: failing }, (error) => faults.push(error))
    await new Promise((resolve) => server.once('listening', resolve))
    onTestFinished(() => {
      stop()
      server.close()
    })
    const { port } = server.address() as { port: number }
    const asked = async () => (await fetch(`http://127.0.0.1:${port}/health`)).status
    expect(await asked()).toBe(200)
    await until(() => faults[0], 5_000)
    expect(String(faults[0])).toContain('the observer failed')
    expect(await asked()).toBe(200)
  })

  it('tells of a request: its client, bytes, body, status, class and first of its connection', async () => {
    const { url, records } = await setup()
    await (await fetch(`${url}/health`)).text()
    const body = new Uint8Array(100_000)
    await (await fetch(`${url}/v1/packets`, { method: 'POST', body })).text()
    await until(() => records[1], 2_000)
    const [first, second] = records as [HttpRecord, HttpRecord]
    expect(first).toMatchObject({
      client: '127.0.0.1',
      status: 200,
      isPost: false,
      path: 'health',
      isFirst: true,
      bodyMs: 0,
    })
    expect(second).toMatchObject({ status: 202, isPost: true, path: 'packets' })
    expect(second.bytesIn).toBeGreaterThan(100_000)
    expect(second.bytesIn).toBeLessThan(101_000)
    expect(second.bodyMs).toBeGreaterThanOrEqual(0)
    expect(second.endMs).toBeGreaterThanOrEqual(second.startMs + second.bodyMs)
  })

  it('tells of a body that its sender never ended, and of a head that never ended', async () => {
    const { raw, records, sweeps } = await setup()
    const body = raw('POST /v1/packets HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc')
    const head = raw('GET /health HTTP/1.1\r\nhost: a\r\n')
    await until(() => sweeps.at(-1)?.find(({ bodies, heads }) => bodies === 1 && heads === 1), 3_000)
    body.destroy()
    head.destroy()
    await until(() => records[1], 2_000)
    expect(records.find(({ path }) => path === 'packets')).toMatchObject({ bodyMs: Number.NaN })
    expect(records.find(({ path }) => path === 'none')).toMatchObject({ status: 0, headMs: Number.NaN, isFirst: true })
    await until(() => (sweeps.at(-1)?.length === 0 ? true : undefined), 2_000)
  })

  it('takes what drips after a GET for a head that does not end', async () => {
    const { raw, sweeps } = await setup()
    const socket = raw('GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 100)
    onTestFinished(() => clearInterval(drip))
    await until(() => sweeps.at(-1)?.find(({ heads, bodies }) => heads + bodies === 1), 3_000)
  })

  it('calls a slow-head attack within 10 seconds, names its client, and serves the others meanwhile', async () => {
    const { url, raw, verdicts, metrics, watch } = await setup()
    const attacker = '127.0.0.9'
    const begunMs = performance.now()
    const sockets = Array.from({ length: 40 }, () => raw('GET / HTTP/1.1\r\nhost: a\r\n', attacker))
    const drip = setInterval(() => {
      for (const socket of sockets) socket.write('x-a: b\r\n')
    }, 700)
    onTestFinished(() => clearInterval(drip))
    let slowestMs = 0
    const found = () => verdicts.find(({ subject }) => subject === attacker)
    while (found() === undefined && performance.now() - begunMs < 10_000) {
      const askedMs = performance.now()
      expect((await fetch(`${url}/health`)).status).toBe(200)
      slowestMs = Math.max(slowestMs, performance.now() - askedMs)
      await pause(100)
    }
    expect(found()).toMatchObject({ verdict: 'attack', group: 'client', open: { slowHeads: 40 } })
    expect(found()?.rules[0]).toMatchObject({ family: 'slow-head' })
    expect(slowestMs).toBeLessThan(1_000)
    expect(verdicts.filter(({ subject }) => subject === '127.0.0.1')).toEqual([])
    expect(watch.findings).toContain(found())
    expect(metrics.render(watch.gauges())).toMatch(/weave_l7_findings_total\{group="client",family="slow-head"\} \d/)
    expect(metrics.render(watch.gauges())).toMatch(/weave_l7_open\{state="heads"\} 40/)
  }, 20_000)
})

it('an app without sockets tells what it sees', async () => {
  const records: HttpRecord[] = []
  const observer = { record: (record: HttpRecord) => void records.push(record), sweep: () => undefined }
  const app = new Hono()
    .use(seenRequests({ observer, addressOf: () => '2001:db8::7', nowMs: () => 5 }))
    .post('/v1/packets', (c) => c.text('', 429))
  await app.request('/v1/packets', { method: 'POST', body: 'x' })
  expect(records).toMatchObject([
    {
      client: '2001:db8:0:0::/64',
      startMs: 5,
      endMs: 5,
      status: 429,
      isPost: true,
      path: 'packets',
      bytesIn: Number.NaN,
    },
  ])
})

it('a listener that fails does not reach the server', async () => {
  const metrics = createMetrics()
  const watch = createRequestWatch(metrics, () => {
    throw new Error('the listener is broken')
  })
  const slow = { connections: 50, silent: 0, heads: 50, slowHeads: 50, headMs: 2e5, bodies: 0, slowBodies: 0 }
  const open = [{ ...slow, client: '192.0.2.1', bodyMs: 0, bodyBytes: 0, answers: 0 }]
  watch.sweep(open, 1_000)
  watch.sweep(open, 7_000)
  expect(watch.findings).toHaveLength(2)
  expect(metrics.render([])).toMatch(/weave_faults_total\{stage="l7"\} 2/)
})
