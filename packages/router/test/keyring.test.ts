// What the key directory refuses to take in.

import { MAX_CHAIN_EVENTS } from '@mystranet/schemas/limits'
import { decode, encode, SignedKeyEvent } from '@mystranet/schemas/messages'
import { keyEventDigest, signDelegation, signPacketKey } from '@mystranet/sdk/keys/event'
import { describe, expect, it } from 'vitest'
import { memoryStores } from '../src/adapters/memory/stores.ts'
import type { Desk } from '../src/dispatch/desk.ts'
import { createKeyring } from '../src/dispatch/keyring.ts'
import { network, openWorld, type Party, partyOf, trust, worldState } from './router-world.ts'

const anyone = async () => true
const refused = (message: RegExp) => expect.objectContaining({ message: expect.stringMatching(message) })

async function setup(state = worldState()) {
  const world = await openWorld(state)
  const party = await partyOf(10, world.clock.nowMs)
  const at = { network, createdMs: world.clock.nowMs, notAfterMs: world.clock.nowMs + 3_600_000 }
  return { world, party, at, enrol: (events: readonly Uint8Array[]) => world.nexus.enrol(events, anyone) }
}

const firstOf = ({ events: [first] }: Party) => first as Uint8Array
const decodeBody = (event: Uint8Array) => decode(SignedKeyEvent, event).body

describe('enrolment', () => {
  it('of nothing, or of more than a chain holds, is refused', async () => {
    const { world, party, enrol } = await setup()
    await expect(enrol([])).rejects.toEqual(refused(/no key events/))
    const many = Array.from({ length: MAX_CHAIN_EVENTS + 1 }, () => firstOf(party))
    await expect(enrol(many)).rejects.toEqual(refused(/257 events, wanted at most 256/))
    await world.close()
  })

  it('of an event more than a chain holds is refused', async () => {
    const { world, party, at, enrol } = await setup()
    const { operational, packet } = party.identity
    if (operational === undefined) throw new Error('no operational key')
    await enrol(party.events)
    const delegation = keyEventDigest(decodeBody(firstOf(party)))
    const hook = { ...at, instance: party.instance, operational, delegation, packetKey: packet }
    const fill = Array.from({ length: MAX_CHAIN_EVENTS - party.events.length + 1 }, async (_, i) =>
      encode(SignedKeyEvent, await signPacketKey({ ...hook, notAfterMs: at.notAfterMs + i })),
    )
    const events = await Promise.all(fill)
    const last = events.pop() as Uint8Array
    await enrol(events)
    await expect(enrol([last])).rejects.toEqual(refused(/256 stand, wanted fewer than 256/))
    await world.close()
  }, 60_000)

  it('of a second successor to one event is refused', async () => {
    const { world, party, at, enrol } = await setup()
    const { root, operational } = party.identity
    if (root === undefined || operational === undefined) throw new Error('no keys')
    await enrol(party.events)
    const prev = keyEventDigest(decodeBody(firstOf(party)))
    const successor = async (name: string) =>
      encode(SignedKeyEvent, await signDelegation({ ...at, root, operational, prev, name }))
    await enrol([await successor('first')])
    await expect(enrol([await successor('second')])).rejects.toEqual(refused(/another one follows the same event/))
    await world.close()
  })

  it('is not said to be done where another process changed the chain', async () => {
    const stores = memoryStores({ queueLimit: 1_000 })
    const keys = { ...stores.keys, replace: async () => 'conflict' as const }
    const { world, party, enrol } = await setup(worldState({ ...stores, keys }))
    await expect(enrol(party.events)).rejects.toEqual(refused(/another process changed the chain/))
    await world.close()
  })
})

it('no chain is shown of whom the directory does not know', async () => {
  const keys = { find: async () => undefined }
  const keyring = createKeyring({ keys, trust } as unknown as Desk)
  const excerpt = keyring.excerpt(new Uint8Array(32), new Uint8Array(32))
  expect(await keyring.offer(new Uint8Array(32))).toBeUndefined()
  await expect(excerpt).rejects.toEqual(refused(/Cannot show a chain: its instance is not enrolled/))
})
