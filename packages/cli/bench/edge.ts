/**
 * What an edge adds, on each runtime, with broker, nexus and client on this machine:
 *
 *     node --conditions=@mystranet/source packages/cli/bench/edge.ts
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient, openIdentity, parseTrustFile } from '@mystranet/sdk'
import { openIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { startBroker } from '../../../scripts/broker/server.ts'
import { EDGE_RUNTIMES } from '../test/edges.ts'
import { place } from '../test/weave.ts'

const ROUNDS = 100
const broker = await startBroker()
const here = await place({ canary: { pieces: ['ok'] }, '*': { pieces: ['An', ' answer.'] } })
const env = { WEAVE_SENDER_BURST: '100000', WEAVE_ADDRESS_BURST: '100000' }
const up = await here.up(['--nats', broker.url], { env })
const trustFile = await readFile(join(here.state, 'trust/local.trust'))
const identity = await openIdentity(await openIdentityFile(await readFile(join(here.state, 'user.identity'))))

const middle = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
async function timed(rounds: number, work: () => Promise<unknown>): Promise<string> {
  for (let i = 0; i < 10; i++) await work()
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return middle(times).toFixed(2).padStart(10)
}

async function measure(name: string, url: string): Promise<void> {
  let packet: Uint8Array<ArrayBuffer> | undefined
  const client = createClient({
    router: url,
    identity,
    trust: parseTrustFile(trustFile),
    fetch(input, init) {
      if (input.endsWith('/v1/packets')) packet = new Uint8Array(init.body as ArrayBuffer)
      return fetch(input, init)
    },
  })
  const ask = async () => {
    const answer = client.ask({ to: 'misty.weave', messages: [{ role: 'user', content: 'Why?' }] })
    for await (const _ of answer);
    await answer.verified
  }
  const whole = await timed(ROUNDS / 2, ask)
  const known = await timed(ROUNDS, async () =>
    (await fetch(`${url}/v1/packets`, { method: 'POST', body: packet ?? '' })).arrayBuffer(),
  )
  const routes = await timed(ROUNDS, async () => (await fetch(`${url}/v1/routes`)).arrayBuffer())
  console.log(`${name.padEnd(10)}${routes}${known}${whole}`)
}

console.log('median ms     routes     known  question')
try {
  await measure('direct', up.url)
  for (const { name, dials, start } of EDGE_RUNTIMES) {
    const natsUrl = dials === 'WebSocket' ? broker.webSocketUrl : broker.url
    const edge = await start({ ...env, WEAVE_NATS_URL: natsUrl, WEAVE_TRUST: trustFile.toString() })
    await measure(name, edge.url)
    await edge.stop()
  }
} finally {
  await up.stop()
  await here.remove()
  await broker.remove()
}
