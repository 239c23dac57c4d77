// Replies of agents, frames, and who may read them; tables, invitations, readiness, and what is written down.

import { CODES } from '@mystranet/schemas/codes'
import { KINDS, OUTCOMES } from '@mystranet/schemas/kinds'
import {
  decode,
  encode,
  Frame,
  KeyEvents,
  Receipts,
  Routes,
  SignedKeyEvent,
  StreamCheckpoint,
} from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { signDocument } from '@mystranet/sdk/envelope'
import { deriveReplyKeys, type ReplySecret, replyCore, sealClose, sealOpen, signBodiless } from '@mystranet/sdk/packet'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { signRoutingTable, verifyRoutingTable } from '@mystranet/sdk/proof/routing-table'
import { describe, expect, it } from 'vitest'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import {
  attachAgent,
  network,
  nexusSigner,
  openWorld,
  type Party,
  partyOf,
  problemOf,
  recordsOf,
  ruleFor,
  type ScriptedAgent,
  senderOf,
  tableSigner,
  trust,
  worldState,
} from './router-world.ts'

async function setup(config = {}) {
  const world = await openWorld(worldState(), config)
  const agents = [await partyOf(10, world.clock.nowMs), await partyOf(20, world.clock.nowMs)] as const
  const sender = senderOf(world, await partyOf(100, world.clock.nowMs))
  await world.enrol(sender.party)
  for (const agent of agents) await world.enrol(agent)
  await world.publish([ruleFor('misty.weave', [agents[0]])])
  const submit = async () => {
    const request = await sender.request([agents[0]])
    const response = await sender.post(request.bytes)
    if (!response.ok) throw new Error(await response.text())
    return request
  }
  const attemptState = async (id: Uint8Array) =>
    (await world.stores.packets.find(toHex(id)))?.record.attempts.at(-1)?.state
  /** An ACK by anybody. */
  const ack = async (
    party: Party,
    agent: ScriptedAgent,
    request: Awaited<ReturnType<typeof submit>>,
    attempt: number,
    over = {},
  ) => {
    const from = { sender: party.instance, senderKey: party.identity.packet.publicKey }
    const draft = { request, ...from, place: agent.sequence.next(), nowMs: world.clock.nowMs }
    const core = { ...replyCore('ACK', draft), attempt, code: OUTCOMES.ACCEPTED, ...over }
    return (await signBodiless(core, party.identity.packet)).bytes
  }
  return { world, agents, sender, submit, ack, attemptState }
}

const refusedWith = (code: string) => expect.objectContaining({ code })

