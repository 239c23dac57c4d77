// A CANCEL is bound to its request, and a receipt for it is given only once there is one.

import type { HeaderCore } from '@mystranet/schemas/messages'
import { cancelCore, type RequestDraft, type SealedRequest, signBodiless } from '@mystranet/sdk/packet'
import { describe, expect, it } from 'vitest'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import type { PacketStore } from '../src/ports.ts'
import { openWorld, partyOf, problemOf, ruleFor, senderOf, worldState } from './router-world.ts'

async function setup(state = worldState()) {
  const world = await openWorld(state)
  const agents = await Promise.all([10, 20].map((seed) => partyOf(seed, world.clock.nowMs)))
  const sender = senderOf(world, await partyOf(100, world.clock.nowMs))
  for (const party of [sender.party, ...agents]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', agents)])
  const submit = async (over: Partial<RequestDraft> = {}) => {
    const request = await sender.request(agents, over)
    const response = await sender.post(request.bytes)
    if (!response.ok) throw new Error(await response.text())
    return request
  }
  const cancelWith = async (request: SealedRequest, over: Partial<HeaderCore>) => {
    const { identity, instance } = sender.party
    const from = { sender: instance, senderKey: identity.packet.publicKey }
    const core = cancelCore({ request, ...from, place: sender.sequence.next(), nowMs: world.clock.nowMs })
    const { bytes } = await signBodiless({ ...core, ...over }, identity.packet)
    return problemOf(await sender.post(bytes))
  }
  return { world, agents, sender, submit, cancelWith }
}

describe('a CANCEL', () => {
  it('of an unknown request is refused', async () => {
    const { world, agents, sender } = await setup()
    const unsent = await sender.request(agents)
    const refused = await problemOf(await sender.post((await sender.cancel(unsent)).bytes))
    expect(refused).toMatchObject({ status: 404, code: 'ANSWER_UNKNOWN' })
    await world.close()
  })

  it('with another target or conversation than its request’s is refused', async () => {
    const { world, agents, submit, cancelWith } = await setup()
    const [agent, other] = agents.map(({ instance }) => instance) as [Uint8Array, Uint8Array]
    const byTag = await submit()
    const wrong = { code: 'FIELD_INVALID' }
    expect(await cancelWith(byTag, { targetTag: 'other.weave' })).toMatchObject(wrong)
    expect(await cancelWith(byTag, { targetTag: undefined, targetInstance: agent })).toMatchObject(wrong)
    expect(await cancelWith(byTag, { correlationId: new Uint8Array(16) })).toMatchObject(wrong)
    const byInstance = await submit({ target: { instance: agent } })
    expect(await cancelWith(byInstance, { targetInstance: other })).toMatchObject(wrong)
    await world.close()
  })

  it('gets no receipt while its store shows none', async () => {
    const stores = memoryStores({ queueLimit: 1_000 })
    const forgetful: PacketStore = {
      ...stores.packets,
      async find(id) {
        const stored = await stores.packets.find(id)
        const replies = stored?.record.replies.map((reply) => ({ ...reply, receipt: undefined }))
        return stored && { ...stored, record: { ...stored.record, replies: replies ?? [] } }
      },
    }
    const { world, submit, cancelWith } = await setup(worldState({ ...stores, packets: forgetful }))
    expect(await cancelWith(await submit(), {})).toMatchObject({ code: 'LOG_UNCONFIRMED' })
    await world.close()
  })
})
