import { encode, KeyChain, Packet, RequestContent } from '@mystranet/schemas/messages'
import { parsePacket } from '@mystranet/sdk/envelope'
import { describe, expect, it } from 'vitest'
import type { DeliverTwist, LoggingRouter } from './logging-router.ts'
import { memoryLog } from './memory-log.ts'
import { HELLO, type Started, startedAgent } from './started-agent.ts'

const flip = (bytes: Uint8Array | undefined, at = -1): Uint8Array => {
  const out = (bytes as Uint8Array).slice()
  const index = at < 0 ? out.length + at : at
  out[index] = (out[index] as number) ^ 1
  return out
}

/** Each row changes one thing about a packet that would otherwise run. */
const DELIVERIES: readonly [
  string,
  string,
  DeliverTwist | ((started: Started) => Promise<DeliverTwist> | DeliverTwist),
][] = [
  ['without any proof', 'ATTEMPT_UNPROVEN', { packet: ({ delivery: _, ...rest }) => rest }],
  ['without the attempt’s receipt', 'ATTEMPT_UNPROVEN', { delivery: ({ attemptReceipt: _, ...rest }) => rest }],
  ['without the request’s receipt', 'ATTEMPT_UNPROVEN', { delivery: ({ requestReceipt: _, ...rest }) => rest }],
  [
    'with the receipts of a log that it does not trust',
    'ATTEMPT_UNPROVEN',
    async ({ clock }) => {
      const stranger = await memoryLog(clock, 'log.agent.test')
      const other = await memoryLog(clock, 'another.test')
      expect(stranger.trust.network).not.toEqual(other.trust.network)
      const key = { kind: 'attempt' as const, attempt: 1 }
      const zero = new Uint8Array(32)
      const forged = await other.append({ ...key, subject: zero, partition: zero, commitment: zero })
      return { delivery: (delivery) => ({ ...delivery, attemptReceipt: forged }) }
    },
  ],
  [
    'with a receipt that was tampered with',
    'ATTEMPT_UNPROVEN',
    { delivery: (d) => ({ ...d, attemptReceipt: flip(d.attemptReceipt) }) },
  ],
  [
    'with the attempt’s receipt in the request’s place',
    'LEAF_MISMATCH',
    { delivery: (d) => ({ ...d, requestReceipt: d.attemptReceipt }) },
  ],
  [
    'with the request’s receipt in the attempt’s place',
    'LEAF_MISMATCH',
    { delivery: (d) => ({ ...d, attemptReceipt: d.requestReceipt }) },
  ],
  [
    'whose request leaf is about another packet',
    'LEAF_MISMATCH',
    { requestLeaf: (leaf) => ({ ...leaf, subject: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose request leaf is in another partition',
    'LEAF_MISMATCH',
    { requestLeaf: (leaf) => ({ ...leaf, partition: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose request leaf commits to another content',
    'LEAF_MISMATCH',
    { requestLeaf: (leaf) => ({ ...leaf, commitment: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose request leaf names another sequence number',
    'LEAF_MISMATCH',
    {
      requestLeaf: (leaf) => ({
        ...leaf,
        addendum: { ...(leaf.addendum as object), recipients: leaf.addendum?.recipients ?? [], seq: 99n },
      }),
    },
  ],
  ['whose request leaf names no sender', 'LEAF_MISMATCH', { requestLeaf: ({ addendum: _, ...leaf }) => leaf }],
  [
    'whose attempt leaf is about another packet',
    'LEAF_MISMATCH',
    { attemptLeaf: (leaf) => ({ ...leaf, subject: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose attempt leaf is in another partition',
    'LEAF_MISMATCH',
    { attemptLeaf: (leaf) => ({ ...leaf, partition: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose attempt was decided by another table',
    'LEAF_MISMATCH',
    { attemptLeaf: (leaf) => ({ ...leaf, commitment: new Uint8Array(32).fill(1) }) },
  ],
  [
    'whose attempt is given to another agent',
    'LEAF_MISMATCH',
    {
      attemptLeaf: (leaf) => ({
        ...leaf,
        addendum: {
          recipients: [],
          decision: {
            tableVersion: 1n,
            rule: 'all',
            agent: new Uint8Array(32).fill(1),
            acceptByMs: Date.now() + 9_000,
          },
        },
      }),
    },
  ],
  ['whose attempt is older than its request', 'LEAF_MISMATCH', { attemptFirst: true }],
  ['whose attempt has no decision', 'LEAF_MISMATCH', { attemptLeaf: ({ addendum: _, ...leaf }) => leaf }],
  ['whose time to accept is over', 'ATTEMPT_LATE', { acceptByMs: Date.now() - 60_000 }],
  ['whose sender’s keys are absent', 'KEY_UNKNOWN', { delivery: (d) => ({ ...d, senderKeys: new Uint8Array([1]) }) }],
  [
    'whose sender’s keys are somebody else’s',
    'KEY_UNKNOWN',
    async ({ router }) => {
      const { chain } = await router.client('mallory')
      return { delivery: (delivery) => ({ ...delivery, senderKeys: encode(KeyChain, { events: chain }) }) }
    },
  ],
  [
    'without its sender’s packet key',
    'KEY_UNKNOWN',
    ({ router }) => ({
      delivery: (d) => ({ ...d, senderKeys: encode(KeyChain, { events: router.alice.chain.slice(0, 1) }) }),
    }),
  ],
  [
    'that was signed anew',
    'SIGNATURE_INVALID',
    { packet: (packet) => ({ ...packet, signature: flip(packet.signature, 3) }) },
  ],
  [
    'whose ciphertext was changed',
    'CIPHERTEXT_MISMATCH',
    { packet: (packet) => ({ ...packet, ciphertext: flip(packet.ciphertext) }) },
  ],
  [
    'whose recipients were changed',
    'RECIPIENTS_MISMATCH',
    { packet: (packet) => ({ ...packet, recipients: flip(packet.recipients) }) },
  ],
]

describe('a packet is refused by a signed NACK, and nothing runs,', () => {
  it.each(DELIVERIES)('%s: %s', async (_, code, twist) => {
    const started = await startedAgent(HELLO)
    const { router, ran, attempts } = started
    attempts.begin = () => Promise.reject(new Error('an attempt was recorded that was not proven'))
    const request = await router.ask('hi')
    await router.deliver(request, typeof twist === 'function' ? await twist(started) : twist)
    expect(await router.refusal(request)).toBe(code)
    expect(router.repliesTo(request, 'ACK')).toEqual([])
    expect(await attempts.find(request.id)).toMatchObject({ state: 'refused' })
    expect(ran()).toBe(0)
  })

  it('that has expired', async () => {
    const { router, ran, shift } = await startedAgent(HELLO)
    const request = await router.ask('hi', { draft: { lifetimeMs: 1_000 } })
    shift(1_001)
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('PACKET_EXPIRED')
    expect(ran()).toBe(0)
  })

  it('that is sealed to somebody else', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const stranger = { ...router.prekey(), instance: new Uint8Array(32).fill(5) }
    const request = await router.ask('hi', { draft: { candidates: [stranger] } })
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('NOT_A_RECIPIENT')
    expect(ran()).toBe(0)
  })

  it('of another network', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi', { draft: { network: new Uint8Array(32).fill(5) } })
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('NETWORK_MISMATCH')
    expect(ran()).toBe(0)
  })

  it('whose sender’s key was revoked before it', async () => {
    const { router, ran } = await startedAgent(HELLO)
    await router.alice.revoke()
    const request = await router.ask('hi')
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('KEY_REVOKED')
    expect(ran()).toBe(0)
  })

  it('whose sender’s revocation the router held back', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const before = router.alice.chain.slice()
    await router.alice.revoke()
    const request = await router.ask('hi')
    await router.deliver(request, { delivery: (d) => ({ ...d, senderKeys: encode(KeyChain, { events: before }) }) })
    expect(await router.refusal(request)).toBe('KEY_REVOKED')
    expect(ran()).toBe(0)
  })

  it('whose sender’s key had expired by then', async () => {
    const { router, ran, shift } = await startedAgent(HELLO)
    shift(3_700_000)
    const request = await router.ask('hi')
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('KEY_EXPIRED')
    expect(ran()).toBe(0)
  })

  it('whose plaintext is not what the log committed to', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const content = encode(RequestContent, {
      chat: { messages: [{ role: 'user', content: 'other', toolCalls: [] }], tools: [] },
    })
    const request = await router.ask('hi', { plain: (plain) => ({ ...plain, content }) })
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('COMMITMENT_MISMATCH')
    expect(ran()).toBe(0)
  })

  it('that no key here opens', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const { kemFor } = await import('@mystranet/sdk/keys/kem')
    const { publicKey } = (await kemFor(1)).generate()
    const request = await router.ask('hi', { draft: { candidates: [{ ...router.prekey(), kemKey: publicKey }] } })
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('OPEN_FAILED')
    expect(ran()).toBe(0)
  })

  it.each([
    ['PARAMETER_UNSUPPORTED', { tools: [{ name: 'clock' }] }],
    ['PARAMETER_UNSUPPORTED', { responseSchema: '{}' }],
    ['PARAMETER_UNSUPPORTED', { sampling: { temperatureMicro: 3_000_000, stop: [] } }],
    ['PARAMETER_UNSUPPORTED', { sampling: { seed: 1n << 63n, stop: [] } }],
    ['PARAMETER_UNSUPPORTED', { messages: [{ role: 'user', content: 'x', toolCalls: [{ id: 'a', name: 'b' }] }] }],
    ['CONTENT_INVALID', { messages: [{ role: 'root', content: 'x', toolCalls: [] }] }],
    ['CONTEXT_OVERFLOW', { messages: [{ role: 'user', content: 'word '.repeat(5_000), toolCalls: [] }] }],
  ])('that asks for what the engine does not do: %s %o', async (code, chat) => {
    const { router, ran, attempts } = await startedAgent(HELLO)
    const request = await router.ask('hi', { chat })
    await router.deliver(request)
    expect(await router.refusal(request)).toBe(code)
    expect(router.repliesTo(request, 'STREAM_OPEN')).toEqual([])
    expect(await attempts.find(request.id)).toMatchObject({ state: 'refused' })
    expect(ran()).toBe(0)
  })

  it('that is no request', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const request = await router.ask('hi')
    await router.settled(await router.deliver(request))
    const [open] = router.repliesTo(request, 'STREAM_OPEN')
    const { header, ciphertext, origin } = open as NonNullable<typeof open>
    router.push(encode(Packet, { header, ciphertext, signature: origin.signature }))
    await router.until(() =>
      router.sent().find((each) => each.type === 'log' && each.line.includes('wanted a REQUEST')),
    )
    expect(ran()).toBe(1)
  })

  it('when its record came too late, though it was in time before', async () => {
    const { router, ran, attempts, shift } = await startedAgent(HELLO)
    const { begin } = attempts
    attempts.begin = async (start) => {
      const outcome = await begin.call(attempts, start)
      shift(10_000)
      return outcome
    }
    const request = await router.ask('hi')
    await router.deliver(request)
    expect(await router.refusal(request)).toBe('ATTEMPT_LATE')
    expect(router.repliesTo(request, 'ACK')).toEqual([])
    expect(ran()).toBe(0)
  })
})

describe('no NACK is signed', () => {
  it('for an attempt whose stream has opened, whatever its CLOSE meets', async () => {
    const { router } = await startedAgent(HELLO)
    router.control.refuse = ({ kind }) => (kind === 'STREAM_CLOSE' ? 'REPLAYED' : undefined)
    const request = await router.ask('hi')
    expect(await router.settled(await router.deliver(request))).toBe('returned')
    expect(router.repliesTo(request, 'NACK')).toEqual([])
    expect(router.sent().some((each) => each.type === 'log' && each.line.startsWith('NACK'))).toBe(false)
  })

  it('when the table has another word on the attempt by then', async () => {
    const { router, attempts } = await startedAgent(HELLO)
    attempts.refuse = async () => 'taken'
    const request = await router.ask('hi', { chat: { responseSchema: '{}' } })
    expect(await router.settled(await router.deliver(request))).toBe('returned')
    expect(router.repliesTo(request, 'NACK')).toEqual([])
  })

  it('because the link went away: the attempt is interrupted', async () => {
    const { router, agent, attempts } = await startedAgent(HELLO)
    const { begin } = attempts
    attempts.begin = async (start) => {
      const outcome = await begin.call(attempts, start)
      router.wire.end()
      await agent.ended
      return outcome
    }
    const request = await router.ask('hi')
    await router.deliver(request)
    await agent.ended
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await attempts.find(request.id)).toMatchObject({ state: 'running' })
  })
})

describe('what cannot be answered goes back', () => {
  it.each([
    ['garbage', () => new Uint8Array([1, 2, 3]), 'PACKET_MALFORMED'],
    ['a packet over the cap', () => new Uint8Array(9 * 1024 * 1024), 'PACKET_TOO_LARGE'],
  ])('%s', async (_, bytes, code) => {
    const { router, ran } = await startedAgent(HELLO)
    expect(await router.settled(router.push(bytes()))).toBe('returned')
    expect(router.sent().some((each) => each.type === 'log' && each.line.includes(code))).toBe(true)
    expect(ran()).toBe(0)
  })

  it('and what comes while there is no room', async () => {
    const { router } = await startedAgent({ '*': { pieces: ['one', { fault: 'hang' }] } }, { maxRunning: 1 })
    const first = await router.ask('one')
    await router.deliver(first)
    await router.until(() => router.framesOf(first).length > 0)
    const second = await router.ask('two')
    expect(await router.settled(await router.deliver(second))).toBe('returned')
    expect(router.repliesTo(second)).toEqual([])
    await router.cancel(first)
    await router.until(() => router.finishes(first)[0])
  })
})

describe('garbage of every kind', () => {
  it('runs nothing and leaves the agent working', async () => {
    const { router, ran } = await startedAgent(HELLO)
    const good = await router.ask('hi')
    const seed = { value: 7 }
    const random = () => {
      seed.value = (seed.value * 1_103_515_245 + 12_345) % 2 ** 31
      return seed.value
    }
    const leases = await mutate(router, good.bytes, random, 150)
    for (const lease of leases) await router.settled(lease)
    expect(ran()).toBe(0)
    expect(parsePacket(good.bytes).kind).toBe('REQUEST')
    const fine = await router.ask('still there?')
    expect(await router.settled(await router.deliver(fine))).toBe('finished')
    expect(ran()).toBe(1)
  })
})

async function mutate(
  router: LoggingRouter,
  bytes: Uint8Array,
  random: () => number,
  count: number,
): Promise<string[]> {
  const leases: string[] = []
  for (let i = 0; i < count; i++) {
    const copy = bytes.slice(0, random() % 9 === 0 ? random() % bytes.length : undefined)
    for (let changes = 1 + (random() % 3); changes > 0; changes--) copy[random() % copy.length] = random() % 256
    leases.push(router.push(copy))
    while (
      leases.length % 16 === 0 &&
      router.sent().filter(({ type }) => type === 'returned' || type === 'finished').length < leases.length
    ) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  return leases
}
