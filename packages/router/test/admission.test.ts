// Admission, guard by guard (docs/protocol.md §12). Each case goes red when its guard is gone.

import { decode, encode, Header, HeaderCore, Packet, SignedKeyEvent } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'
import { keyEventDigest, signRevocation } from '@mystranet/sdk/keys/event'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attachAgent, network, openWorld, partyOf, problemOf, ruleFor, senderOf, worldState } from './router-world.ts'

async function setup(config = {}) {
  const world = await openWorld(worldState(), config)
  const agentParty = await partyOf(10, world.clock.nowMs)
  const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
  await world.enrol(sender.party)
  await world.enrol(agentParty)
  await world.publish([ruleFor('misty.weave', [agentParty])])
  const request = (over = {}) => sender.request([agentParty], over)
  const refusal = async (bytes: Uint8Array) => problemOf(await sender.post(bytes))
  /** The same packet with another core, signed by the sender. */
  const withCore = async (over: Partial<HeaderCore>) => {
    const { bytes } = await request()
    const packet = decode(Packet, bytes)
    const header = decode(Header, packet.header)
    const core = encode(HeaderCore, { ...decode(HeaderCore, header.core), ...over })
    const next = encode(Header, { ...header, core })
    const signature = await sender.party.identity.packet.sign(pae(PAYLOAD_TYPES.packet, next))
    return encode(Packet, { ...packet, header: next, signature })
  }
  return { world, agentParty, sender, request, refusal, withCore }
}

