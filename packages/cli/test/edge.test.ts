/** Edges on every runtime, a broker, and `weave up` as their nexus, each a process of its own; asked by the SDK. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode, encode, Packet } from '@mystranet/schemas/messages'
import { type Client, createClient, openIdentity, parseTrustFile } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { createRecordParser, parsePacket } from '@mystranet/sdk/envelope'
import { openIdentityFile } from '@mystranet/sdk/keys/identity-file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from '../../../scripts/broker/server.ts'
import { EDGE_RUNTIMES, type EdgeEnv, type RunningEdge } from './edges.ts'
import { type Place, place, slowly, type Up, until } from './weave.ts'

const SCRIPT = {
  canary: { pieces: ['ok'] },
  slow: slowly(40, 50),
  long: slowly(400, 50),
  '*': { pieces: ['An', ' answer.'] },
}
const SLOW = SCRIPT.slow.pieces.map(({ text }) => text).join('')

let broker: Broker
let here: Place
let up: Up
const startUp = async (args: readonly string[] = []) => {
  up = await here.up(['--nats', broker.url, ...args], { env: { WEAVE_SENDER_BURST: '1000', WEAVE_ABANDON_MS: '1500' } })
}
beforeAll(async () => {
  broker = await startBroker()
  here = await place(SCRIPT)
  await startUp()
}, 60_000)
afterAll(async () => {
  await up.stop('SIGKILL')
  await here.remove()
  await broker.remove()
})

type Fetch = (input: string, init: RequestInit) => Promise<Response>

/** The local user as a client of an edge, with a wire that a test may cut. */
async function clientOf(url: string, wire: Fetch = fetch): Promise<Client> {
  const trust = parseTrustFile(await readFile(join(here.state, 'trust/local.trust')))
  const identity = await openIdentity(await openIdentityFile(await readFile(join(here.state, 'user.identity'))))
  return createClient({ router: url, identity, trust, fetch: wire, random: () => 0 })
}

const question = (content: string) => ({ to: 'misty.weave', messages: [{ role: 'user' as const, content }] })

/** A sealed packet that no router has seen. */
async function sealed(url: string, content = 'Why?'): Promise<Uint8Array> {
  const kept = Promise.withResolvers<Uint8Array>()
  const client = await clientOf(url, async (input, init) => {
    if (!input.endsWith('/v1/packets')) return fetch(input, init)
    kept.resolve(new Uint8Array(init.body as ArrayBuffer))
    return Response.json({ code: 'FIELD_INVALID', detail: 'kept' }, { status: 400 })
  })
  const answer = client.ask(question(content))
  answer.verified.catch(() => {})
  return Promise.race([kept.promise, answer.verified.then(() => Promise.reject(new Error('never sealed')))])
}

const post = async (url: string, body: BodyInit) => {
  const response = await fetch(`${url}/v1/packets`, { method: 'POST', body, duplex: 'half' } as RequestInit)
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) }
}
interface Stored {
  readonly url: string
  readonly id: string
  readonly init: RequestInit
}
const codeAt = async ({ url, init }: Stored) => ((await (await fetch(url, init)).json()) as { code: string }).code
const codeOf = ({ bytes }: { bytes: Uint8Array }) => JSON.parse(new TextDecoder().decode(bytes)).code as string
const starts = async (packet: string) => (await here.journal()).filter((line) => line === `${packet} start`).length
const idOf = (packet: Uint8Array) => toHex(parsePacket(packet).id)

