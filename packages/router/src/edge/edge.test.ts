// What an edge refuses by itself, guard by guard, and what it leaves to its nexus.
import { decode, encode, Header, HeaderCore, Packet } from '@mystranet/schemas/messages'
import { fromBase64, toBase64, toHex, utf8 } from '@mystranet/sdk/bytes'
import { PAYLOAD_TYPES, pae, signDocument } from '@mystranet/sdk/envelope'
import { replyCore, signBodiless } from '@mystranet/sdk/packet'
import { encodeTrustFile } from '@mystranet/sdk/proof/trust-file'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openWorld, partyOf, problemOf, ruleFor, senderOf, trust } from '../../test/router-world.ts'
import type { NexusDoor } from '../door.ts'
import { createEdge, innerEdge, outerEdge } from './edge.ts'
import { readEdgeSettings } from './settings.ts'

const TRUST = new TextDecoder().decode(encodeTrustFile(trust))
const ENV = { WEAVE_NATS_URL: 'nats://broker.test:4222', WEAVE_TRUST: TRUST, WEAVE_LOG_LEVEL: 'silent' }

/** A door that notes what it is asked. */
function noting(door: NexusDoor) {
  const asked: string[] = []
  const noted: NexusDoor = {
    ...door,
    submit(packet) {
      asked.push('submit')
      return door.submit(packet)
    },
    readAnswer(packet, fetch) {
      asked.push('answer')
      return door.readAnswer(packet, fetch)
    },
    readPackets(packet, fetch) {
      asked.push('stored')
      return door.readPackets(packet, fetch)
    },
  }
  return { asked, door: noted }
}

async function setup(env: Record<string, string> = {}) {
  const world = await openWorld()
  onTestFinished(() => world.close())
  const agent = await partyOf(10, world.clock.nowMs)
  const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
  await world.enrol(sender.party)
  await world.enrol(agent)
  await world.publish([ruleFor('misty.weave', [agent])])
  const { asked, door } = noting(world.door)
  const settings = readEdgeSettings({ ...ENV, ...env })
  const edge = createEdge(settings, door, () => '192.0.2.1')
  const post = (body: Uint8Array, headers = {}) =>
    edge.request('/v1/packets', { method: 'POST', body: body.slice(), headers })
  const fetched = (path: string) => (id: Uint8Array, authorization?: string) =>
    edge.request(`/v1/packets/${toHex(id)}${path}`, authorization === undefined ? {} : { headers: { authorization } })
  const [answer, stored] = [fetched('/answer'), fetched('')]
  /** The same packet with another core, signed by its sender. */
  const withCore = async (over: Partial<HeaderCore>) => {
    const packet = decode(Packet, (await sender.request([agent])).bytes)
    const header = decode(Header, packet.header)
    const core = encode(HeaderCore, { ...decode(HeaderCore, header.core), ...over })
    const next = encode(Header, { ...header, core })
    const signature = await sender.party.identity.packet.sign(pae(PAYLOAD_TYPES.packet, next))
    return encode(Packet, { ...packet, header: next, signature })
  }
  return { world, agent, sender, edge, asked, door, settings, post, answer, stored, withCore }
}

