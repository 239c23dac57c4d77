// The SDK's client on a page of another origin than the router's: what the browser's rules let through (CORS), and that a reader
// who leaves leaves nothing behind.

import { createClient } from '@mystranet/sdk'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttp } from '../../sdk/src/transport/http.ts'
import { attachAgent, openWorld, partyOf, ruleFor, senderOf, trust, type World, worldState } from './router-world.ts'

const PAGE = 'https://page.test'
const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) {
    await world.nexus.idle()
    await world.close()
  }
})

async function setup(overrides: Parameters<typeof openWorld>[1] = {}) {
  const world = await openWorld(worldState(), overrides)
  worlds.push(world)
  const [agent, user] = [await partyOf(10, world.clock.nowMs), await partyOf(100, world.clock.nowMs)]
  for (const party of [agent, user]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', [agent])])
  const attached = attachAgent(world, agent)
  const preflights: string[] = []
  const fetch = asPage(world, preflights)
  return { world, agent, user, attached, preflights, fetch }
}

/** `fetch` as a browser gives it to a page of {@link PAGE}: asks first where it must, hides what it is not told to show. */
function asPage(world: World, preflights: string[]) {
  return async (input: string, init: RequestInit): Promise<Response> => {
    const path = new URL(input).pathname
    const { method = 'GET' } = init
    const headers = new Headers(init.headers)
    const unsafe = [...headers].filter(
      ([name, value]) =>
        !(name === 'content-type' && /^(text\/plain|multipart\/form-data|application\/x-www-form)/.test(value)),
    )
    if (unsafe.length > 0 || !['GET', 'HEAD', 'POST'].includes(method)) {
      preflights.push(`${method} ${path.replace(/[0-9a-f]{64}/, '…')}`)
      const asked = unsafe.map(([name]) => name).join(',')
      const answer = await world.app.request(path, {
        method: 'OPTIONS',
        headers: { origin: PAGE, 'access-control-request-method': method, 'access-control-request-headers': asked },
      })
      const list = (name: string) => (answer.headers.get(name) ?? '').toLowerCase().split(/\s*,\s*/)
      const isFine =
        answer.ok &&
        allows(answer) &&
        (method === 'GET' ||
          method === 'POST' ||
          list('access-control-allow-methods').includes(method.toLowerCase())) &&
        unsafe.every(([name]) => list('access-control-allow-headers').includes(name))
      if (!isFine) throw new TypeError('Failed to fetch')
    }
    headers.set('origin', PAGE)
    const response = await world.app.request(path, { ...init, headers, signal: null })
    if (!allows(response)) throw new TypeError('Failed to fetch')
    const shown = (response.headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/\s*,\s*/)
    const safe = [
      'cache-control',
      'content-language',
      'content-length',
      'content-type',
      'expires',
      'last-modified',
      ...shown,
    ]
    const visible = [...response.headers].filter(([name]) => safe.includes(name))
    return new Response(response.body, { status: response.status, headers: visible })
  }
}

const allows = ({ headers }: Response) => headers.get('access-control-allow-origin') === PAGE

const clientOf = ({ user, fetch, world }: Awaited<ReturnType<typeof setup>>) =>
  createClient({
    router: 'https://router.test',
    identity: user.identity,
    trust,
    fetch,
    now: () => world.clock.nowMs,
    maxTries: 1,
  })
const question = { to: 'misty.weave', messages: [{ role: 'user' as const, content: 'Why?' }] }

describe('a page of another origin', () => {
  it('that the router names may ask, read, and hold the log to what it saw', async () => {
    const made = await setup({ corsOrigins: [PAGE] })
    const client = clientOf(made)
    await client.routes()
    expect((await client.ask(question).verified).verdict.line).toBe('VERIFIED under "local"')
    expect(made.preflights).toEqual(['POST /v1/packets', 'GET /v1/packets/…/answer'])
  })

  it('that it does not name gets nothing', async () => {
    for (const corsOrigins of [[], ['https://other.test']]) {
      const made = await setup({ corsOrigins })
      await expect(clientOf(made).routes()).rejects.toMatchObject({ code: 'ROUTER_UNREACHABLE' })
    }
  })

  it('reads why it was refused, and how long it should wait', async () => {
    const { fetch } = await setup({ corsOrigins: [PAGE], addressPerMinute: 1, addressBurst: 1 })
    const http = createHttp({ router: 'https://router.test', fetch, maxTries: 1 })
    await http.request('/v1/routes')
    await expect(http.request('/v1/routes')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: expect.toSatisfy((ms: number) => ms > 0),
    })
    await expect(http.request('/v1/nothing')).rejects.toMatchObject({
      code: expect.stringMatching(/NOT_FOUND|RATE_LIMITED/),
    })
  })
})

it('a reader who leaves waits no longer for a change: nothing keeps the process', async () => {
  const made = await setup()
  made.attached.behaviour = 'hang'
  const sender = senderOf(made.world, made.user)
  const sealed = await sender.request([made.agent])
  await sender.post(sealed.bytes)
  const fetched = await sender.fetchOf(sealed.id)
  const reader = await made.world.nexus.readAnswer(
    Buffer.from(sealed.id).toString('hex'),
    new Uint8Array(Buffer.from(fetched.slice(6), 'base64')),
  )
  await made.world.until(async () => (await reader.next()).length === 0)
  const waiting = reader.changed(60_000)
  reader.close()
  await expect(
    Promise.race([waiting, new Promise((_, no) => setTimeout(no, 2_000, new Error('it still waits')))]),
  ).resolves.toBeUndefined()
})