describe.each(EDGE_RUNTIMES)('an edge on $name', ({ name, start, startSpoilt, dials }) => {
  let edge: RunningEdge
  const edgeEnv = async (over: EdgeEnv = {}): Promise<EdgeEnv> => ({
    WEAVE_NATS_URL: dials === 'WebSocket' ? broker.webSocketUrl : broker.url,
    WEAVE_TRUST: await readFile(join(here.state, 'trust/local.trust'), 'utf8'),
    WEAVE_NEXUS_DEADLINE_MS: '3000',
    ...over,
  })
  beforeAll(async () => {
    edge = await start(await edgeEnv())
    await until('the edge is ready', async () => (await fetch(`${edge.url}/readyz`)).ok, 20_000)
  }, 60_000)
  afterAll(() => edge?.stop())

  test('carries a question to its VERIFIED answer, as it is said', async () => {
    const client = await clientOf(edge.url)
    const answer = client.ask(question('slow'))
    const times: number[] = []
    let text = ''
    for await (const part of answer) {
      text += part
      times.push(performance.now())
    }
    expect(text).toBe(SLOW)
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_000)
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })

  test('carries packets that are larger than a message of the broker', async () => {
    const packet = await sealed(edge.url, 'x'.repeat(3_000_000))
    expect(packet.length).toBeGreaterThan(3_000_000)
    const { status, bytes } = await post(edge.url, packet.slice())
    expect(status).toBe(202)
    expect((await post(up.url, packet.slice())).bytes).toEqual(bytes)
  })

  test('goes on where an answer was cut', async () => {
    const fetches: string[] = []
    const client = await clientOf(edge.url, async (input, init) => {
      const response = await fetch(input, init)
      if (!input.endsWith('/answer') || fetches.push(input) > 1) return response
      let bytes = 0
      const cutting = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.length
          if (bytes > 8_000) controller.error(new TypeError('cut'))
          else controller.enqueue(chunk)
        },
      })
      return new Response(response.body?.pipeThrough(cutting), response)
    })
    const answer = client.ask(question('slow'))
    let text = ''
    for await (const part of answer) text += part
    expect(text).toBe(SLOW)
    expect(fetches.length).toBeGreaterThan(1)
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })

  test('lets the nexus know that a reader hung up', async () => {
    let id = ''
    const hangUp = new AbortController()
    const client = await clientOf(edge.url, async (input, init) => {
      // It does not come again, and says nothing: its connection is gone.
      if (hangUp.signal.aborted) return new Promise<never>(() => {})
      if (input.endsWith('/v1/packets')) id = idOf(new Uint8Array(init.body as ArrayBuffer))
      return fetch(input, input.endsWith('/answer') ? { ...init, signal: hangUp.signal } : init)
    })
    const begun = Promise.withResolvers<void>()
    const read = async () => {
      for await (const _ of client.ask(question('long'))) begun.resolve()
    }
    void read().catch(begun.reject)
    await begun.promise
    hangUp.abort()
    await until('it is stopped', async () => (await here.journal()).includes(`${id} cancelled`), 12_000)
  })

  test('refuses a body over the cap, said in advance or not', async () => {
    const body = new Uint8Array(8 * 1024 * 1024 + 1)
    const stream = new Blob([body]).stream()
    for (const each of [body, stream]) {
      const refused = await post(edge.url, each)
      expect([refused.status, codeOf(refused)]).toEqual([413, 'PACKET_TOO_LARGE'])
    }
  })

  test('shows what the nexus has stored of a packet, to whoever asked it', async () => {
    const seen: { id: string; authorization: string }[] = []
    const client = await clientOf(edge.url, async (input, init) => {
      const [, id] = /packets\/([0-9a-f]{64})\/answer$/.exec(input) ?? []
      if (id === undefined) return fetch(input, init)
      const { authorization = '' } = Object.fromEntries(new Headers(init.headers))
      // The first signed fetch is kept, and used for something else.
      if (seen.push({ id, authorization }) === 1) throw new TypeError('cut')
      return fetch(input, init)
    })
    await client.ask(question('What is kept?')).verified
    const [first, second] = seen.map(({ id, authorization }) => ({
      url: `${edge.url}/v1/packets/${id}`,
      id,
      init: { headers: { authorization } },
    })) as unknown as [Stored, Stored]
    const response = await fetch(first.url, first.init)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    const { packet, replies } = (await response.json()) as {
      packet: unknown
      replies: { NLD_Directive_Type: string }[]
    }
    expect(packet).toMatchObject({ Transaction_Hash_ID: first.id, NLD_Directive_Type: 'REQUEST' })
    expect(replies.map(({ NLD_Directive_Type: kind }) => kind).slice(-2)).toEqual(['STREAM_OPEN', 'STREAM_CLOSE'])
    // The nexus knows the one that was used; the edge sees that there is none.
    expect(await codeAt(second)).toBe('REPLAYED')
    expect(await codeAt({ ...second, init: {} })).toBe('SIGNATURE_INVALID')
  })

  test('serves nothing on a packet schema that was not signed', async () => {
    const env = await edgeEnv()
    if (name !== 'workerd')
      return expect(startSpoilt(env)).rejects.toThrow(/SCHEMA_UNTRUSTED|Cannot use the packet schema/)
    const spoilt = await startSpoilt(env)
    try {
      for (const path of ['/health', '/v1/routes']) {
        const refused = await fetch(spoilt.url + path)
        expect([refused.status, (await refused.json()).code]).toEqual([500, 'SCHEMA_UNTRUSTED'])
      }
    } finally {
      await spoilt.stop()
    }
  }, 60_000)

  test('serves routes, keys and log as its nexus does', async () => {
    for (const path of ['/v1/routes', '/log/checkpoint', '/log/tile/0/000.p/1', '/v1/keys/nobody', '/log/tile/9/000']) {
      const [through, direct] = await Promise.all([fetch(edge.url + path), fetch(up.url + path)])
      expect([path, through.status]).toEqual([path, direct.status])
      expect(through.headers.get('content-type')).toBe(direct.headers.get('content-type'))
      if (path === '/v1/routes') expect(await through.bytes()).toEqual(await direct.bytes())
    }
  })

  test('lets nobody ask more than its rates', async () => {
    const rates = { WEAVE_ADDRESS_BURST: '6', WEAVE_ADDRESS_PER_MINUTE: '1', WEAVE_SENDER_BURST: '1' }
    const strict = await start(await edgeEnv({ ...rates, WEAVE_SENDER_PER_MINUTE: '1' }))
    try {
      const packet = await sealed(edge.url)
      expect((await post(strict.url, packet.slice())).status).toBe(202)
      const again = await post(strict.url, packet.slice())
      expect([again.status, codeOf(again)]).toEqual([429, 'RATE_LIMITED'])
      expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(1)
      const routes = async () => (await fetch(`${strict.url}/v1/routes`)).status
      expect([await routes(), await routes(), await routes(), await routes()]).toEqual([200, 200, 200, 200])
      expect(await routes()).toBe(429)
    } finally {
      await strict.stop()
    }
  })

  test('cuts an answer whose nexus is lost; says 503 without one, and gives one receipt when it is back', async () => {
    const packet = await sealed(edge.url)
    const forged = decode(Packet, packet)
    const signature = (forged.signature as Uint8Array).slice()
    signature[0] = (signature[0] as number) ^ 1
    const cut = await cutAnswer(edge.url)
    expect(cut.types).toContain('frame')
    expect(cut.types).not.toContain('end')
    expect(cut.broke).toBe(true)
    // Nobody is there to ask: what is refused now, the edge refuses by itself.
    const refused = await post(edge.url, encode(Packet, { ...forged, signature }))
    expect([refused.status, codeOf(refused)]).toEqual([401, 'SIGNATURE_INVALID'])
    const lost = await post(edge.url, packet.slice())
    expect([lost.status, codeOf(lost)]).toEqual([503, 'ROUTER_UNREACHABLE'])
    expect(Number(lost.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(503)
    expect((await fetch(`${edge.url}/health`)).status).toBe(200)

    await startUp()
    await until('the edge is ready again', async () => (await fetch(`${edge.url}/readyz`)).ok, 20_000)
    const first = await post(edge.url, packet.slice())
    expect(first.status).toBe(202)
    const second = await post(edge.url, packet.slice())
    expect(second.status).toBe(200)
    expect(second.bytes).toEqual(first.bytes)
    const id = idOf(packet)
    await until('it ran', async () => (await here.journal()).includes(`${id} finish`))
    expect(await starts(id)).toBe(1)
  }, 60_000)
})

/** Reads an answer through an edge while its nexus is killed. */
async function cutAnswer(url: string): Promise<{ types: string[]; broke: boolean }> {
  const seen = { types: [] as string[], broke: false }
  const parser = createRecordParser()
  const read = Promise.withResolvers<void>()
  const client = await clientOf(url, async (input, init) => {
    const response = await fetch(input, init)
    if (!input.endsWith('/answer') || !response.ok) return response
    const [ours, theirs] = (response.body as ReadableStream<Uint8Array>).tee()
    const watch = async () => {
      try {
        for await (const chunk of ours) seen.types.push(...parser.push(chunk).map(({ type }) => type))
      } catch {
        seen.broke = true
      }
      read.resolve()
    }
    void watch()
    return new Response(theirs, response)
  })
  const stop = new AbortController()
  const begun = Promise.withResolvers<void>()
  const reading = async () => {
    for await (const _ of client.ask({ ...question('slow'), signal: stop.signal })) begun.resolve()
  }
  reading().catch(begun.reject)
  await begun.promise
  await up.stop('SIGKILL')
  await read.promise
  stop.abort()
  return seen
}