describe('an edge', () => {
  it('asks its nexus for what it lets through', async () => {
    const { sender, agent, post, asked, answer, stored } = await setup()
    const { bytes, id } = await sender.request([agent])
    expect((await post(bytes)).status).toBe(202)
    expect((await post(bytes)).status).toBe(200)
    expect((await answer(id, await sender.fetchOf(id))).status).toBe(200)
    expect((await stored(id, await sender.fetchOf(id))).status).toBe(200)
    expect(asked).toEqual(['submit', 'submit', 'answer', 'stored'])
  })

  it('leaves the clock to its nexus: a known packet gets its receipt at any clock', async () => {
    const { world, sender, agent, post, withCore } = await setup()
    const { bytes } = await sender.request([agent])
    const first = await (await post(bytes)).bytes()
    world.clock.nowMs += 3_600_000
    const again = await post(bytes)
    expect([again.status, await again.bytes()]).toEqual([200, first])
    const createdMs = Date.now() - 3_600_000
    expect(await problemOf(await post(await withCore({ createdMs, expiresMs: createdMs + 60_000 })))).toMatchObject({
      code: 'CLOCK_SKEWED',
    })
  })

  const cases: Record<string, (world: Awaited<ReturnType<typeof setup>>) => Promise<Uint8Array>> = {
    PACKET_MALFORMED: async () => Uint8Array.of(1, 2, 3),
    PACKET_TOO_LARGE: async () => new Uint8Array(8 * 1024 * 1024 + 1),
    NETWORK_MISMATCH: async ({ withCore }) => withCore({ network: new Uint8Array(32).fill(9) }),
    LIFETIME_TOO_LONG: async ({ withCore }) => withCore({ expiresMs: Date.now() + 3_600_000 }),
    SIGNATURE_INVALID: async ({ sender, agent }) => {
      const packet = decode(Packet, (await sender.request([agent])).bytes)
      return encode(Packet, { ...packet, signature: (packet.signature as Uint8Array).map((byte, i) => byte ^ +!i) })
    },
    CIPHERTEXT_MISMATCH: async ({ sender, agent }) => {
      const packet = decode(Packet, (await sender.request([agent])).bytes)
      return encode(Packet, { ...packet, ciphertext: (packet.ciphertext as Uint8Array).map((byte, i) => byte ^ +!i) })
    },
    NOT_A_CANDIDATE: async ({ sender, agent, world }) => {
      const request = await sender.request([agent])
      const from = { sender: agent.instance, senderKey: agent.identity.packet.publicKey }
      const draft = { request, ...from, place: sender.sequence.next(), nowMs: world.clock.nowMs }
      return (await signBodiless({ ...replyCore('ACK', draft), attempt: 1, code: 1 }, agent.identity.packet)).bytes
    },
  }
  it.each(Object.keys(cases))('refuses by itself: %s', async (code) => {
    const world = await setup()
    expect(
      await problemOf(await world.post(await (cases[code] as NonNullable<(typeof cases)[string]>)(world))),
    ).toMatchObject({
      code,
    })
    expect(world.asked).toEqual([])
  })

  it('refuses fetches that are forged, of another packet, router or network, or none, by itself', async () => {
    const { sender, agent, answer, stored, asked } = await setup()
    const { id } = await sender.request([agent])
    const document = fromBase64((await sender.fetchOf(id)).slice(6)) as Uint8Array
    const forged = document.slice()
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    const code = async (authorization?: string) => {
      const [one, other] = [
        await problemOf(await answer(id, authorization)),
        await problemOf(await stored(id, authorization)),
      ]
      expect(other).toEqual(one)
      return one.code
    }
    expect(await code()).toBe('SIGNATURE_INVALID')
    expect(await code(`Weave ${toBase64(forged)}`)).toBe('SIGNATURE_INVALID')
    expect(await code(`Weave ${toBase64(utf8('no document'))}`)).toBe('DOCUMENT_MALFORMED')
    const other = await signDocument('notice', utf8('x'), sender.party.identity.packet)
    expect(await code(`Weave ${toBase64(other)}`)).toBe('SIGNATURE_INVALID')
    expect(await code(await sender.fetchOf(new Uint8Array(32)))).toBe('NOT_PERMITTED')
    expect(await code(await sender.fetchOf(id, { audience: 'log.test/b' }))).toBe('NOT_PERMITTED')
    expect(await code(await sender.fetchOf(id, { network: new Uint8Array(32) }))).toBe('NETWORK_MISMATCH')
    expect(asked).toEqual([])
  })

  it('counts packets by the key that signed them, not by who they say sent them', async () => {
    const { post, sender, agent, asked, world } = await setup({ WEAVE_SENDER_BURST: '1', WEAVE_SENDER_PER_MINUTE: '1' })
    const stranger = senderOf(world, await partyOf(70, world.clock.nowMs))
    // In the name of the other, whose rate it must not use up.
    const forged = await stranger.request([agent], { sender: sender.party.instance })
    expect((await problemOf(await post(forged.bytes))).code).toMatch(/^KEY_/)
    expect((await problemOf(await post(forged.bytes))).code).toBe('RATE_LIMITED')
    expect((await post((await sender.request([agent])).bytes)).status).toBe(202)
    expect(asked).toHaveLength(2)
  })

  it('counts requests by the header that it was told of, and by nobody’s otherwise', async () => {
    const rates = { WEAVE_ADDRESS_BURST: '1', WEAVE_ADDRESS_PER_MINUTE: '1' }
    const told = await setup({ ...rates, WEAVE_ADDRESS_HEADER: 'x-real-ip' })
    const untold = await setup(rates)
    const ask = async ({ edge }: typeof told, address: string) =>
      (await edge.request('/v1/routes', { headers: { 'x-real-ip': address } })).status
    expect([await ask(told, 'a'), await ask(told, 'b'), await ask(told, 'a')]).toEqual([200, 200, 429])
    expect([await ask(untold, 'a'), await ask(untold, 'b')]).toEqual([200, 429])
  })

  it('is the same in two halves', async () => {
    const { settings, door, sender, agent, asked } = await setup()
    const inner = innerEdge(settings, door)
    const outer = outerEdge(
      settings,
      async (request) => inner.fetch(request),
      () => undefined,
    )
    const { bytes, id } = await sender.request([agent])
    const post = (body: Uint8Array) => outer.request('/v1/packets', { method: 'POST', body: body.slice() })
    expect((await post(bytes)).status).toBe(202)
    expect((await problemOf(await post(Uint8Array.of(1)))).code).toBe('PACKET_MALFORMED')
    const authorization = await sender.fetchOf(id)
    expect((await outer.request(`/v1/packets/${toHex(id)}/answer`, { headers: { authorization } })).status).toBe(200)
    expect((await outer.request('/v1/routes')).status).toBe(200)
    expect((await outer.request('/v1/nothing')).status).toBe(404)
    expect((await outer.request('/health')).status).toBe(200)
    expect(await (await outer.request('/metrics')).text()).toContain('weave_http_requests_total')
    expect(asked).toEqual(['submit', 'answer'])
  })
})

describe('readEdgeSettings()', () => {
  it.each([
    [{ WEAVE_NATS_URL: '' }, 'WEAVE_NATS_URL'],
    [{ WEAVE_NATS_URL: 'http://broker.test' }, 'WEAVE_NATS_URL'],
    [{ WEAVE_TRUST: '' }, 'WEAVE_TRUST'],
    [{ WEAVE_ADDRESS_HEADER: 'X Y' }, 'WEAVE_ADDRESS_HEADER'],
    [{ WEAVE_PORT: '-1' }, 'WEAVE_PORT'],
  ])('refuses %o', (over, name) => {
    expect(() => readEdgeSettings({ ...ENV, ...over })).toThrow(name)
  })

  it('takes only addresses that its runtime can dial', () => {
    expect(() => readEdgeSettings(ENV, ['ws:', 'wss:'])).toThrow('WEAVE_NATS_URL')
    expect(readEdgeSettings(ENV).natsUrl).toBe(ENV.WEAVE_NATS_URL)
  })
})
