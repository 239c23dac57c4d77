import { decode, encode, Header, HeaderCore, Packet } from '@mystranet/schemas/messages'
import { PAYLOAD_TYPES, packetId, pae } from '@mystranet/sdk/envelope'
import type { SealedRequest } from '@mystranet/sdk/packet'
import { describe, expect, it } from 'vitest'
import type { Client } from './logging-router.ts'
import { HELLO, startedAgent } from './started-agent.ts'

/** What somebody makes of a packet that is not theirs: their own header around another's recipients and ciphertext. */
async function taken({ bytes, core, ...rest }: SealedRequest, by: Client, keeps: boolean): Promise<SealedRequest> {
  const packet = decode(Packet, bytes)
  const header = decode(Header, packet.header)
  const mine = { ...core, sender: by.instance, senderKey: by.key.publicKey, ...(keeps && { seq: core.seq + 50n }) }
  const next = encode(Header, { ...header, core: encode(HeaderCore, mine) })
  const signature = await by.key.sign(pae(PAYLOAD_TYPES.packet, next))
  return {
    ...rest,
    core: mine,
    id: packetId(next),
    header: next,
    bytes: encode(Packet, { ...packet, header: next, signature }),
  }
}

describe('a ciphertext that was signed again, admitted, logged and proven', () => {
  it('by another sender opens nothing and runs nothing', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const mallory = await router.client('mallory')
    const stolen = await taken(await router.ask('my secret'), mallory, false)
    await router.deliver(stolen, {}, mallory)
    expect(await router.refusal(stolen)).toBe('OPEN_FAILED')
    expect(router.repliesTo(stolen, 'ACK').length + router.repliesTo(stolen, 'STREAM_OPEN').length).toBeLessThanOrEqual(
      1,
    )
    expect(ran()).toBe(0)
  })

  it('by its own sender under another number opens nothing either: a core is sealed once', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const again = await taken(await router.ask('my secret'), router.alice, true)
    await router.deliver(again)
    expect(await router.refusal(again)).toBe('OPEN_FAILED')
    expect(ran()).toBe(0)
  })
})
