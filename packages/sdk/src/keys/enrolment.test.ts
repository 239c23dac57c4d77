import { expect, it } from 'vitest'
import { chainOf, delegate, digestOf, operational, packet, packetKey, root, successor } from '../../test/key-story.ts'
import { delegationInForce, enrolmentEvents, needsPacketKey, packetKeyEvent } from './enrolment.ts'
import { nextKeyHash, parseKeyEvent } from './event.ts'
import type { Identity } from './identity.ts'

const identity = { instance: new Uint8Array(32), root, operational, packet: packetKey } as unknown as Identity
const notAfterMs = 10_000_000

it('asks for another event of the packet key once another delegation is in force', async () => {
  const first = await delegate()
  const known = await packet(first, { notAfterMs })
  expect(needsPacketKey(await chainOf(first, known), identity, 1_000)).toBe(false)
  const next = await delegate({ prev: digestOf(first), operational: successor })
  const rotated = await chainOf(first, known, next)
  expect(needsPacketKey(rotated, identity, 1_000)).toBe(true)
  expect(delegationInForce(rotated, identity)).toBeUndefined()
  expect(delegationInForce(rotated, { ...identity, operational: successor })).toEqual(digestOf(next))
})

it('announces the operational key that must come next', async () => {
  const hash = nextKeyHash(successor.publicKey)
  const place = { network: new Uint8Array(32), nowMs: 1_000 }
  const [delegation] = await enrolmentEvents(identity, { ...place, nextKeyHash: hash })
  expect(parseKeyEvent(delegation!).nextKeyHash).toEqual(hash)
  const [bare] = await enrolmentEvents(identity, place)
  expect(parseKeyEvent(bare!).nextKeyHash).toBeUndefined()
})

it('makes no events without the keys that sign them', async () => {
  const place = { network: new Uint8Array(32), nowMs: 1_000 }
  const missing = /the identity has no root and operational key/
  await expect(enrolmentEvents({ ...identity, root: undefined }, place)).rejects.toThrow(missing)
  await expect(enrolmentEvents({ ...identity, operational: undefined }, place)).rejects.toThrow(missing)
  const event = packetKeyEvent({ ...identity, operational: undefined }, new Uint8Array(32), place)
  await expect(event).rejects.toThrow(/the identity has no operational key/)
})
