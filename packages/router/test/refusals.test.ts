// What must be refused, in one table: each with its own code; nothing is logged, nothing reaches the agent, and nothing is
// lost: the sequence number is still free, and the honest packet is answered.

import { CODES } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import { decode, encode, Header, HeaderCore, Packet, Recipients } from '@mystranet/schemas/messages'
import { toHex } from '@mystranet/sdk/bytes'
import { PAYLOAD_TYPES, pae } from '@mystranet/sdk/envelope'
import {
  deriveReplyKeys,
  replyCore,
  type SealedRequest,
  sealClose,
  sealOpen,
  signBodiless,
} from '@mystranet/sdk/packet'
import { describe, expect, it } from 'vitest'
import { attachAgent, openWorld, type Party, partyOf, problemOf, ruleFor, senderOf } from './router-world.ts'

async function setup() {
  const world = await openWorld()
  const agents = await Promise.all([10, 20].map((seed) => partyOf(seed, world.clock.nowMs)))
  const user = await partyOf(40, world.clock.nowMs)
  for (const party of [user, ...agents]) await world.enrol(party)
  await world.publish([ruleFor('misty.weave', agents)])
  return { world, agents, user, sender: senderOf(world, user) }
}
type Given = Awaited<ReturnType<typeof setup>>

const flip = (bytes: Uint8Array, at: number): Uint8Array => {
  const out = bytes.slice()
  const index = (at + out.length) % out.length
  out[index] = (out[index] as number) ^ 1
  return out
}

/** The same packet with another core, or other parts, signed again by somebody. */
async function signedAgain(bytes: Uint8Array, by: Party, over: Partial<HeaderCore>): Promise<Uint8Array> {
  const packet = decode(Packet, bytes)
  const { core, ...rest } = decode(Header, packet.header)
  const header = encode(Header, { ...rest, core: encode(HeaderCore, { ...decode(HeaderCore, core), ...over }) })
  return encode(Packet, {
    ...packet,
    header,
    signature: await by.identity.packet.sign(pae(PAYLOAD_TYPES.packet, header)),
  })
}

type Wrong = (bytes: Uint8Array, given: Given) => Uint8Array | Promise<Uint8Array>
const inPacket =
  (change: (packet: Packet) => Packet): Wrong =>
  (bytes) =>
    encode(Packet, change(decode(Packet, bytes)))
const inCore =
  (over: (core: HeaderCore) => Partial<HeaderCore>): Wrong =>
  (bytes, { user }) =>
    signedAgain(bytes, user, over(decode(HeaderCore, decode(Header, decode(Packet, bytes).header).core)))

const REFUSALS: readonly [string, string, Wrong][] = [
  [
    'a ciphertext that was not signed',
    'CIPHERTEXT_MISMATCH',
    inPacket((p) => ({ ...p, ciphertext: flip(p.ciphertext as Uint8Array, 0) })),
  ],
  [
    'wrapped keys that were swapped',
    'RECIPIENTS_MISMATCH',
    inPacket((p) => ({ ...p, recipients: crossed(p.recipients as Uint8Array) })),
  ],
  [
    'recipients that were swapped',
    'RECIPIENTS_MISMATCH',
    inPacket((p) => ({ ...p, recipients: turned(p.recipients as Uint8Array) })),
  ],
  [
    'recipients that were swapped and signed',
    'RECIPIENTS_MISMATCH',
    inCore(({ recipients }) => ({ recipients: recipients.toReversed() })),
  ],
  ['an unknown version', 'VERSION_UNKNOWN', inCore(() => ({ version: 2, compatibleVersions: [2] }))],
  ['an unknown suite', 'SUITE_UNKNOWN', inCore(() => ({ suite: 3 }))],
  ['an unknown kind', 'KIND_UNKNOWN', inCore(() => ({ kind: 99 }))],
  ['an unknown schema', 'SCHEMA_UNKNOWN', inCore(() => ({ schema: new Uint8Array(32) }))],
  ['a header of 4,001 bytes', 'HEADER_TOO_LARGE', inPacket((p) => ({ ...p, header: new Uint8Array(4_001) }))],
  ['8 MiB and a byte', 'PACKET_TOO_LARGE', () => new Uint8Array(8 * 1024 * 1024 + 1)],
  ['a clock that is behind', 'CLOCK_SKEWED', inCore(({ createdMs }) => ({ createdMs: createdMs - 120_001 }))],
  [
    'a clock that is ahead',
    'CLOCK_SKEWED',
    inCore((c) => ({ createdMs: c.createdMs + 30_001, expiresMs: c.expiresMs + 30_001 })),
  ],
  ['another network', 'NETWORK_MISMATCH', inCore(() => ({ network: new Uint8Array(32) }))],
  [
    'a signature that was changed',
    'SIGNATURE_INVALID',
    inPacket((p) => ({ ...p, signature: flip(p.signature as Uint8Array, 0) })),
  ],
  [
    'another signer under the sender’s name',
    'KEY_UNKNOWN',
    (bytes, { agents: [agent] }) =>
      signedAgain(bytes, agent as Party, { senderKey: (agent as Party).identity.packet.publicKey }),
  ],
  [
    'another signer under the sender’s key',
    'SIGNATURE_INVALID',
    (bytes, { agents: [agent] }) => signedAgain(bytes, agent as Party, {}),
  ],
]

