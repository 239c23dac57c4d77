// Key events, routing table and model statements come under as few checkpoints as can be; a packet's receipts stay the first.

import { Delivery, decode, KeyChain, Receipt, Routes, SavedAnswer } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { parsePacket } from '@mystranet/sdk/envelope'
import { verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { afterEach, describe, expect, it } from 'vitest'
import { clientWorld } from './client-world.ts'
import { partyOf, trust } from './router-world.ts'

const worlds: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
async function setup() {
  const made = await clientWorld(2)
  worlds.push(made)
  let seed = 150
  /** Somebody else's leaves. */
  const grow = async () => {
    seed += 10
    await made.world.enrol(await partyOf(seed, made.world.clock.nowMs))
  }
  const newest = () => made.wire.keep('/log/checkpoint')
  return { ...made, grow, newest }
}

const notesOf = (receipts: readonly (Receipt | undefined)[]) =>
  new Set(receipts.flatMap((each) => (each ? [toHex(each.checkpoint)] : [])))

describe('what the router hands out of old leaves', () => {
  it('is, in /v1/routes, under one checkpoint, the newest, and verifies', async () => {
    const { world, wire, grow, newest, client } = await setup()
    await grow()
    const { tables } = world.nexus
    const { shown } = tables
    const under = await newest()
    // The log goes on while the reply is put together.
    Object.assign(tables, { shown: (note?: Uint8Array) => shown(note).finally(grow) })
    const routes = decode(Routes, await wire.keep('/v1/routes'))
    const receipts = [routes.receipt, ...routes.candidates.flatMap(({ events }) => events.map((each) => each.receipt))]
    expect(receipts.length).toBeGreaterThan(4)
    expect([...notesOf(receipts)]).toEqual([toHex(under)])
    for (const receipt of receipts) await verifyReceipt(receipt, trust)
    await expect(client.routes()).resolves.toMatchObject({ document: routes.routingTable })
  })

  it('is, in /v1/keys, under the newest checkpoint, and verifies', async () => {
    const { wire, grow, newest, user } = await setup()
    await grow()
    const { events } = decode(KeyChain, await wire.keep(`/v1/keys/${toHex(user.instance)}`))
    expect([...notesOf(events.map(({ receipt }) => receipt))]).toEqual([toHex(await newest())])
    for (const { receipt } of events) await verifyReceipt(receipt, trust)
  })

  it('is, before the first packet of an answer, under the checkpoint of its attempt', async () => {
    const { world, ask, wire, grow } = await setup()
    // Each agent logs its statement when it answers first: one that is newer than the attempt is under the newest.
    await ask()
    await ask()
    const { packets } = world.state.stores
    const { replace } = packets
    // The log goes on between a request's release and its answer.
    Object.assign(packets, { replace: (...change: Parameters<typeof replace>) => replace(...change).finally(grow) })
    const given = new Map<string, Uint8Array>()
    wire.answer = (records) => {
      const introduced = records.findIndex(({ type }) => type === 'packet')
      for (const { type, value } of records.slice(0, introduced)) given.set(type, value)
      return { records }
    }
    await ask()
    const [attempt, statement] = (['attempt-receipt', 'statement-receipt'] as const).map((type) =>
      decode(Receipt, given.get(type) as Uint8Array),
    )
    const { events } = decode(KeyChain, given.get('agent-keys') as Uint8Array)
    const request = decode(Receipt, wire.receipts.at(-1) as Uint8Array)
    const old = [statement as Receipt, ...events.map(({ receipt }) => receipt)]
    expect(old.length).toBeGreaterThan(2)
    expect([...notesOf([attempt, request, ...old])]).toEqual([toHex(request.checkpoint)])
    for (const receipt of old) await verifyReceipt(receipt, trust)
  })

  it('is in every delivery in the same bytes, which an agent verifies once', async () => {
    const { ask, grow, attached } = await setup()
    await ask()
    await grow()
    await ask()
    const given = attached.flatMap(({ heard }) =>
      heard.flatMap((each) =>
        each.type === 'deliver' ? [decode(Delivery, parsePacket(each.packet).delivery as Uint8Array).senderKeys] : [],
      ),
    )
    expect(given.length).toBeGreaterThan(1)
    expect(new Set(given.map((keys) => toHex(keys as Uint8Array))).size).toBe(1)
  })

  it('leaves an answer with two checkpoints, that of request and attempt and that of CLOSE, and VERIFIED', async () => {
    const { client, question, wire, user, grow } = await setup()
    for (let i = 0; i < 3; i++) await grow()
    // Whoever has the keys of its own from the answer asks for none.
    wire.serve(`/v1/keys/${toHex(user.instance)}`, new Uint8Array(1))
    const answer = client.ask(question)
    for await (const _ of answer);
    const saved = decode(SavedAnswer, await answer.saved)
    const asked = [saved.request.receipt, saved.attempt]
    const ended = [saved.open?.receipt, saved.close?.receipt]
    const chains = [saved.senderKeys, saved.agentKeys].flatMap((chain) => chain?.events ?? [])
    const old = [saved.routingTableReceipt, saved.modelStatementReceipt, ...chains.map(({ receipt }) => receipt)]
    expect(old.length).toBeGreaterThan(5)
    expect(notesOf(asked).size).toBe(1)
    expect(notesOf([...ended, ...old])).toEqual(notesOf([saved.close?.receipt]))
    expect(saved.request.receipt).toEqual(decode(Receipt, wire.receipts[0] as Uint8Array))
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })

  it('keeps no answer from its end when it cannot be had', async () => {
    const { client, question, world } = await setup()
    const receiptOf = async () => {
      throw new Error('the disk is gone')
    }
    Object.assign(world.nexus.tables, { receiptOf })
    const answer = client.ask(question)
    for await (const _ of answer);
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
    expect(world.metrics.render([])).toContain('weave_faults_total{stage="closing"} 1')
  })

  it('is asked for by a client whose answer came without', async () => {
    const { client, question, wire } = await setup()
    wire.answer = (records) => ({
      records: records.filter(({ type }) => type !== 'sender-keys' && type !== 'table-receipt'),
    })
    const answer = client.ask(question)
    for await (const _ of answer);
    const saved = decode(SavedAnswer, await answer.saved)
    expect(saved.senderKeys?.events.length).toBeGreaterThan(1)
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })
})
