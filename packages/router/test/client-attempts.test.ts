// A question whose sender lets another agent begin anew (`retry.after_open`): the client follows to the accepted attempt, shows
// nothing of the others as the answer, and what it saves is proven for the attempt that was accepted.

import { parseSavedAnswer } from '@mystranet/sdk'
import type { AnswerRecord } from '@mystranet/sdk/envelope'
import { parseReceipt, verifyReceipt } from '@mystranet/sdk/proof/receipt'
import { afterEach, describe, expect, it } from 'vitest'
import { clientWorld } from './client-world.ts'
import { type Behaviour, trust } from './router-world.ts'

const worlds: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** Agents that do so in the order in which they are tried, whoever comes first. */
async function setup(behaviours: readonly Behaviour[]) {
  const made = await clientWorld(behaviours.length)
  worlds.push(made)
  for (const [i, agent] of made.attached.entries()) agent.behaviour = behaviours[i] as Behaviour
  return made
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const isPacket = ({ type }: AnswerRecord) => type === 'packet'

describe('a question that its agent refuses at once', () => {
  it('tells its sender why: the NACK comes with what proves it', async () => {
    const { client, question } = await setup([{ nack: 'PARAMETER_UNSUPPORTED' }])
    const answer = client.ask(question)
    await expect(answer.verified).rejects.toEqual(code('PARAMETER_UNSUPPORTED'))
  })
})

describe('a question that may be begun anew', () => {
  it('is answered by the second attempt: its text alone is the answer, and its attempt is the one that is proven', async () => {
    const { client, question, world } = await setup(['open-then-fail', 'answer'])
    const answer = client.ask({ ...question, afterOpen: true })
    const seen: string[] = []
    for await (const event of answer.events()) {
      if (event.type !== 'progress') seen.push(event.type === 'text' ? event.text : event.type)
    }
    expect(seen).toEqual(['open', 'The ', 'answer.', 'restart', 'open', 'The ', 'answer.', 'close', 'end'])
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
    const { attempt } = parseSavedAnswer(await answer.saved)
    if (attempt === undefined) throw new Error('no attempt')
    expect((await verifyReceipt(attempt, trust)).leaf.attempt).toBe(2)
    // Every attempt is a leaf.
    const { attempts } = await storedOf(world, await answer.packetId)
    expect(attempts.map(({ receipt }) => parseReceipt(receipt as Uint8Array).index)).toHaveLength(2)
  })

  it('gives nothing of an attempt that failed to whoever iterates over the text', async () => {
    const { client, question } = await setup(['open-then-fail', 'answer'])
    const texts: string[] = []
    for await (const text of client.ask({ ...question, afterOpen: true })) texts.push(text)
    expect(texts).toEqual(['The answer.'])
  })

  it('goes on over connections that break anywhere, among records that come again', async () => {
    const { client, question, wire } = await setup(['open-then-fail', 'answer'])
    wire.answer = (records, connection) => ({ records: records.slice(0, connection + 3), cut: true })
    wire.answerUntil = 24
    const answer = client.ask({ ...question, afterOpen: true })
    const texts: string[] = []
    for await (const text of answer) texts.push(text)
    expect(texts).toEqual(['The answer.'])
    expect((await answer.verified).verdict.line).toBe('VERIFIED under "local"')
  })

  it('that fails with every agent ends with why the last one did', async () => {
    const { client, question } = await setup(['open-then-fail', 'open-then-fail'])
    const answer = client.ask({ ...question, afterOpen: true, maxAttempts: 2 })
    await expect(answer.verified).rejects.toEqual(code('ENGINE_FAILED'))
  })

  it('is not begun anew while its sender said nothing of it', async () => {
    const { client, question } = await setup(['open-then-fail', 'answer'])
    await expect(client.ask(question).verified).rejects.toEqual(code('ENGINE_FAILED'))
  })

  it('takes no second stream while the first has not failed, and keeps both as evidence', async () => {
    const { client, question, wire, agents, secondOpen } = await setup(['answer'])
    wire.answer = async (records, _, request) => {
      const at = records.findIndex(({ type }) => type === 'frame') + 1
      const second = await secondOpen(request, agents[0] as (typeof agents)[0])
      return { records: [...records.slice(0, at), ...second, ...records.slice(at)] }
    }
    const answer = client.ask({ ...question, afterOpen: true })
    await expect(answer.verified).rejects.toThrow(/a second stream of a request whose first did not fail/)
    expect(answer.evidence).toHaveLength(2)
  })
})

describe('replies that exclude each other', () => {
  it('are kept as they came, both, for whoever is to see them', async () => {
    const { client, question, wire, agents, secondOpen } = await setup(['answer'])
    let opens: Uint8Array[] = []
    wire.answer = async (records, _, request) => {
      const at = records.findIndex(({ type }) => type === 'frame') + 1
      const second = await secondOpen(request, agents[0] as (typeof agents)[0])
      opens = [...records.filter(isPacket).slice(1, 2), ...second.filter(isPacket)].map(({ value }) => value)
      return { records: [...records.slice(0, at), ...second, ...records.slice(at)] }
    }
    const answer = client.ask(question)
    await expect(answer.verified).rejects.toEqual(code('STREAM_INVALID'))
    expect(answer.evidence).toEqual(opens)
  })
})

type Opened = Awaited<ReturnType<typeof clientWorld>>['world']

async function storedOf(world: Opened, id: Uint8Array) {
  const stored = await world.stores.packets.find(Buffer.from(id).toString('hex'))
  if (stored === undefined) throw new Error('not stored')
  return stored.record
}
