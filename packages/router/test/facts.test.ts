// What a watch is told of packets: taken, known, refused; requests and what replies to them.
import type { PacketFact } from '@mystranet/detector/anomaly'
import { toHex } from '@mystranet/sdk/bytes'
import { describe, expect, it } from 'vitest'
import { tellPacket } from '../src/dispatch/tell.ts'
import { attachAgent, openWorld, partyOf, recordsOf, ruleFor, senderOf, worldState } from './router-world.ts'

async function setup() {
  const world = await openWorld(worldState())
  const agent = await partyOf(10, world.clock.nowMs)
  const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
  await world.enrol(sender.party)
  await world.enrol(agent)
  await world.publish([ruleFor('misty.weave', [agent])])
  return { world, agent, sender, request: () => sender.request([agent]) }
}

const said = ({ kind, outcome }: PacketFact) => `${kind} ${outcome}`

describe('the facts of a router', () => {
  it('tell of a request that is taken, and of the same again, with its number and size', async () => {
    const { world, sender, request } = await setup()
    const sealed = await request()
    for (let i = 0; i < 2; i++) expect((await sender.post(sealed.bytes)).status).toBeLessThan(300)
    expect(world.facts.map(said)).toEqual(['REQUEST taken', 'REQUEST known'])
    expect(world.facts[0]).toMatchObject({
      id: sealed.id,
      sender: sealed.core.sender,
      senderKey: sealed.core.senderKey,
      epoch: sealed.core.epoch,
      seq: sealed.core.seq,
      target: 'misty.weave',
      bytes: sealed.bytes.length,
    })
  })

  it('tell of a refusal by its code', async () => {
    const { world, sender, request } = await setup()
    const sealed = await request()
    world.clock.nowMs += 400_000
    expect((await sender.post(sealed.bytes)).status).toBeGreaterThan(399)
    expect(world.facts).toMatchObject([{ kind: 'REQUEST', outcome: 'CLOCK_SKEWED', seq: sealed.core.seq }])
  })

  it('tell of each reply once its leaf is there, of a CLOSE with the bytes of its frames', async () => {
    const { world, agent, sender, request } = await setup()
    attachAgent(world, agent)
    const sealed = await request()
    await sender.post(sealed.bytes)
    const records = await recordsOf(world, await sender.open(sealed.id))
    await world.until(() => world.facts.some(({ kind }) => kind === 'STREAM_CLOSE'))
    const replies = world.facts.filter(({ kind }) => kind !== 'REQUEST')
    expect(replies.map(said).toSorted()).toEqual(
      expect.arrayContaining(['ACK taken', 'STREAM_CLOSE taken', 'STREAM_OPEN taken']),
    )
    expect(new Set(replies.map(({ sender }) => toHex(sender)))).toEqual(new Set([agent.name]))
    const frames = records.filter(({ type }) => type === 'frame')
    expect(frames.length).toBeGreaterThan(0)
    const frameBytes = frames.reduce((all, { value }) => all + value.length, 0)
    const packets = records.filter(({ type }) => type === 'packet').map(({ value }) => value.length)
    expect(packets.map((bytes) => bytes + frameBytes)).toContain(
      replies.find(({ kind }) => kind === 'STREAM_CLOSE')?.bytes,
    )
  })

  it('go no further when whoever is told throws', async () => {
    const { request } = await setup()
    const { id, core } = await request()
    const counted: unknown[] = []
    const desk = {
      nowMs: () => 1,
      metrics: { count: (...given: unknown[]) => void counted.push(given) },
      onPacket: () => {
        throw new Error('broken')
      },
    }
    tellPacket(desk, { kind: 'REQUEST', id, core } as never, 1, 'taken')
    expect(counted).toEqual([['weave_faults_total', { stage: 'packets' }]])
  })
})