describe('a reply', () => {
  it('of an agent that no attempt leaf names is refused, and leaves no leaf', async () => {
    const { world, agents, submit, ack } = await setup()
    attachAgent(world, agents[0], 'silent')
    const other = attachAgent(world, agents[1], 'silent')
    const request = await submit()
    const before = world.state.disk.entries.length
    await expect(other.ask({ type: 'reply', packet: await ack(agents[1], other, request, 1) })).rejects.toEqual(
      refusedWith('NOT_A_CANDIDATE'),
    )
    expect(world.state.disk.entries).toHaveLength(before)
    await world.close()
  })

  it('under another attempt, to an unknown request, or bound to other fields is refused', async () => {
    const { world, agents, submit, ack, sender } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const request = await submit()
    const take = async (packet: Uint8Array) => agent.ask({ type: 'reply', packet })
    await expect(take(await ack(agents[0], agent, request, 2))).rejects.toEqual(refusedWith('NOT_A_CANDIDATE'))
    const unknown = await sender.request([agents[0]])
    await expect(take(await ack(agents[0], agent, unknown, 1))).rejects.toEqual(refusedWith('NOT_A_CANDIDATE'))
    const elsewhere = { targetInstance: agents[1].instance }
    await expect(take(await ack(agents[0], agent, request, 1, elsewhere))).rejects.toEqual(refusedWith('FIELD_INVALID'))
    const packet = (await ack(agents[0], agent, request, 1)).slice()
    packet[packet.length - 1] = (packet.at(-1) as number) ^ 1
    await expect(take(packet)).rejects.toEqual(refusedWith('SIGNATURE_INVALID'))
    await world.close()
  })

  it('sent again gets its receipt; another in its place is refused', async () => {
    const { world, agents, submit, ack } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const request = await submit()
    const packet = await ack(agents[0], agent, request, 1)
    const [first] = await agent.ask({ type: 'reply', packet })
    expect(await agent.ask({ type: 'reply', packet })).toEqual([first])
    const second = await ack(agents[0], agent, request, 1)
    for (let i = 0; i < 2; i++) {
      await expect(agent.ask({ type: 'reply', packet: second })).rejects.toEqual(refusedWith('REPLAYED'))
    }
    expect(world.state.disk.entries.filter(({ leaf }) => parseLeaf(leaf).kind === 'ack')).toHaveLength(1)
    // What was refused is kept, once: with the first, it shows what no honest agent signs.
    expect((await world.nexus.showPackets(toHex(request.id)))?.evidence.map(toHex)).toEqual([toHex(second)])
    for (let i = 0; i < 20; i++) {
      await agent.ask({ type: 'reply', packet: await ack(agents[0], agent, request, 1) }).catch(() => {})
    }
    expect((await world.nexus.showPackets(toHex(request.id)))?.evidence).toHaveLength(8)
    await world.close()
  })

  it('is no request and no CANCEL', async () => {
    const { world, agents, submit, sender } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const request = await submit()
    const cancel = await sender.cancel(request)
    for (const { bytes } of [request, cancel]) {
      await expect(agent.ask({ type: 'reply', packet: bytes })).rejects.toEqual(refusedWith('NOT_PERMITTED'))
    }
    await world.close()
  })

  it('of another conversation or suite than its request’s, or to its tag, is refused', async () => {
    const { world, agents, submit, ack } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const request = await submit()
    for (const over of [{ correlationId: new Uint8Array(16) }, { suite: 2 }]) {
      const packet = await ack(agents[0], agent, request, 1, over)
      await expect(agent.ask({ type: 'reply', packet })).rejects.toEqual(refusedWith('FIELD_INVALID'))
    }
    await world.close()
  })

  it('that ends an attempt well is refused once another attempt ended well', async () => {
    const { world, agents, sender } = await setup({ acceptMs: 1_000 })
    await world.publish([ruleFor('misty.weave', agents)])
    const late = attachAgent(world, agents[0], 'silent')
    const request = await sender.request(agents)
    await sender.post(request.bytes)
    await world.until(() => late.delivered.length > 0)
    attachAgent(world, agents[1])
    const stateOf = async () => (await world.stores.packets.find(toHex(request.id)))?.record
    await world.until(async () => (await stateOf())?.attempts[1]?.state === 'closed', 100)
    const { instance, identity, name } = agents[0]
    const responseNonce = new Uint8Array(32).fill(1)
    const keys = deriveReplyKeys(request.replySecrets.get(name) as ReplySecret, responseNonce)
    const from = { request, sender: instance, senderKey: identity.packet.publicKey, nowMs: world.clock.nowMs }
    const draft = { ...from, place: late.sequence.next(), attempt: 1, responseNonce, code: OUTCOMES.STOP }
    const content = { frames: 1, root: new Uint8Array(32), answerCommitment: new Uint8Array(32) }
    const { bytes } = await sealClose(draft, content, keys, identity.packet)
    await expect(late.ask({ type: 'reply', packet: bytes })).rejects.toEqual(refusedWith('REPLAYED'))
    await world.close()
  })

  it('has its place: one OPEN, one end, and no refusal of what runs', async () => {
    const { world, agents, submit, ack, attemptState } = await setup()
    const agent = attachAgent(world, agents[0], 'open-then-hang')
    const request = await submit()
    await world.until(async () => (await attemptState(request.id)) === 'opened')
    await world.nexus.idle()
    const responseNonce = new Uint8Array(32).fill(1)
    const keys = deriveReplyKeys(request.replySecrets.get(agents[0].name) as ReplySecret, responseNonce)
    const { instance, identity } = agents[0]
    const draft = () => ({
      request,
      sender: instance,
      senderKey: identity.packet.publicKey,
      nowMs: world.clock.nowMs,
      place: agent.sequence.next(),
      attempt: 1,
      responseNonce,
    })
    const take = (packet: Uint8Array) => agent.ask({ type: 'reply', packet })
    const open = await sealOpen(draft(), { modelStatement: Uint8Array.of(1) }, keys, identity.packet)
    await expect(take(open.bytes)).rejects.toEqual(refusedWith('REPLAYED'))
    const nack = { kind: KINDS.NACK, code: CODES.AGENT_BUSY.wire }
    await expect(take(await ack(agents[0], agent, request, 1, nack))).rejects.toEqual(refusedWith('REPLAYED'))
    const content = { frames: 1, root: new Uint8Array(32), answerCommitment: new Uint8Array(32) }
    const close = () => sealClose({ ...draft(), code: OUTCOMES.STOP }, content, keys, identity.packet)
    expect(await take((await close()).bytes)).toHaveLength(1)
    await expect(take((await close()).bytes)).rejects.toEqual(refusedWith('REPLAYED'))
    await world.close()
  })

  it('may come late: its clock is not asked', async () => {
    const { world, agents, submit, ack } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const packet = await ack(agents[0], agent, await submit(), 1)
    world.clock.nowMs += 600_000
    expect(await agent.ask({ type: 'reply', packet })).toHaveLength(1)
    await world.close()
  })
})