describe('admission', () => {
  it('refuses bytes that are no packet', async () => {
    const { refusal } = await setup()
    expect(await refusal(new Uint8Array([1, 2, 3]))).toMatchObject({ status: 400, code: 'PACKET_MALFORMED' })
  })

  it('refuses a body over the cap before it is parsed', async () => {
    const { refusal } = await setup()
    expect(await refusal(new Uint8Array(8 * 1024 * 1024 + 1))).toMatchObject({ status: 413, code: 'PACKET_TOO_LARGE' })
  })

  it('refuses a header of 4,001 bytes', async () => {
    const { request, refusal } = await setup()
    const packet = decode(Packet, (await request()).bytes)
    expect(await refusal(encode(Packet, { ...packet, header: new Uint8Array(4_001) }))).toMatchObject({
      code: 'HEADER_TOO_LARGE',
    })
  })

  it('refuses an unknown version', async () => {
    const { withCore, refusal } = await setup()
    expect(await refusal(await withCore({ version: 2, compatibleVersions: [2] }))).toMatchObject({
      code: 'VERSION_UNKNOWN',
    })
  })

  it('refuses a packet of another network', async () => {
    const { withCore, refusal } = await setup()
    expect(await refusal(await withCore({ network: new Uint8Array(32).fill(9) }))).toMatchObject({
      code: 'NETWORK_MISMATCH',
    })
  })

  it('refuses a wrong clock, on both sides', async () => {
    const { world, request, refusal } = await setup()
    const old = await request({ nowMs: world.clock.nowMs - 120_001, lifetimeMs: 300_000 })
    expect(await refusal(old.bytes)).toMatchObject({ code: 'CLOCK_SKEWED' })
    const early = await request({ nowMs: world.clock.nowMs + 30_001 })
    expect(await refusal(early.bytes)).toMatchObject({ code: 'CLOCK_SKEWED' })
  })

  it('refuses an expired packet', async () => {
    const { world, request, refusal } = await setup()
    const { bytes, id } = await request({ lifetimeMs: 5_000 })
    world.clock.nowMs += 5_000
    expect(await refusal(bytes)).toMatchObject({ status: 410, code: 'PACKET_EXPIRED' })
    expect(await world.stores.packets.find(toHex(id))).toBeUndefined()
  })

  it('refuses a lifetime of more than ten minutes', async () => {
    const { world, withCore, refusal } = await setup()
    const { nowMs } = world.clock
    expect(await refusal(await withCore({ createdMs: nowMs, expiresMs: nowMs + 600_001 }))).toMatchObject({
      code: 'LIFETIME_TOO_LONG',
    })
  })

  it('refuses a sender that is not enrolled, and logs nothing', async () => {
    const { world, agentParty } = await setup()
    const stranger = senderOf(world, await partyOf(70, world.clock.nowMs))
    const before = world.state.disk.entries.length
    const { bytes } = await stranger.request([agentParty])
    expect(await problemOf(await stranger.post(bytes))).toMatchObject({ status: 401, code: 'KEY_UNKNOWN' })
    expect(world.state.disk.entries).toHaveLength(before)
  })

  it('refuses a revoked key', async () => {
    const { world, sender, request, refusal } = await setup()
    const { identity, instance } = sender.party
    const found = await world.nexus.keyring.find(instance)
    const revocation = await signRevocation({
      network,
      instance,
      by: identity.root as NonNullable<typeof identity.root>,
      prev: found?.chain.head as Uint8Array,
      key: identity.packet.publicKey,
      createdMs: world.clock.nowMs,
    })
    await world.nexus.enrol([encode(SignedKeyEvent, revocation)], async () => false)
    expect(await refusal((await request()).bytes)).toMatchObject({ status: 401, code: 'KEY_REVOKED' })
    expect(toHex(keyEventDigest(revocation.body))).toBe(
      toHex((await world.nexus.keyring.find(instance))?.chain.head as Uint8Array),
    )
  })

  it('refuses an expired key', async () => {
    const { world, request, refusal } = await setup()
    world.clock.nowMs += 86_400_001
    expect(await refusal((await request()).bytes)).toMatchObject({ status: 401, code: 'KEY_EXPIRED' })
  })

  it('refuses a signature by another key, before anything changes', async () => {
    const { request, refusal, sender } = await setup()
    const sealed = await request()
    const packet = decode(Packet, sealed.bytes)
    const signature = (packet.signature as Uint8Array).slice()
    signature[0] = (signature[0] as number) ^ 1
    expect(await refusal(encode(Packet, { ...packet, signature }))).toMatchObject({ code: 'SIGNATURE_INVALID' })
    // Its number is still free: the honest packet goes through.
    expect((await sender.post(sealed.bytes)).status).toBe(202)
  })

  it('refuses a re-signed ciphertext and swapped recipients', async () => {
    const { request, refusal } = await setup()
    const packet = decode(Packet, (await request()).bytes)
    const ciphertext = (packet.ciphertext as Uint8Array).slice()
    ciphertext[0] = (ciphertext[0] as number) ^ 1
    expect(await refusal(encode(Packet, { ...packet, ciphertext }))).toMatchObject({ code: 'CIPHERTEXT_MISMATCH' })
    const recipients = (packet.recipients as Uint8Array).slice()
    recipients[recipients.length - 1] = (recipients.at(-1) as number) ^ 1
    expect(await refusal(encode(Packet, { ...packet, recipients }))).toMatchObject({ code: 'RECIPIENTS_MISMATCH' })
  })

  it('refuses a sender beyond its rate, and says when to come back', async () => {
    const { request, sender } = await setup({ senderPerMinute: 6, senderBurst: 2 })
    for (let i = 0; i < 2; i++) expect((await sender.post((await request()).bytes)).status).toBe(202)
    const response = await sender.post((await request()).bytes)
    expect(response.headers.get('retry-after')).toBe('10')
    expect(await problemOf(response)).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
  })

  it('refuses an address beyond its rate before the body is looked at', async () => {
    const { sender } = await setup({ addressPerMinute: 6, addressBurst: 1 })
    await sender.post(new Uint8Array(3))
    expect(await problemOf(await sender.post(new Uint8Array(3)))).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
  })

  it('refuses two packets under one sequence number', async () => {
    const { request, refusal, sender } = await setup()
    const place = sender.sequence.next()
    expect((await sender.post((await request({ place })).bytes)).status).toBe(202)
    expect(await refusal((await request({ place })).bytes)).toMatchObject({ status: 409, code: 'REPLAYED' })
  })

  it('refuses an epoch below the two newest', async () => {
    const { request, refusal, sender } = await setup()
    for (const epoch of [11n, 12n]) {
      expect((await sender.post((await request({ place: { epoch, seq: 1n } })).bytes)).status).toBe(202)
    }
    expect(await refusal((await request({ place: { epoch: 10n, seq: 1n } })).bytes)).toMatchObject({
      code: 'EPOCH_STALE',
    })
  })

  it('refuses a tag without a rule, a rule that denies, and a table that it does not know', async () => {
    const { world, agentParty, request, refusal } = await setup()
    expect(await refusal((await request({ target: { tag: 'other' } })).bytes)).toMatchObject({
      status: 404,
      code: 'NO_ROUTE',
    })
    expect(await refusal((await request({ tableDigest: new Uint8Array(32) })).bytes)).toMatchObject({
      code: 'TABLE_STALE',
    })
    await world.publish([ruleFor('misty.weave', [agentParty], { deny: true })])
    expect(await refusal((await request()).bytes)).toMatchObject({ status: 403, code: 'NOT_PERMITTED' })
  })

  it('takes the table before the one in force, for ten minutes', async () => {
    const { world, agentParty, request, refusal, sender } = await setup()
    const old = (await world.nexus.tables.known())[0]?.digest as Uint8Array
    await world.publish([ruleFor('misty.weave', [agentParty])])
    expect((await sender.post((await request({ tableDigest: old })).bytes)).status).toBe(202)
    world.clock.nowMs += 600_000
    expect(await refusal((await request({ tableDigest: old })).bytes)).toMatchObject({ code: 'TABLE_STALE' })
  })

  it('refuses when the queue of its agent is full, and logs nothing', async () => {
    const { world, request, refusal, sender } = await setup({ queueLimit: 1 })
    expect((await sender.post((await request()).bytes)).status).toBe(202)
    const before = world.state.disk.entries.length
    expect(await refusal((await request()).bytes)).toMatchObject({ status: 503, code: 'QUEUE_FULL' })
    expect(world.state.disk.entries).toHaveLength(before)
  })

  it('gives a known packet its stored receipt, at any clock', async () => {
    const { world, request, sender } = await setup()
    const { bytes } = await request()
    const first = new Uint8Array(await (await sender.post(bytes)).arrayBuffer())
    world.clock.nowMs += 3_600_000
    const second = await sender.post(bytes)
    expect([second.status, new Uint8Array(await second.arrayBuffer())]).toEqual([200, first])
  })

  it('says that a packet is unconfirmed, sends nothing, and lets the same packet in later', async () => {
    const { world, agentParty, request, sender } = await setup({ commitDeadlineMs: 1_000 })
    const agent = attachAgent(world, agentParty, 'silent')
    world.state.witnessAnswers = false
    const { bytes, id } = await request()
    const refused = await problemOf(await sender.post(bytes))
    expect(refused).toMatchObject({ status: 503, code: 'LOG_UNCONFIRMED', fate: 'unknown', packet: toHex(id) })
    expect(agent.delivered).toEqual([])
    world.state.witnessAnswers = true
    await expect.poll(async () => (await sender.post(bytes)).status).toBe(200)
    await world.until(() => agent.delivered.length === 1)
  })
})

