/**
 * The router's HTTP interface on Node, whole, before a scripted nexus, with everything that its watch is told written down:
 *
 *     node --conditions=@mystranet/source packages/router/bench/observed.ts FILE
 *
 * FILE gets one line of JSON a record and a sweep. Prints its address; SIGTERM ends it, SIGUSR2 is a restart: two seconds away,
 * then not ready for two more. `packages/detector/training/generate/l7` asks it.
 *
 * The nexus takes a packet whose first four bytes are `WEAV` and whose next four are its sender, after as long as a commit takes,
 * at the rate of a sender; refuses every other one; and streams an answer of as many tokens, as far apart, as the fetch says.
 */
import { createWriteStream } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type ServerType, serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import type { HttpObserver } from '@mystranet/detector/l7'
import { createApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import type { NexusDoor } from '../src/door.ts'
import { observeServer } from '../src/entry/observe.ts'
import { RouterError } from '../src/errors.ts'
import { createMetrics } from '../src/metrics.ts'
import { createRateLimit } from '../src/rate.ts'
import { traceOf } from '../src/trace.ts'

const [, , path = ''] = process.argv
const config = readConfig({})
const senders = createRateLimit('sender', { perMinute: config.senderPerMinute, burst: config.senderBurst })
const DOWN_MS = 2_000
let readyMs = 0

/** Most commits take 10 to 20 ms, some ten times as long. */
const commitMs = () =>
  10 * Math.exp(0.5 * Math.abs(Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(7 * Math.random())))

function assertReady(): void {
  if (Date.now() < readyMs)
    throw new RouterError('ROUTER_UNREACHABLE', 'Cannot ask the nexus: it is starting, wanted it ready')
}

const known = new Uint8Array(1_500)
const door: NexusDoor = {
  async submit(packet) {
    assertReady()
    if (String.fromCharCode(...packet.subarray(0, 4)) !== 'WEAV') {
      const code = packet[0] === 0x53 ? 'SIGNATURE_INVALID' : 'PACKET_MALFORMED'
      throw new RouterError(code, 'Cannot take the packet: it is not one, wanted one')
    }
    senders.take(String(packet.subarray(4, 8)), Date.now())
    await pause(commitMs())
    return { receipt: known.slice(0, 400), known: false }
  },
  async readAnswer(_, fetch) {
    assertReady()
    if (fetch.length < 5)
      throw new RouterError('SIGNATURE_INVALID', 'Cannot fetch the answer: not signed, wanted a signature')
    const view = new DataView(fetch.buffer, fetch.byteOffset)
    return tokens(view.getUint16(0), view.getUint16(2))
  },
  async readPackets() {
    throw new RouterError('NOT_FOUND', 'Cannot show packets: nothing is stored here')
  },
  async routes() {
    assertReady()
    return known
  },
  keys: async () => known.slice(0, 700),
  enrol: async () => known.slice(0, 500),
  async logFile(name) {
    await pause(1)
    return name === 'checkpoint'
      ? known.slice(0, 300)
      : name.length < 40
        ? known.slice(0, 8 * (name.length % 256))
        : undefined
  },
  missing: async () => (Date.now() < readyMs ? ['the nexus is starting'] : []),
}

function tokens(count: number, everyMs: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    async pull(stream) {
      if (everyMs > 0) await pause(everyMs * (0.5 + Math.random()))
      stream.enqueue(known.slice(0, 90))
      sent += 1
      if (sent >= count) stream.close()
    },
  })
}

const app = createApp({
  door,
  metrics: createMetrics(),
  trace: traceOf(
    () => undefined,
    () => undefined,
  ),
  nowMs: Date.now,
  corsOrigins: [],
  addresses: createRateLimit('address', { perMinute: config.addressPerMinute, burst: config.addressBurst }),
  addressOf: (c) => getConnInfo(c).remote.address ?? 'unknown',
})
// The page of `weave up` and what it loads.
app.get('/', (c) => c.html('<!doctype html><title>Weave</title>'))
app.get('/asset/:name', (c) => c.body(known, 200))

const out = createWriteStream(path)
const observer: HttpObserver = {
  record: (record) => void out.write(`${JSON.stringify({ record })}\n`),
  sweep: (open, nowMs) => void out.write(`${JSON.stringify({ sweep: open, nowMs })}\n`),
}

const open = (port: number) =>
  new Promise<{ server: ServerType; port: number; stop: () => void }>((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (at: AddressInfo) =>
      resolve({ server, port: at.port, stop: observeServer(server, observer) }),
    )
  })
const shut = ({ server, stop }: { server: ServerType; stop: () => void }) => {
  server.close()
  if ('closeAllConnections' in server) server.closeAllConnections()
  // What closing tells comes right after it.
  setTimeout(stop, 50)
}

let running = await open(0)
console.log(`http://127.0.0.1:${running.port}`)
process.on('SIGUSR2', async () => {
  const { port } = running
  shut(running)
  await pause(DOWN_MS)
  readyMs = Date.now() + DOWN_MS
  running = await open(port)
})
process.once('SIGTERM', () => {
  shut(running)
  setTimeout(() => out.end(() => process.exit(0)), 200)
})