describe('frames', () => {
  const frameOf = (streamId: Uint8Array, i: number) => encode(Frame, { streamId, i, ct: new Uint8Array(80) })

  it('of a stream whose OPEN is not confirmed, of another agent, or out of order are dropped', async () => {
    const { world, agents, submit, attemptState } = await setup()
    const agent = attachAgent(world, agents[0], 'open-then-hang')
    const other = attachAgent(world, agents[1], 'silent')
    const request = await submit()
    await world.until(async () => (await attemptState(request.id)) === 'opened')
    await world.nexus.idle()
    const record = (await world.stores.packets.find(toHex(request.id)))?.record
    const open = record?.replies.find(({ kind }) => kind === 'STREAM_OPEN')?.draft.subject as Uint8Array
    const say = (from: ScriptedAgent, frame: Uint8Array) => from.say({ type: 'frame', request: request.id, frame })
    say(agent, frameOf(new Uint8Array(32), 0))
    say(other, frameOf(open, 0))
    say(agent, frameOf(open, 1))
    say(agent, frameOf(open, 0))
    say(agent, frameOf(open, 0))
    say(agent, new Uint8Array(70_000))
    await world.nexus.idle()
    const frames = (await world.stores.answers.read(toHex(request.id), 0, 100, 1e6)).filter(
      ({ type }) => type === 'frame',
    )
    expect(frames.map(({ frame }) => frame)).toEqual([0])
    const metrics = world.metrics.render([])
    for (const reason of ['stream', 'order', 'size'])
      expect(metrics).toContain(`weave_frames_dropped_total{reason="${reason}"}`)
    await world.close()
  })

  it('of a stream checkpoint by another key are dropped', async () => {
    const { world, agents, submit, attemptState } = await setup()
    const agent = attachAgent(world, agents[0], 'open-then-hang')
    const request = await submit()
    await world.until(async () => (await attemptState(request.id)) === 'opened')
    await world.nexus.idle()
    const record = (await world.stores.packets.find(toHex(request.id)))?.record
    const streamId = record?.replies.find(({ kind }) => kind === 'STREAM_OPEN')?.draft.subject as Uint8Array
    const body = encode(StreamCheckpoint, { network, streamId, size: 1, root: new Uint8Array(32), createdMs: 1 })
    for (const signer of [agents[1].identity.packet, agents[0].identity.packet]) {
      agent.say({
        type: 'checkpoint',
        request: request.id,
        document: await signDocument('stream-checkpoint', body, signer),
      })
      await world.nexus.idle()
      const kept = (await world.stores.answers.read(toHex(request.id), 0, 100, 1e6)).filter(
        ({ type }) => type === 'checkpoint',
      )
      expect(kept).toHaveLength(signer === agents[0].identity.packet ? 1 : 0)
    }
    await world.close()
  })
})

