// A question through the whole router, on a real log, with an agent that speaks real packets.

import { decode, Receipt } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { parseReceipt, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { describe, expect, it } from 'vitest'
import { attachAgent, openWorld, partyOf, recordsOf, ruleFor, senderOf, trust } from './router-world.ts'

describe('a question', () => {
  it('is logged, delivered with its proofs, answered, and its answer read to the end', async () => {
    const world = await openWorld()
    const agentParty = await partyOf(10, world.clock.nowMs)
    const sender = senderOf(world, await partyOf(40, world.clock.nowMs))
    await world.enrol(sender.party)
    await world.enrol(agentParty)
    await world.publish([ruleFor('misty.weave', [agentParty])])
    const agent = attachAgent(world, agentParty)
    const request = await sender.request([agentParty])
    const response = await sender.post(request.bytes)
    expect(response.status).toBe(202)
    const receipt = new Uint8Array(await response.arrayBuffer())
    expect((await verifyReceipt(receipt, trust)).leaf).toMatchObject({ kind: 'request', subject: request.id })
    const records = await recordsOf(world, await sender.open(request.id))
    expect(agent.refused).toEqual([])
    expect(records.map(({ type }) => type)).toEqual([
      'agent-keys',
      'attempt-receipt',
      'packet',
      'statement-receipt',
      'packet',
      'receipt',
      'receipt',
      'frame',
      'frame',
      'packet',
      'receipt',
      'receipt',
      'statement-receipt',
      'table-receipt',
      'agent-keys',
      'sender-keys',
      'end',
    ])
    const receipts = records.filter(({ type }) => type === 'receipt').map(({ value }) => decode(Receipt, value))
    for (const each of receipts) await verifyReceipt(each, trust)
    // ACK and OPEN cost one round of the log.
    expect(receipts[0]?.checkpoint).toEqual(receipts[1]?.checkpoint)
    const again = await sender.post(request.bytes)
    expect(again.status).toBe(200)
    expect(new Uint8Array(await again.arrayBuffer())).toEqual(receipt)
    expect(agent.delivered).toEqual([toHex(request.id)])
    expect(parseReceipt(receipt).addendum).toBeDefined()
    await world.close()
  })
})
