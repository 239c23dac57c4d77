/**
 * What watching requests costs: the same app served twice in one process, once observed, asked by turns over kept connections:
 *
 *     node --conditions=@mystranet/source packages/router/bench/observe.ts
 *
 * Prints milliseconds of the cheapest request, and of a packet that is refused, one after the other and 50 at once; and the
 * processor's microseconds for each, the asking included. The two take turns, so that what else the machine does falls on
 * both.
 */
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { createApp } from '../src/app.ts'
import type { NexusDoor } from '../src/door.ts'
import { observeServer } from '../src/entry/observe.ts'
import { RouterError } from '../src/errors.ts'
import { createRequestWatch } from '../src/http/watch.ts'
import { createMetrics } from '../src/metrics.ts'
import { createRateLimit } from '../src/rate.ts'
import { traceOf } from '../src/trace.ts'

const ROUNDS = 20
const COUNT = 500
const nothing = () => undefined

const door = {
  submit: () =>
    Promise.reject(new RouterError('PACKET_MALFORMED', 'Cannot take the packet: it is not one, wanted one')),
} as unknown as NexusDoor
const metrics = createMetrics()
const app = createApp({
  door,
  metrics,
  trace: traceOf(nothing, nothing),
  nowMs: Date.now,
  corsOrigins: [],
  addresses: createRateLimit('address', { perMinute: 10_000_000, burst: 10_000_000 }),
  addressOf: () => 'bench',
})

const start = (observed: boolean) =>
  new Promise<{ server: ServerType; port: number }>((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }: AddressInfo) =>
      resolve({ server, port }),
    )
    if (observed) observeServer(server, createRequestWatch(metrics))
  })

const body = new Uint8Array(2_000)
const ask = (agent: Agent, port: number, isPost: boolean) =>
  new Promise<void>((resolve, reject) => {
    const headers = isPost ? { 'content-length': String(body.length) } : {}
    const options = { agent, port, host: '127.0.0.1', method: isPost ? 'POST' : 'GET', headers }
    const sent = request({ ...options, path: isPost ? '/v1/packets' : '/health' }, (response) => {
      response.resume()
      response.once('end', () => resolve())
    })
    sent.once('error', reject)
    sent.end(isPost ? body : undefined)
  })

async function round(port: number, isPost: boolean, atOnce: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const times: number[] = []
  let left = COUNT
  const one = async () => {
    while (left-- > 0) {
      const begun = performance.now()
      await ask(agent, port, isPost)
      times.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  agent.destroy()
  return times
}

const at = (times: number[], share: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!.toFixed(3)
const [bare, observed] = [await start(false), await start(true)]
for (const isPost of [false, true]) {
  for (const atOnce of [1, 50]) {
    const times = { bare: [] as number[], observed: [] as number[] }
    const spentUs = { bare: 0, observed: 0 }
    await round(bare.port, isPost, atOnce)
    await round(observed.port, isPost, atOnce)
    for (let i = 0; i < ROUNDS; i++) {
      const order = [
        ['bare', bare.port],
        ['observed', observed.port],
      ] as const
      for (const [name, port] of i % 2 === 0 ? order : order.toReversed()) {
        const before = process.cpuUsage()
        times[name].push(...(await round(port, isPost, atOnce)))
        const { user, system } = process.cpuUsage(before)
        spentUs[name] += user + system
      }
    }
    const line = (name: 'bare' | 'observed') =>
      `${name} p50 ${at(times[name], 0.5)} p99 ${at(times[name], 0.99)} ms, ${(spentUs[name] / times[name].length).toFixed(1)} µs`
    console.log(`${isPost ? 'refused POST' : 'GET /health'}, ${atOnce} at once: ${line('bare')}, ${line('observed')}`)
  }
}
process.exit(0)
