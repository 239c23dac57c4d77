import { describe, expect, it } from 'vitest'
import { parsePacket } from '../envelope/parse.ts'
import { sealBatch } from './batch.ts'
import { buildRequest, type PlainPacket } from './build.ts'
import { anAgent, aSender, NOW_MS } from './fixture.ts'
import { openRequest } from './open.ts'
import { seal } from './seal.ts'

it('a request has at most eight candidates', async () => {
  const sender = await aSender()
  const { candidate } = await anAgent()
  expect(() => buildRequest(sender.draft(Array.from({ length: 9 }, () => candidate)))).toThrow(/9 candidates/)
})

it('a session seals to nobody whom it does not reach', async () => {
  const sender = await aSender()
  const [agent, other] = await Promise.all([anAgent(), anAgent()])
  const first = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
  const session = { packetId: first.id, secrets: first.sessionSecrets, deleteAfterMs: NOW_MS + 86_400_000 }
  const plain = buildRequest(sender.draft([other.candidate], { session }))
  await expect(seal(plain, sender.signer)).rejects.toThrow(/is not of it/)
})

it('a session with another secret does not open', async () => {
  const sender = await aSender()
  const agent = await anAgent()
  const first = await seal(buildRequest(sender.draft([agent.candidate])), sender.signer)
  const session = { packetId: first.id, secrets: first.sessionSecrets, deleteAfterMs: NOW_MS + 86_400_000 }
  const second = await seal(buildRequest(sender.draft([agent.candidate], { session })), sender.signer)
  const keys = { ...agent.keys, session: () => new Uint8Array(32) }
  const opened = openRequest(parsePacket(second.bytes), keys)
  await expect(opened).rejects.toThrow(expect.objectContaining({ code: 'OPEN_FAILED' }))
})

describe('a batch', () => {
  async function twoPackets(): Promise<{
    plains: readonly PlainPacket[]
    sender: Awaited<ReturnType<typeof aSender>>
  }> {
    const sender = await aSender()
    const agent = await anAgent()
    return {
      plains: sender.sequence.take(2).map((place) => buildRequest(sender.draft([agent.candidate], { place }))),
      sender,
    }
  }

  it('has 2 to 1,024 packets', async () => {
    const { plains, sender } = await twoPackets()
    await expect(sealBatch([], sender.signer)).rejects.toThrow(/a batch of 0 packets/)
    const many = Array.from({ length: 1_025 }, () => plains[0] as PlainPacket)
    await expect(sealBatch(many, sender.signer)).rejects.toThrow(/a batch of 1025 packets/)
  })

  it.each([['epoch', { epoch: 1n }] as const, ['creation time', { createdMs: 1 }] as const])(
    'has one %s',
    async (_, changes) => {
      const { plains, sender } = await twoPackets()
      const [first, second] = plains as [PlainPacket, PlainPacket]
      const other = { ...second, core: { ...second.core, ...changes } }
      await expect(sealBatch([first, other], sender.signer)).rejects.toThrow(/packet 1 does not follow/)
    },
  )
})