describe('fetching an answer', () => {
  it('is refused to strangers, with a used nonce, out of time, for another packet or router', async () => {
    const { world, submit, sender } = await setup()
    const stranger = senderOf(world, await partyOf(150, world.clock.nowMs))
    await world.enrol(stranger.party)
    const { id } = await submit()
    expect(await problemOf(await stranger.open(id))).toMatchObject({ status: 401, code: 'KEY_UNKNOWN' })
    const nonce = new Uint8Array(16).fill(7)
    const first = await sender.open(id, { nonce })
    await first.body?.cancel()
    expect(await problemOf(await sender.open(id, { nonce }))).toMatchObject({ code: 'REPLAYED' })
    expect(await problemOf(await sender.open(id, { createdMs: world.clock.nowMs - 120_001 }))).toMatchObject({
      code: 'CLOCK_SKEWED',
    })
    expect(await problemOf(await sender.open(id, { packetId: new Uint8Array(32) }))).toMatchObject({
      code: 'NOT_PERMITTED',
    })
    expect(await problemOf(await sender.open(id, { audience: 'log.test/other' }))).toMatchObject({
      code: 'NOT_PERMITTED',
    })
    expect(await problemOf(await sender.open(id, { network: new Uint8Array(32) }))).toMatchObject({
      code: 'NETWORK_MISMATCH',
    })
    expect(await problemOf(await sender.open(new Uint8Array(32)))).toMatchObject({
      status: 404,
      code: 'ANSWER_UNKNOWN',
    })
    const bare = await world.app.request(`/v1/packets/${toHex(id)}/answer`)
    expect(await problemOf(bare)).toMatchObject({ code: 'SIGNATURE_INVALID' })
    await world.close()
  })

  it('goes on from a frame; packets and receipts come again', async () => {
    const { world, agents, submit, sender } = await setup()
    attachAgent(world, agents[0])
    const request = await submit()
    await recordsOf(world, await sender.open(request.id))
    const rest = await recordsOf(world, await sender.open(request.id, { from: 1 }))
    const frames = rest.filter(({ type }) => type === 'frame').map(({ value }) => decode(Frame, value).i ?? 0)
    expect(frames).toEqual([1])
    expect(rest.filter(({ type }) => type === 'packet')).toHaveLength(3)
    await world.close()
  })

  it('has every frame before its CLOSE, however fast they come', async () => {
    const { world, agents, submit, sender } = await setup()
    attachAgent(world, agents[0], 'burst')
    const { id } = await submit()
    const types = (await recordsOf(world, await sender.open(id))).map(({ type }) => type)
    expect(types.filter((type) => type === 'frame')).toHaveLength(40)
    // The last packet is the CLOSE.
    expect(types.lastIndexOf('frame')).toBeLessThan(types.lastIndexOf('packet'))
    await world.close()
  })

  it('hears a heartbeat at once, and the agent’s words', async () => {
    const { world, agents, submit, sender } = await setup()
    const agent = attachAgent(world, agents[0], 'silent')
    const { id } = await submit()
    agent.say({ type: 'heartbeat', request: id, text: 'queued 3' })
    const reader = (await sender.open(id)).body?.getReader()
    const chunk = await reader?.read()
    expect(new TextDecoder().decode(chunk?.value?.subarray(5))).toBe('queued 3')
    await reader?.cancel()
    await world.close()
  })
})

describe('a routing table', () => {
  it('signed by the router, rolled back, skipping a number or out of time is refused', async () => {
    const { world, agents } = await setup()
    const rules = [ruleFor('misty.weave', [agents[0]])]
    const current = (await world.nexus.tables.known())[0]
    const at = { network, rules, notBeforeMs: 1, expiresMs: world.clock.nowMs + 1e6, createdMs: 1 }
    const next = { ...at, version: 2n, previous: current?.digest }
    await expect(world.nexus.publishTable(await signRoutingTable(next, nexusSigner))).rejects.toEqual(
      refusedWith('TABLE_INVALID'),
    )
    await expect(world.publish(rules, { version: 1n, previous: undefined, createdMs: 5 })).rejects.toEqual(
      refusedWith('TABLE_ROLLED_BACK'),
    )
    await expect(world.publish(rules, { version: 3n })).rejects.toEqual(refusedWith('TABLE_INVALID'))
    await expect(world.publish(rules, { previous: new Uint8Array(32) })).rejects.toEqual(refusedWith('TABLE_INVALID'))
    await expect(world.publish(rules, { expiresMs: world.clock.nowMs })).rejects.toEqual(refusedWith('TABLE_STALE'))
    const document = await signRoutingTable(next, tableSigner)
    const receipt = await world.nexus.publishTable(document)
    expect(await world.nexus.publishTable(document)).toEqual(receipt)
    await world.close()
  })

  it('is not said to be in force where another came meanwhile', async () => {
    const stores = memoryStores({ queueLimit: 1_000 })
    const tables = { ...stores.tables, push: async () => 'conflict' as const }
    const world = await openWorld(worldState({ ...stores, tables }))
    await expect(world.publish([])).rejects.toThrow(/another one came into force meanwhile/)
    await world.close()
  })

  it('signed by a key that the router holds is refused although the trust file names it', async () => {
    const { createTables } = await import('../src/dispatch/tables.ts')
    const { createDesk } = await import('../src/dispatch/desk.ts')
    const { world } = await setup()
    const desk = createDesk({
      trust: { ...trust, tableSigners: [nexusSigner.publicKey] },
      ownKeys: [nexusSigner.publicKey],
    } as never)
    const table = { network, version: 1n, rules: [], notBeforeMs: 1, expiresMs: 2, createdMs: 1 }
    const signed = await signRoutingTable(table, nexusSigner)
    await expect(createTables(desk).publish(signed)).rejects.toThrow(/a key that the router holds/)
    await world.close()
  })

  it('is shown with its receipt and the chains of its candidates', async () => {
    const { world, agents } = await setup()
    const response = await world.app.request('/v1/routes')
    const routes = decode(Routes, new Uint8Array(await response.arrayBuffer()))
    const { digest } = await verifyRoutingTable(routes.routingTable, routes.receipt, { ...trust, network })
    expect(digest).toEqual((await world.nexus.tables.known())[0]?.digest)
    expect(routes.candidates.map(({ events }) => events.length)).toEqual([agents[0].events.length])
    await world.close()
  })
})