describe('a packet whose record was forgotten', () => {
  it('gets its first receipt from the log, and runs no second time', async () => {
    const { world, agentParty, request, sender } = await setup({ answerKeepMs: 1_000 })
    const agent = attachAgent(world, agentParty)
    const { bytes, id } = await request()
    const first = new Uint8Array(await (await sender.post(bytes)).arrayBuffer())
    await world.until(async () => (await world.stores.packets.find(toHex(id)))?.record.state === 'finished')
    world.clock.nowMs += 2 * 3_600_000
    await world.until(async () => (await world.stores.packets.find(toHex(id))) === undefined)
    const again = await sender.post(bytes)
    expect([again.status, new Uint8Array(await again.arrayBuffer())]).toEqual([200, first])
    expect(agent.delivered).toHaveLength(1)
  })
})

describe('bytes from outside', () => {
  it('never make the router fail, whatever they are', async () => {
    const { world, sender, request } = await setup({ addressPerMinute: 1_000_000, addressBurst: 100_000 })
    const valid = (await request()).bytes
    const mutated = fc
      .tuple(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length))
      .map(([at, value, length]) => Uint8Array.from(valid.subarray(0, length), (byte, i) => (i === at ? value : byte)))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), async (bytes) => {
        const { status } = await sender.post(bytes)
        expect(status === 202 || status === 200 || (status >= 400 && status < 500)).toBe(true)
        const authorization = `Weave ${Buffer.from(bytes).toString('base64')}`
        const fetched = await world.app.request(`/v1/packets/${'0'.repeat(64)}/answer`, { headers: { authorization } })
        expect(fetched.status).toBeLessThan(500)
        expect((await world.app.request('/v1/keys', { method: 'POST', body: bytes.slice() })).status).toBeLessThan(500)
      }),
      { seed: 8, numRuns: 150 },
    )
    const agent = attachAgent(world, await partyOf(10, world.clock.nowMs), 'silent')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        agent.say({ type: 'frame', request: bytes, frame: bytes })
        agent.say({ type: 'checkpoint', request: bytes, document: bytes })
        for (const message of [
          { type: 'reply', packet: bytes },
          { type: 'statement', document: bytes },
          { type: 'keys', events: [bytes] },
        ]) {
          await expect(agent.ask(message)).rejects.not.toMatchObject({ code: 'INTERNAL' })
        }
      }),
      { seed: 8, numRuns: 50 },
    )
  })
})
