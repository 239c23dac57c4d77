import { MAX_BATCH_PACKETS } from '@mystranet/schemas/limits'
import { BatchRoot, decode, encode, Packet } from '@mystranet/schemas/messages'
import { describe, expect, it } from 'vitest'
import { sealBatch } from '../packet/batch.ts'
import { buildRequest } from '../packet/build.ts'
import { anAgent, aSender } from '../packet/fixture.ts'
import { PAYLOAD_TYPES, pae } from './dsse.ts'
import { verifyOrigin } from './origin.ts'
import { parsePacket } from './parse.ts'

async function aBatch() {
  const sender = await aSender()
  const agent = await anAgent()
  const plains = sender.sequence.take(2).map((place) => buildRequest(sender.draft([agent.candidate], { place })))
  const [sealed] = await sealBatch(plains, sender.signer)
  const parsed = parsePacket(sealed!.bytes)
  return { parsed, batch: decode(Packet, sealed!.bytes).batch!, signer: sender.signer }
}

describe('a batch that its sender signed', () => {
  it.each<[string, Partial<BatchRoot>, RegExp]>([
    ['for another network', { network: new Uint8Array(32) }, /of another network/],
    ['in another epoch', { epoch: 7n }, /of another epoch/],
    ['at another time', { createdMs: 5 }, /made at another time/],
    ['of one packet', { size: 1 }, /a batch of 1 packets/],
    ['of too many packets', { size: MAX_BATCH_PACKETS + 1 }, /a batch of 1025 packets/],
  ])('%s holds no packet', async (_, changes, why) => {
    const { parsed, batch, signer } = await aBatch()
    const statement = encode(BatchRoot, { ...decode(BatchRoot, batch.statement), ...changes })
    const signature = await signer.sign(pae(PAYLOAD_TYPES['batch-root'], statement))
    await expect(verifyOrigin(parsed, { batch: { ...batch, statement, signature } })).rejects.toThrow(why)
  })
})

it('a packet with neither signature nor batch is by nobody', async () => {
  const { parsed } = await aBatch()
  await expect(verifyOrigin(parsed, {})).rejects.toThrow(expect.objectContaining({ code: 'SIGNATURE_INVALID' }))
})

it('a fault of the caller is no refusal', async () => {
  const { parsed, batch } = await aBatch()
  const path = [undefined as unknown as Uint8Array]
  await expect(verifyOrigin(parsed, { batch: { ...batch, path } })).rejects.toThrow(TypeError)
})