describe('a packet with', () => {
  it.each(REFUSALS)('%s is refused with %s, leaves no trace, and takes nobody’s place', async (_, code, wrong) => {
    const given = await setup()
    const { world, agents, sender } = given
    const agent = attachAgent(world, agents[0] as Party)
    const honest = await sender.request(agents)
    const leaves = world.state.disk.entries.length
    const bytes = await wrong(honest.bytes, given)
    expect(await problemOf(await sender.post(bytes))).toMatchObject({ code, fate: 'nothing' })
    expect(world.state.disk.entries).toHaveLength(leaves)
    expect(await world.stores.packets.unfinished()).toEqual([])
    expect(agent.delivered).toEqual([])
    expect((await sender.post(honest.bytes)).status).toBe(202)
    await world.until(async () => (await world.stores.packets.find(toHex(honest.id)))?.record.state === 'finished')
    expect(agent.delivered).toEqual([toHex(honest.id)])
    await world.close()
  })
})

describe('ten packets under one sequence number, at once', () => {
  it('are one packet and nine REPLAYED', async () => {
    const { world, agents, sender } = await setup()
    const agent = attachAgent(world, agents[0] as Party)
    const place = sender.sequence.next()
    const sealed = await Promise.all(Array.from({ length: 10 }, () => sender.request(agents, { place })))
    const responses = await Promise.all(sealed.map(({ bytes }) => sender.post(bytes)))
    const taken = responses.filter(({ status }) => status === 202)
    expect(taken).toHaveLength(1)
    for (const response of responses) {
      if (response.status !== 202) expect(await problemOf(response)).toMatchObject({ status: 409, code: 'REPLAYED' })
    }
    await world.until(() => agent.delivered.length > 0)
    await world.nexus.idle()
    expect(agent.delivered).toHaveLength(1)
    await world.close()
  })

  it('are one packet and one receipt when they are the same', async () => {
    const { world, agents, sender } = await setup()
    const agent = attachAgent(world, agents[0] as Party)
    const { bytes } = await sender.request(agents)
    const responses = await Promise.all(Array.from({ length: 10 }, () => sender.post(bytes)))
    expect(responses.map(({ status }) => status).toSorted()).toEqual([...Array<number>(9).fill(200), 202])
    const receipts = await Promise.all(responses.map(async (each) => toHex(new Uint8Array(await each.arrayBuffer()))))
    expect(new Set(receipts).size).toBe(1)
    await world.until(() => agent.delivered.length > 0)
    await world.nexus.idle()
    expect(agent.delivered).toHaveLength(1)
    await world.close()
  })
})

