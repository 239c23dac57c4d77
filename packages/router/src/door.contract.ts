/** What every door to a nexus does, whatever lies between. */
import { decode, encode, KeyEvents, Packet, Receipts, SignedKeyEvent } from '@mystranet/schemas/messages'
import { fromBase64, fromUtf8, toHex } from '@mystranet/sdk/bytes'
import { createRecordParser } from '@mystranet/sdk/envelope'
import { afterEach, describe, expect, it } from 'vitest'
import { attachAgent, openWorld, partyOf, ruleFor, senderOf, type World } from '../test/router-world.ts'
import type { NexusDoor } from './door.ts'
import { inviteHash } from './nexus-door.ts'

const code = (wanted: string) => expect.objectContaining({ code: wanted })

/** @param open A door to the nexus of a world, and what closes it. */
export function doorContract(
  name: string,
  open: (world: World) => Promise<{ door: NexusDoor; close(): Promise<void> }>,
) {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  async function setup() {
    const world = await openWorld()
    const agent = await partyOf(10, world.clock.nowMs)
    const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
    await world.enrol(sender.party)
    await world.enrol(agent)
    await world.publish([ruleFor('misty.weave', [agent])])
    closing.push(() => world.close())
    const { door, close } = await open(world)
    closing.push(close)
    const fetchOf = async (id: Uint8Array, over = {}) =>
      fromBase64((await sender.fetchOf(id, over)).slice('Weave '.length)) as Uint8Array
    return { world, agent, sender, door, fetchOf }
  }

  describe(`NexusDoor: ${name}`, () => {
    it('takes a packet in once: the same receipt again, and known', async () => {
      const { door, sender, agent, world } = await setup()
      const { bytes } = await sender.request([agent])
      const first = await door.submit(bytes)
      expect(first.known).toBe(false)
      expect(await door.submit(bytes)).toEqual({ receipt: first.receipt, known: true })
      expect(await (await sender.post(bytes)).bytes()).toEqual(first.receipt)
      expect(await world.stores.packets.unfinished()).toHaveLength(1)
    })

    it('carries packets of megabytes', async () => {
      const { door, sender, agent } = await setup()
      const content = { chat: { messages: [{ role: 'user', content: 'x'.repeat(5_000_000) }], tools: [] } as never }
      const { bytes } = await sender.request([agent], { content })
      expect((await door.submit(bytes)).receipt).toEqual(await (await sender.post(bytes)).bytes())
    })

    it('trusts nobody: a forged packet is refused by its code and name, and changes nothing', async () => {
      const { door, sender, agent, world } = await setup()
      const sealed = await sender.request([agent])
      const packet = decode(Packet, sealed.bytes)
      const signature = (packet.signature as Uint8Array).map((byte, at) => (at === 0 ? byte ^ 1 : byte))
      await expect(door.submit(encode(Packet, { ...packet, signature }))).rejects.toMatchObject({
        code: 'SIGNATURE_INVALID',
        packet: toHex(sealed.id),
      })
      expect(await world.stores.packets.unfinished()).toEqual([])
      await expect(door.submit(Uint8Array.of(1, 2, 3))).rejects.toEqual(code('PACKET_MALFORMED'))
    })

    it('gives an answer to its end, and from a frame on', async () => {
      const { door, sender, agent, world, fetchOf } = await setup()
      attachAgent(world, agent)
      const { bytes, id } = await sender.request([agent])
      await door.submit(bytes)
      const typesFrom = async (from: number) => {
        const ticking = setInterval(() => void world.nexus.tick(), 5)
        const parser = createRecordParser()
        const stream = await door.readAnswer(toHex(id), await fetchOf(id, from === 0 ? {} : { from }))
        const types: string[] = []
        for await (const chunk of stream) types.push(...parser.push(chunk).map(({ type }) => type))
        clearInterval(ticking)
        expect(parser.pending).toBe(0)
        return types
      }
      const whole = await typesFrom(0)
      expect(whole.filter((type) => type === 'frame')).toHaveLength(2)
      expect(whole.at(-1)).toBe('end')
      expect((await typesFrom(1)).filter((type) => type === 'frame')).toHaveLength(1)
    })

    it('gives no answer to strangers, and each fetch counts once', async () => {
      const { door, sender, agent, fetchOf } = await setup()
      const { bytes, id } = await sender.request([agent])
      await door.submit(bytes)
      const fetch = await fetchOf(id)
      const stream = await door.readAnswer(toHex(id), fetch)
      await stream.cancel()
      await expect(door.readAnswer(toHex(id), fetch)).rejects.toEqual(code('REPLAYED'))
      await expect(door.readAnswer('00'.repeat(32), await fetchOf(id))).rejects.toEqual(code('NOT_PERMITTED'))
      await expect(door.readAnswer(toHex(id), Uint8Array.of(1))).rejects.toEqual(code('DOCUMENT_MALFORMED'))
    })

    it('shows what is stored of a packet to whoever asked it, and to nobody else', async () => {
      const { door, sender, agent, world, fetchOf } = await setup()
      const content = { chat: { messages: [{ role: 'user', content: 'x'.repeat(600_000) }], tools: [] } as never }
      const { bytes, id } = await sender.request([agent], { content })
      await door.submit(bytes)
      const fetch = await fetchOf(id)
      const shown = await new Response(await door.readPackets(toHex(id), fetch)).bytes()
      const headers = { authorization: await sender.fetchOf(id) }
      expect(shown).toEqual(await (await world.app.request(`/v1/packets/${toHex(id)}`, { headers })).bytes())
      expect(JSON.parse(fromUtf8(shown))).toMatchObject({ packet: { Transaction_Hash_ID: toHex(id) }, replies: [] })
      await expect(door.readPackets(toHex(id), fetch)).rejects.toEqual(code('REPLAYED'))
      await expect(door.readPackets('00'.repeat(32), await fetchOf(id))).rejects.toEqual(code('NOT_PERMITTED'))
      await expect(door.readPackets(toHex(id), Uint8Array.of(1))).rejects.toEqual(code('DOCUMENT_MALFORMED'))
    })

    it('shows routes, keys and the log, byte for byte', async () => {
      const { door, sender, world } = await setup()
      const served = async (path: string) => (await world.app.request(path)).bytes()
      expect(await door.routes()).toEqual(await served('/v1/routes'))
      const { instance } = sender.party
      expect(await door.keys(instance)).toEqual(await served(`/v1/keys/${toHex(instance)}`))
      await expect(door.keys(new Uint8Array(32))).rejects.toEqual(code('NOT_FOUND'))
      expect(await door.logFile('checkpoint')).toEqual(await served('/log/checkpoint'))
      const { treeSize } = world.log.published() ?? { treeSize: 0 }
      expect(await door.logFile(`tile/entries/000.p/${treeSize}`)).toBeInstanceOf(Uint8Array)
      for (const path of ['tile/0/009', 'nothing', '', 'x'.repeat(1_000)])
        expect(await door.logFile(path)).toBeUndefined()
    })

    it('enrols whoever is invited', async () => {
      const { door, world } = await setup()
      const party = await partyOf(70, world.clock.nowMs)
      const events = party.events.map((each) => decode(SignedKeyEvent, each))
      const invite = 'an-invitation-token'
      await expect(door.enrol(encode(KeyEvents, { events, invite }))).rejects.toEqual(code('NOT_PERMITTED'))
      await world.stores.invites.add(inviteHash(invite), world.clock.nowMs + 60_000)
      const { receipts } = decode(Receipts, await door.enrol(encode(KeyEvents, { events, invite })))
      expect(receipts).toHaveLength(events.length)
    })

    it('says what is missing', async () => {
      const { door, world, agent } = await setup()
      expect(await door.missing()).toEqual(['no agent is linked'])
      attachAgent(world, agent)
      expect(await door.missing()).toEqual([])
    })

    it('says that there are no routes before a routing table is in force', async () => {
      const world = await openWorld()
      closing.push(() => world.close())
      const { door, close } = await open(world)
      closing.push(close)
      await expect(door.routes()).rejects.toEqual(code('NO_ROUTE'))
    })
  })
}
