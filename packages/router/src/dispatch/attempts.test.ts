import { describe, expect, it } from 'vitest'
import { openWorld, partyOf, ruleFor, senderOf } from '../../test/router-world.ts'
import type { RequestRecord } from '../ports.ts'
import { createAttempts } from './attempts.ts'
import { createDesk, type Desk, type NexusDeps } from './desk.ts'
import type { Keyring } from './keyring.ts'

const receipt = new Uint8Array(1)
const code = (name: string) => expect.objectContaining({ code: name })

async function released(): Promise<RequestRecord> {
  const world = await openWorld()
  const agent = await partyOf(10, world.clock.nowMs)
  const sender = senderOf(world, await partyOf(100, world.clock.nowMs))
  for (const party of [sender.party, agent]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', [agent])])
  const { bytes, id } = await sender.request([agent])
  await world.close()
  const attempt = {
    number: 1,
    agent: agent.name,
    rule: 'r',
    acceptByMs: 1,
    addendum: receipt,
    state: 'made',
    receipt,
  } as const
  const usual = { expiresMs: 1, state: 'released', addendum: receipt, receipt, endedMs: 0 } as const
  return { id: Buffer.from(id).toString('hex'), packet: bytes, ...usual, attempts: [attempt], replies: [], notices: [] }
}

describe('an attempt', () => {
  const published: unknown[] = []
  const queue = { publish: async (item: unknown) => void published.push(item) }
  const attemptsWith = (senderKeys: Uint8Array) =>
    createAttempts(
      { queue, nowMs: () => 1 } as unknown as Desk,
      { excerpt: async () => senderKeys } as unknown as Keyring,
    )

  it('is not queued before the receipts of its request and of itself are kept', async () => {
    const record = await released()
    const { publish } = attemptsWith(new Uint8Array(0))
    const bare = record.attempts.map((each) => ({ ...each, receipt: undefined }))
    await expect(publish({ ...record, receipt: undefined })).rejects.toThrow(code('STORE_FAILED'))
    await expect(publish({ ...record, attempts: bare })).rejects.toThrow(code('STORE_FAILED'))
    expect(published).toEqual([])
  })
})

describe('a change of a request', () => {
  const stored = { revision: 1, record: {} }
  it.each<[string, object, RegExp]>([
    ['is gone', { find: async () => undefined }, /it is gone/],
    ['others change all the time', { find: async () => stored, replace: async () => 'conflict' }, /others changed it/],
  ])('that %s fails', async (_, packets, why) => {
    const desk = createDesk({ packets } as unknown as NexusDeps)
    await expect(desk.change('id', (record) => record)).rejects.toThrow(why)
  })
})