describe('a reply by an agent that no attempt names', () => {
  /** One of each kind, by anybody, with keys of its own making. */
  const REPLIES: readonly [string, (given: Given, request: SealedRequest, by: Party) => Promise<Uint8Array>][] = [
    ['ACK', (given, request, by) => bodiless(given, request, by, 'ACK', OUTCOMES.ACCEPTED)],
    ['NACK', (given, request, by) => bodiless(given, request, by, 'NACK', CODES.AGENT_BUSY.wire)],
    ['STREAM_OPEN', async (given, request, by) => (await opened(given, request, by)).open.bytes],
    [
      'STREAM_CLOSE',
      async (given, request, by) => {
        const { draft, keys, responseNonce, open } = await opened(given, request, by)
        const content = { stream: open.id, frames: 1, root: new Uint8Array(32), answerCommitment: new Uint8Array(32) }
        const core = { ...draft, attempt: 1, responseNonce, code: OUTCOMES.STOP }
        return (await sealClose(core, content as never, keys, by.identity.packet)).bytes
      },
    ],
  ]

  it.each(REPLIES)('is refused, %s: no leaf, nothing shown, and the right agent answers', async (_, reply) => {
    const given = await setup()
    const { world, agents, sender } = given
    const right = attachAgent(world, agents[0] as Party, 'silent')
    const wrong = attachAgent(world, agents[1] as Party, 'silent')
    const request = await sender.request(agents)
    await sender.post(request.bytes)
    await world.until(() => right.delivered.length + wrong.delivered.length === 1)
    await world.nexus.idle()
    const [named, other] = right.delivered.length === 1 ? [right, wrong] : [wrong, right]
    const leaves = world.state.disk.entries.length
    const shown = (await world.stores.answers.read(toHex(request.id), 0, 100, 1e6)).length
    const packet = await reply(given, request, other.party)
    // Whoever hands it in: the link of either agent.
    for (const link of [other, named]) {
      await expect(link.ask({ type: 'reply', packet })).rejects.toMatchObject({ code: 'NOT_A_CANDIDATE' })
    }
    expect(world.state.disk.entries).toHaveLength(leaves)
    expect(await world.stores.answers.read(toHex(request.id), 0, 100, 1e6)).toHaveLength(shown)
    expect(await problemOf(await sender.post(packet))).toMatchObject({ code: 'NOT_A_CANDIDATE' })
    named.lost()
    attachAgent(world, named.party)
    const recordOf = async () => (await world.stores.packets.find(toHex(request.id)))?.record
    await world.until(async () => (await recordOf())?.state === 'finished')
    expect((await recordOf())?.attempts.map(({ agent }) => agent)).toEqual([named.party.name])
    await world.close()
  })
})

async function bodiless(
  { world }: Given,
  request: SealedRequest,
  by: Party,
  kind: 'ACK' | 'NACK',
  code: number,
): Promise<Uint8Array> {
  const core = { ...replyCore(kind, draftOf(world, request, by)), attempt: 1, code }
  return (await signBodiless(core, by.identity.packet)).bytes
}

async function opened({ world }: Given, request: SealedRequest, by: Party) {
  const draft = draftOf(world, request, by)
  const responseNonce = new Uint8Array(32).fill(5)
  const keys = deriveReplyKeys({ enc: new Uint8Array(32), exported: new Uint8Array(32) }, responseNonce)
  const content = { modelStatement: new Uint8Array(10) }
  const open = await sealOpen({ ...draft, attempt: 1, responseNonce }, content, keys, by.identity.packet)
  return { draft, keys, responseNonce, open }
}

const draftOf = (world: Given['world'], request: SealedRequest, by: Party) => ({
  request,
  sender: by.instance,
  senderKey: by.identity.packet.publicKey,
  place: { epoch: 1n, seq: 1n },
  nowMs: world.clock.nowMs,
})

function crossed(bytes: Uint8Array): Uint8Array {
  const [first, second] = pair(bytes)
  return encode(Recipients, {
    recipients: [
      { ...first, wrappedKey: second.wrappedKey },
      { ...second, wrappedKey: first.wrappedKey },
    ],
  })
}

const turned = (bytes: Uint8Array): Uint8Array => encode(Recipients, { recipients: pair(bytes).toReversed() })

function pair(bytes: Uint8Array) {
  const [first, second] = decode(Recipients, bytes).recipients
  if (first === undefined || second === undefined) throw new Error('not two recipients')
  return [first, second] as const
}
