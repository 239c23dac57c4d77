// Delivery, attempts, endings: what happens to a request that was taken in.

import { codeOfWire } from '@mystranet/schemas/codes'
import { decode, Notice, SignedDocument } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { parsePacket, verifyDocument } from '@mystranet/sdk/envelope'
import { parseLeaf } from '@mystranet/sdk/proof/leaf'
import { describe, expect, it } from 'vitest'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import type { PacketStore } from '../src/ports.ts'
import {
  attachAgent,
  nexusSigner,
  openWorld,
  partyOf,
  problemOf,
  recordsOf,
  ruleFor,
  senderOf,
  worldState,
} from './router-world.ts'

async function setup(config = {}, count = 1, state = worldState()) {
  const world = await openWorld(state, config)
  const agents = await Promise.all(Array.from({ length: count }, (_, i) => partyOf(10 + 10 * i, world.clock.nowMs)))
  const sender = senderOf(world, await partyOf(100, world.clock.nowMs))
  await world.enrol(sender.party)
  for (const agent of agents) await world.enrol(agent)
  await world.publish([ruleFor('misty.weave', agents)])
  const submit = async (over = {}) => {
    const request = await sender.request(agents, over)
    const response = await sender.post(request.bytes)
    if (!response.ok) throw new Error(await response.text())
    return request
  }
  const kinds = () => world.state.disk.entries.map(({ leaf }) => parseLeaf(leaf).kind)
  const stateOf = async (id: Uint8Array) => (await world.stores.packets.find(toHex(id)))?.record
  const noticeOf = async (records: readonly { type: string; value: Uint8Array }[]) => {
    const { value } = records.find(({ type }) => type === 'notice') as { value: Uint8Array }
    const document = await verifyDocument('notice', value)
    expect(document.key).toEqual(nexusSigner.publicKey)
    return decode(Notice, decode(SignedDocument, value).body)
  }
  return { world, agents, sender, submit, kinds, stateOf, noticeOf }
}

describe('attempts', () => {
  it('go to the next candidate after a signed NACK that ran nothing', async () => {
    const { world, agents, submit, sender } = await setup({}, 2)
    const [first, second] = agents.map((party) => attachAgent(world, party))
    if (first === undefined || second === undefined) throw new Error('no agents')
    first.behaviour = { nack: 'AGENT_BUSY' }
    const request = await submit()
    const records = await recordsOf(world, await sender.open(request.id))
    expect([first.delivered.length, second.delivered.length]).toEqual([1, 1])
    // The NACK that another attempt followed is not shown.
    const kinds = records.filter(({ type }) => type === 'packet').map(({ value }) => parsePacket(value).kind)
    expect(kinds).toEqual(['ACK', 'STREAM_OPEN', 'STREAM_CLOSE'])
    await world.close()
  })

  it('wait for accept_by and two seconds more before a silent agent is passed over', async () => {
    const { world, agents, submit, stateOf } = await setup({ acceptMs: 5_000 }, 2)
    const [first, second] = agents.map((party) => attachAgent(world, party, 'silent'))
    const request = await submit()
    await world.until(() => first?.delivered.length === 1)
    const acceptByMs = (await stateOf(request.id))?.attempts[0]?.acceptByMs as number
    world.clock.nowMs = acceptByMs + 1_999
    await world.nexus.tick()
    expect(second?.delivered).toEqual([])
    world.clock.nowMs = acceptByMs + 2_000
    await world.until(() => second?.delivered.length === 1)
    expect((await stateOf(request.id))?.attempts.map(({ state }) => state)).toEqual(['late', 'made'])
    await world.close()
  })

  it('end after core.retry.max_attempts, in a dead letter with the reasons of all', async () => {
    const { world, agents, submit, sender, kinds, noticeOf, stateOf } = await setup({}, 1)
    attachAgent(world, agents[0] as (typeof agents)[0], { nack: 'AGENT_BUSY' })
    const request = await submit({ retry: { maxAttempts: 2 } })
    await world.until(async () => (await stateOf(request.id))?.state === 'dead', 50)
    const notice = await noticeOf(await recordsOf(world, await sender.open(request.id)))
    expect(notice.attempts.map(({ attempt, code }) => [attempt, codeOfWire(code)])).toEqual([
      [1, 'AGENT_BUSY'],
      [2, 'AGENT_BUSY'],
    ])
    expect(notice.attempts.every(({ reply }) => reply?.length === 32)).toBe(true)
    expect(kinds().slice(-5)).toEqual(['attempt', 'nack', 'attempt', 'nack', 'dead-letter'].slice(-5))
    expect(await world.nexus.dead.list()).toHaveLength(1)
    await world.close()
  })

  it('are not made after an OPEN unless the sender allows it', async () => {
    const { world, agents, submit, stateOf } = await setup({ leaseMs: 500 }, 2)
    for (const party of agents) attachAgent(world, party, 'open-then-hang')
    const request = await submit()
    await world.until(async () => (await stateOf(request.id))?.attempts[0]?.state === 'opened')
    world.clock.nowMs = request.core.expiresMs + 29_000
    await world.nexus.tick()
    expect((await stateOf(request.id))?.attempts).toHaveLength(1)
    await world.close()
  })

  it('show a refusal that no retry can mend as the answer', async () => {
    const { world, agents, submit, sender } = await setup()
    attachAgent(world, agents[0] as (typeof agents)[0], { nack: 'CONTENT_INVALID' })
    const records = await recordsOf(world, await sender.open((await submit()).id))
    expect(records.map(({ type }) => type)).toEqual(['agent-keys', 'attempt-receipt', 'packet', 'receipt', 'end'])
    await world.close()
  })

  it('stop after max_deliver deliveries that nobody accepted; it is dead when its agent may no longer take it up', async () => {
    const { world, agents, submit, sender, noticeOf, stateOf } = await setup({ maxDeliver: 2, leaseMs: 500 })
    const agent = attachAgent(world, agents[0] as (typeof agents)[0], 'silent')
    const request = await submit()
    await world.until(() => agent.delivered.length === 2, 200)
    world.clock.nowMs = request.core.expiresMs - 1_000
    for (let n = 0; n < 5; n++) await world.nexus.tick()
    // It may hold one of the two and run it yet.
    expect((await stateOf(request.id))?.state).toBe('released')
    world.clock.nowMs = request.core.expiresMs + 3_000
    await world.until(async () => (await stateOf(request.id))?.state === 'dead', 200)
    expect(agent.delivered).toHaveLength(2)
    const notice = await noticeOf(await recordsOf(world, await sender.open(request.id)))
    expect(codeOfWire(notice.code)).toBe('PACKET_EXPIRED')
    await world.close()
  })
})

