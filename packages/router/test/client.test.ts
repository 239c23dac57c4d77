// The SDK's client against a real router whose answers are changed on their way: what it refuses, under which code, and what
// it carries on with. The router is untouched; only the wire lies.

import { toHex } from '@mystranet/sdk/bytes'
import type { AnswerRecord } from '@mystranet/sdk/envelope'
import { afterEach, describe, expect, it } from 'vitest'
import { clientWorld } from './client-world.ts'
import { nexusSigner, partyOf, ruleFor, senderOf } from './router-world.ts'

const worlds: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
async function setup(agents = 1) {
  const made = await clientWorld(agents)
  worlds.push(made)
  return made
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const ofType =
  (...types: readonly AnswerRecord['type'][]) =>
  ({ type }: AnswerRecord) =>
    types.includes(type)
const without =
  (...types: readonly AnswerRecord['type'][]) =>
  (records: readonly AnswerRecord[]) =>
    records.filter((record) => !ofType(...types)(record))

describe('before it seals, the client', () => {
  it('refuses a checkpoint that is older than one it saw, sends nothing, and forgets nothing', async () => {
    const { client, wire, memory, logSize, ask } = await setup()
    const old = await wire.keep('/log/checkpoint')
    await ask()
    await client.routes()
    const seen = memory.checkpoint
    const size = logSize()
    wire.serve('/log/checkpoint', old)
    await expect(client.routes()).rejects.toEqual(code('CHECKPOINT_ROLLED_BACK'))
    expect(memory.checkpoint).toEqual(seen)
    expect(logSize()).toBe(size)
    wire.serve('/log/checkpoint', undefined)
    expect((await client.routes()).table.table.version).toBe(1n)
  })

  it('refuses another root for a size that it saw', async () => {
    const { client, memory, wire } = await setup()
    await client.routes()
    memory.checkpoint = { treeSize: memory.checkpoint?.treeSize ?? 0n, rootHash: new Uint8Array(32) }
    await expect(client.routes()).rejects.toThrow(/another root .* a fork/)
    expect(wire.posts).toBe(0)
  })

  it('refuses an older table than it saw, though the operator signed it and it is in force', async () => {
    const { client, wire, world, agents } = await setup()
    const old = await wire.keep('/v1/routes')
    await world.publish([ruleFor('misty.weave', agents)])
    expect((await client.routes()).table.table.version).toBe(2n)
    wire.serve('/v1/routes', old)
    await expect(client.routes()).rejects.toEqual(code('TABLE_ROLLED_BACK'))
  })

  it('refuses a table that the router signed itself, and sends nothing', async () => {
    const { wire, ask, agents } = await setup()
    await wire.changeRoutes(async (routes, sign) => ({
      ...routes,
      routingTable: await sign({ rules: [ruleFor('misty.weave', agents)] }, nexusSigner),
    }))
    await expect(ask()).rejects.toEqual(code('TABLE_INVALID'))
    expect(wire.posts).toBe(0)
  })

  it('refuses a table whose receipt is of another leaf', async () => {
    const { wire, client } = await setup()
    await wire.changeRoutes(async (routes) => ({
      ...routes,
      receipt: routes.candidates[0]?.events[0]?.receipt ?? routes.receipt,
    }))
    await expect(client.routes()).rejects.toEqual(code('LEAF_MISMATCH'))
  })

  it('refuses the chain of a candidate without the revocation that it saw', async () => {
    const { client, wire, agents, revoke } = await setup()
    const old = await wire.keep('/v1/routes')
    await revoke(agents[0] as (typeof agents)[0])
    await client.routes()
    wire.serve('/v1/routes', old)
    await expect(client.routes()).rejects.toThrow(/an older one than was seen/)
  })
})

describe('a question', () => {
  it('whose receipt is of another packet has none', async () => {
    const { wire, ask } = await setup()
    await ask()
    wire.serve('/v1/packets', wire.receipts[0])
    await expect(ask()).rejects.toEqual(code('LEAF_MISMATCH'))
  })

  it('whose receipt was lost on the way is sent again, gets the same one, and runs once', async () => {
    const { wire, ask, agent, logSize } = await setup()
    wire.loseReceipts = 2
    expect(await ask()).toMatchObject({ text: 'The answer.', line: 'VERIFIED under "local"' })
    expect(wire.posts).toBe(3)
    expect(new Set(wire.receipts.map(toHex)).size).toBe(1)
    expect(agent.delivered).toHaveLength(1)
    expect(logSize()).toBeGreaterThan(0)
  })

  it('is sealed again in a new epoch when others have begun two, and runs once', async () => {
    const { wire, ask, world, user, agents, agent } = await setup()
    await ask()
    const other = senderOf(world, user)
    for (const epoch of [1n, 2n]) {
      const place = { epoch: BigInt(world.clock.nowMs) + epoch, seq: 1n }
      expect((await other.post((await other.request(agents, { place })).bytes)).status).toBe(202)
    }
    world.clock.nowMs += 1_000
    const [posts, runs] = [wire.posts, agent.delivered.length]
    expect(await ask()).toMatchObject({ text: 'The answer.' })
    expect(wire.posts - posts).toBe(2)
    await world.until(() => agent.delivered.length === runs + 1)
  })

  it('is sealed again under the table now in force when its own is too old', async () => {
    const { wire, ask, world, agents } = await setup()
    await ask()
    for (let i = 0; i < 2; i++) await world.publish([ruleFor('misty.weave', agents)])
    const posts = wire.posts
    expect(await ask()).toMatchObject({ line: 'VERIFIED under "local"' })
    expect(wire.posts - posts).toBe(2)
  })

  it.each(['EPOCH_STALE', 'TABLE_STALE'])('refused with %s for ever is sealed twice, not more', async (refusal) => {
    const { wire, ask } = await setup()
    wire.refuse = refusal
    await expect(ask()).rejects.toEqual(code(refusal))
    expect(wire.posts).toBe(2)
  })
})

describe('an answer', () => {
  it('whose connection is lost goes on at the frame that is wanted, in the same tree', async () => {
    const { wire, ask } = await setup()
    wire.answer = (records, connection) =>
      connection === 0 ? { records: records.slice(0, records.findIndex(ofType('frame')) + 1), cut: true } : { records }
    expect(await ask()).toMatchObject({ text: 'The answer.', line: 'VERIFIED under "local"' })
    expect(wire.fetches).toEqual([0, 1])
  })

  it('whose every connection is lost after a record or two comes whole nevertheless', async () => {
    const { wire, ask } = await setup()
    wire.answer = (records, connection) => ({ records: records.slice(0, connection + 2), cut: true })
    wire.answerUntil = 14
    expect(await ask()).toMatchObject({ text: 'The answer.', line: 'VERIFIED under "local"' })
  })

  const LIES: readonly [string, string, (records: readonly AnswerRecord[]) => readonly AnswerRecord[]][] = [
    ['with two frames swapped', 'STREAM_INVALID', (records) => swapFrames(records)],
    ['without its first frame', 'STREAM_INVALID', (records) => dropFrame(records, 0)],
    ['without its last frame', 'STREAM_TRUNCATED', (records) => dropFrame(records, 1)],
    ['that ends without its CLOSE', 'STREAM_TRUNCATED', (records) => withoutPacket(records, 2)],
    ['that ends before anything came', 'STREAM_TRUNCATED', (records) => records.filter(ofType('end'))],
    ['without its OPEN', 'STREAM_INVALID', (records) => withoutPacket(records, 1)],
    ['without the proof of its attempt', 'ATTEMPT_UNPROVEN', without('attempt-receipt')],
    ['without the keys of its agent', 'KEY_UNKNOWN', without('agent-keys')],
    [
      'with the receipt of its OPEN as the proof of its attempt',
      'LEAF_MISMATCH',
      (records) => {
        const receipt = records.filter(ofType('receipt'))[0]?.value as Uint8Array
        return records.map((each) => (each.type === 'attempt-receipt' ? { ...each, value: receipt } : each))
      },
    ],
    [
      'whose CLOSE was changed',
      'SIGNATURE_INVALID',
      (records) =>
        records.map((each, i) => (i === nthPacket(records, 2) ? { ...each, value: flipLast(each.value) } : each)),
    ],
  ]
  it.each(LIES)('%s is refused: %s', async (_, wanted, lie) => {
    const { wire, ask } = await setup()
    wire.answer = (records) => ({ records: lie(records) })
    await expect(ask()).rejects.toEqual(code(wanted))
  })

  it('to another packet is refused', async () => {
    const { wire, ask } = await setup()
    let first: readonly AnswerRecord[] | undefined
    wire.answer = (records) => {
      first ??= records
      return { records: first }
    }
    await ask()
    await expect(ask()).rejects.toEqual(code('ANSWER_INVALID'))
  })

  it('of its own agent, in its own conversation, to another packet is refused', async () => {
    const { wire, ask, agents, replyOf } = await setup()
    wire.answer = async (records, _, request) => {
      const other = { ...request, id: new Uint8Array(32).fill(3) }
      const ack = await replyOf(agents[0] as (typeof agents)[0], 'ACK', other)
      return { records: [...records.filter(ofType('agent-keys', 'attempt-receipt')), ack] }
    }
    await expect(ask()).rejects.toThrow(/it answers another packet/)
  })

  it('with a frame of another stream is refused', async () => {
    const { wire, ask } = await setup()
    let frame: AnswerRecord | undefined
    wire.answer = (records) => {
      const other = frame
      frame ??= records.find(ofType('frame'))
      return { records: records.map((each) => (other && each.type === 'frame' ? other : each)) }
    }
    await ask()
    await expect(ask()).rejects.toEqual(code('STREAM_INVALID'))
  })

  it.each(['ACK', 'NACK'] as const)(
    '%s by one who is no recipient is refused, whatever its code says',
    async (kind) => {
      const { wire, ask, world, replyOf } = await setup()
      const stranger = await partyOf(150, world.clock.nowMs)
      wire.answer = async (records, _, request) => ({
        records: [...records.filter(ofType('agent-keys', 'attempt-receipt')), await replyOf(stranger, kind, request)],
      })
      await expect(ask()).rejects.toMatchObject({
        code: 'NOT_A_CANDIDATE',
        message: expect.stringMatching(/no recipient of the request/),
      })
    },
  )

  it.each(['ACK', 'NACK'] as const)('%s by a recipient whom no attempt names is refused', async (kind) => {
    const { wire, ask, agents, agent, replyOf } = await setup(2)
    wire.answer = async (records, _, request) => {
      const idle = agents.find(({ name }) => name !== agent.party.name) as (typeof agents)[0]
      const busy = agent.delivered.length > 0 ? idle : (agents[0] as (typeof agents)[0])
      return {
        records: [...records.filter(ofType('agent-keys', 'attempt-receipt')), await replyOf(busy, kind, request)],
      }
    }
    await expect(ask()).rejects.toMatchObject({
      code: 'NOT_A_CANDIDATE',
      message: expect.stringMatching(/given to another agent/),
    })
  })

  it.each(['REQUEST', 'CANCEL'] as const)('that holds a %s is refused', async (kind) => {
    const { wire, ask, ownPacket } = await setup()
    wire.answer = async (records, _, request) => {
      const at = records.findIndex(ofType('packet'))
      return { records: [...records.slice(0, at), await ownPacket(kind, request), ...records.slice(at)] }
    }
    await expect(ask()).rejects.toEqual(code('ANSWER_INVALID'))
  })

  it('that begins anew after it began is refused before a word of the second is shown', async () => {
    const { wire, ask, agents, secondOpen } = await setup()
    wire.answer = async (records, _, request) => {
      const at = records.findIndex(ofType('frame')) + 1
      const second = await secondOpen(request, agents[0] as (typeof agents)[0])
      return { records: [...records.slice(0, at), ...second, ...records.slice(at)] }
    }
    await expect(ask()).rejects.toThrow(/a second stream of a request that allows one/)
  })

  it('that is a notice signed by no nexus of the trust file is refused', async () => {
    const { wire, ask, noticeOf, agents } = await setup()
    wire.answer = async (_, __, request) => ({
      records: [await noticeOf(request, (agents[0] as (typeof agents)[0]).identity.packet)],
    })
    await expect(ask()).rejects.toEqual(code('SIGNATURE_INVALID'))
  })

  it('that never comes to its end is given up as truncated, whether connections are cut at once or after old records', async () => {
    for (const keep of [0, 99]) {
      const { wire, ask } = await setup()
      wire.answer = (records) => ({
        records: withoutPacket(records, 2)
          .filter((each) => each.type !== 'end')
          .slice(0, keep),
        cut: true,
      })
      await expect(ask()).rejects.toEqual(code('STREAM_TRUNCATED'))
      expect(wire.fetches.length).toBeLessThan(20)
    }
  })

  it('that its reader leaves is cancelled', async () => {
    const { client, world, agent, question } = await setup()
    agent.behaviour = 'open-then-hang'
    const answer = client.ask(question)
    for await (const event of answer.events()) if (event.type === 'open') break
    await world.until(() => agent.heard.some(({ type }) => type === 'cancel'))
    await expect(answer.saved).rejects.toEqual(code('CANCELLED'))
  })
})

const nthPacket = (records: readonly AnswerRecord[], nth: number): number =>
  records.flatMap(({ type }, at) => (type === 'packet' ? [at] : []))[nth] ?? -1

function withoutPacket(records: readonly AnswerRecord[], nth: number): AnswerRecord[] {
  const at = nthPacket(records, nth)
  return records.filter((_, i) => i !== at)
}

function swapFrames(records: readonly AnswerRecord[]): readonly AnswerRecord[] {
  const frames = records.filter(ofType('frame')).toReversed()
  return records.map((each) => (each.type === 'frame' ? (frames.shift() as AnswerRecord) : each))
}

function dropFrame(records: readonly AnswerRecord[], nth: number): readonly AnswerRecord[] {
  const frame = records.filter(ofType('frame'))[nth]
  return records.filter((each) => each !== frame)
}

function flipLast(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice()
  out[out.length - 1] = (out.at(-1) as number) ^ 1
  return out
}