describe('enrolment', () => {
  it('of an unknown instance needs an invitation, which enrols one instance only', async () => {
    const { world } = await setup()
    const { inviteHash } = await import('../src/nexus-door.ts')
    const invite = 'a-token-of-some-length'
    await world.stores.invites.add(inviteHash(invite), world.clock.nowMs + 60_000)
    const post = async (seed: number, token?: string) => {
      const { events } = await partyOf(seed, world.clock.nowMs)
      const body = encode(KeyEvents, { events: events.map((event) => decode(SignedKeyEvent, event)), invite: token })
      return world.app.request('/v1/keys', { method: 'POST', body })
    }
    expect(await problemOf(await post(160))).toMatchObject({ status: 403, code: 'NOT_PERMITTED' })
    expect(await problemOf(await post(160, 'another-token-of-length'))).toMatchObject({ code: 'NOT_PERMITTED' })
    const taken = await post(160, invite)
    expect(decode(Receipts, new Uint8Array(await taken.arrayBuffer())).receipts).toHaveLength(3)
    expect((await post(160, invite)).status).toBe(200)
    expect(await problemOf(await post(170, invite))).toMatchObject({ code: 'NOT_PERMITTED' })
    await world.close()
  })
})

describe('readiness', () => {
  it('needs an agent whose canary came within 24 s, by our clock', async () => {
    const { world, agents } = await setup()
    const ready = async () => (await world.app.request('/readyz')).status
    expect(await ready()).toBe(503)
    attachAgent(world, agents[0])
    expect(await ready()).toBe(200)
    world.clock.nowMs += 24_000
    expect(await ready()).toBe(200)
    world.clock.nowMs += 1
    expect(await ready()).toBe(503)
    // The clock of another machine may be an hour ahead: what counts is when its word came, and that it was a new one.
    const link = attachAgent(world, agents[0])
    const tell = (canaryMs: number) =>
      link.say({ type: 'presence', running: 0, queued: 0, canaryMs, draining: false, tokensPerSecond: 0 })
    const ahead = world.clock.nowMs + 3_600_000
    tell(ahead)
    world.clock.nowMs += 20_000
    tell(ahead)
    expect(await ready()).toBe(200)
    world.clock.nowMs += 4_001
    expect(await ready()).toBe(503)
    tell(ahead + 1)
    expect(await ready()).toBe(200)
    expect((await world.app.request('/health')).status).toBe(200)
    expect(await (await world.app.request('/metrics')).text()).toContain('weave_commit_seconds_bucket')
    await world.close()
  })
})

describe('what is written down', () => {
  it('names packets and stages, and holds nothing of a body, a key or a token', async () => {
    const { world, agents, submit, sender } = await setup()
    attachAgent(world, agents[0])
    const request = await submit()
    await recordsOf(world, await sender.open(request.id))
    await sender.post(new TextEncoder().encode('plaintext-secret'))
    const lines = world.state.lines.join('')
    expect(lines).toContain(toHex(request.id))
    const stages = world.state.lines
      .map((line) => JSON.parse(line) as { stage: string; packet?: string })
      .filter(({ packet }) => packet === toHex(request.id))
    expect(stages.map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['submit', 'route', 'commit', 'release', 'deliver', 'finish']),
    )
    for (const secret of [
      'plaintext-secret',
      toHex(agents[0].kem.privateKey),
      Buffer.from(request.bytes).toString('base64').slice(20, 60),
    ]) {
      expect(lines).not.toContain(secret)
    }
    await world.close()
  })

  it('keeps the message of a foreign error out of lines and answers', async () => {
    const { world, sender, agents } = await setup()
    world.stores.packets.find = async () => {
      throw new Error('token=hunter2')
    }
    const response = await sender.post((await sender.request([agents[0]])).bytes)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('hunter2')
    expect(world.state.lines.join('')).not.toContain('hunter2')
    expect(world.state.lines.join('')).toContain('"stage":"http"')
    await world.close()
  })
})