describe('a dead letter', () => {
  it('is replayed as a new attempt until it expires, and dropped', async () => {
    const { world, agents, submit, sender, kinds, stateOf } = await setup()
    const agent = attachAgent(world, agents[0] as (typeof agents)[0], { nack: 'AGENT_BUSY' })
    const request = await submit({ retry: { maxAttempts: 1 } })
    await world.until(async () => (await stateOf(request.id))?.state === 'dead', 10)
    agent.behaviour = 'answer'
    await world.nexus.dead.replay(toHex(request.id))
    await world.until(async () => (await stateOf(request.id))?.state === 'finished')
    expect(kinds()).toContain('replay')
    expect(await world.nexus.dead.list()).toEqual([])
    await expect(world.nexus.dead.replay(toHex(request.id))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const again = await submit({ retry: { maxAttempts: 1 } })
    agent.behaviour = { nack: 'AGENT_BUSY' }
    void sender
    await world.until(async () => (await stateOf(again.id))?.state !== 'released', 10)
    await world.close()
  })

  it('is not replayed after its packet expired', async () => {
    const { world, agents, submit, stateOf } = await setup()
    attachAgent(world, agents[0] as (typeof agents)[0], { nack: 'AGENT_BUSY' })
    const request = await submit({ retry: { maxAttempts: 1 } })
    await world.until(async () => (await stateOf(request.id))?.state === 'dead', 10)
    world.clock.nowMs = request.core.expiresMs
    await expect(world.nexus.dead.replay(toHex(request.id))).rejects.toMatchObject({ code: 'PACKET_EXPIRED' })
    expect(await world.nexus.dead.drop(toHex(request.id))).toBe(true)
    await world.close()
  })
})

describe('CANCEL', () => {
  it('takes back what no agent had, and says so by a notice', async () => {
    const { world, submit, sender, noticeOf, kinds } = await setup()
    const request = await submit()
    const response = await sender.post((await sender.cancel(request)).bytes)
    expect(response.status).toBe(202)
    const notice = await noticeOf(await recordsOf(world, await sender.open(request.id)))
    expect(codeOfWire(notice.code)).toBe('CANCELLED')
    expect(kinds().at(-1)).toBe('cancel')
    await world.close()
  })

  it('is forwarded to the agent at once, and again when it comes back', async () => {
    const { world, agents, submit, sender, stateOf } = await setup()
    const party = agents[0] as (typeof agents)[0]
    const agent = attachAgent(world, party, 'hang')
    const request = await submit()
    await world.until(async () => (await stateOf(request.id))?.attempts[0]?.state === 'accepted')
    const cancel = await sender.cancel(request)
    await sender.post(cancel.bytes)
    expect(agent.heard.filter(({ type }) => type === 'cancel')).toHaveLength(1)
    agent.lost()
    const back = attachAgent(world, party, 'hang')
    await world.until(() => back.heard.some(({ type }) => type === 'cancel'))
    const types = back.heard.map(({ type }) => type)
    expect(types.indexOf('cancel')).toBeLessThan(types.includes('deliver') ? types.indexOf('deliver') : 99)
    await world.close()
  })

  it('of a stranger is refused, and reaches no agent', async () => {
    const { world, agents, submit, stateOf } = await setup()
    const agent = attachAgent(world, agents[0] as (typeof agents)[0], 'hang')
    const stranger = senderOf(world, await partyOf(150, world.clock.nowMs))
    await world.enrol(stranger.party)
    const request = await submit()
    await world.until(async () => (await stateOf(request.id))?.attempts[0]?.state === 'accepted')
    const refused = await problemOf(await stranger.post((await stranger.cancel(request)).bytes))
    expect(refused).toMatchObject({ status: 403, code: 'NOT_PERMITTED' })
    expect(agent.heard.some(({ type }) => type === 'cancel')).toBe(false)
    await world.close()
  })
})

describe('an answer that nobody reads', () => {
  it('is abandoned 30 s after its reader left, and not if it came back', async () => {
    const { world, agents, submit, sender, stateOf } = await setup({ abandonMs: 30_000 })
    const agent = attachAgent(world, agents[0] as (typeof agents)[0], 'open-then-hang')
    const request = await submit()
    await world.until(async () => (await stateOf(request.id))?.attempts[0]?.state === 'opened')
    const isAbandoned = () => agent.heard.some(({ type }) => type === 'abandon')
    const first = await sender.open(request.id)
    await first.body?.cancel()
    world.clock.nowMs += 29_000
    const second = await sender.open(request.id)
    world.clock.nowMs += 2_000
    await world.nexus.tick()
    expect(isAbandoned()).toBe(false)
    await second.body?.cancel()
    world.clock.nowMs += 29_999
    await world.nexus.tick()
    expect(isAbandoned()).toBe(false)
    world.clock.nowMs += 1
    await world.until(isAbandoned)
    await world.close()
  })
})

describe('a request that was logged and never sent', () => {
  it('is void 30 s after it expired, and says so', async () => {
    const { world, agents, sender, kinds, stateOf } = await setup({ commitDeadlineMs: 1_000 })
    world.state.witnessAnswers = false
    const request = await sender.request(agents)
    expect(await problemOf(await sender.post(request.bytes))).toMatchObject({ code: 'LOG_UNCONFIRMED' })
    world.state.witnessAnswers = true
    await new Promise((resolve) => setTimeout(resolve, 250))
    world.clock.nowMs = request.core.expiresMs + 29_999
    await world.nexus.tick()
    expect(kinds()).not.toContain('void')
    world.clock.nowMs += 1
    await world.until(() => kinds().includes('void'))
    expect((await stateOf(request.id))?.state).toBe('void')
    expect(await problemOf(await sender.post(request.bytes))).toMatchObject({ code: 'PACKET_EXPIRED' })
    await world.close()
  })
})

describe('a request that expired while it was logged', () => {
  it('is not carried on by the same packet', async () => {
    const { world, agents, sender, stateOf } = await setup({ commitDeadlineMs: 1_000 })
    world.state.witnessAnswers = false
    const request = await sender.request(agents)
    expect(await problemOf(await sender.post(request.bytes))).toMatchObject({ code: 'LOG_UNCONFIRMED' })
    world.state.witnessAnswers = true
    world.clock.nowMs = request.core.expiresMs
    expect(await problemOf(await sender.post(request.bytes))).toMatchObject({ code: 'PACKET_EXPIRED' })
    expect((await stateOf(request.id))?.state).toBe('prepared')
    await world.close()
  })

  it('is not released where another router had given it up: its sender gets the receipt that the log has', async () => {
    const stores = memoryStores({ queueLimit: 1_000 })
    let isVoid = false
    const packets: PacketStore = {
      ...stores.packets,
      async replace(revision, next) {
        if (next.state !== 'released' || isVoid) return stores.packets.replace(revision, next)
        isVoid = true
        await stores.packets.replace(revision, { ...next, state: 'void', receipt: undefined })
        return 'conflict'
      },
    }
    const { world, agents, sender } = await setup({}, 1, worldState({ ...stores, packets }))
    const request = await sender.request(agents)
    expect((await sender.post(request.bytes)).status).toBe(200)
    expect(world.state.lines.some((line) => line.includes('"release"'))).toBe(false)
    await world.close()
  })
})

describe('the router, killed and opened again', () => {
  it('delivers what it had given a receipt for, once', async () => {
    const first = await setup()
    const request = await first.submit()
    const world = await openWorld(first.world.state)
    const agent = attachAgent(world, first.agents[0] as (typeof first.agents)[0])
    await world.until(async () => (await world.stores.packets.find(toHex(request.id)))?.record.state === 'finished')
    expect(agent.delivered).toEqual([toHex(request.id)])
    await world.close()
  })
})
