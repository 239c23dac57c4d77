/**
 * The stories of the saved answers: which one thing is changed before it is signed, and what must come of it. What must
 * fail or be skipped is written down here, by the protocol's §13, and not taken from what the code says.
 *
 * @module
 */
import type { Addendum, Decision, Receipt, SavedAnswer } from '@mystranet/schemas/messages'
import { keyEventDigest, signRevocation } from '../../src/keys/event.ts'
import type { CheckName } from '../../src/proof/checks/name.ts'
import { BATCHES, bytes, T0, type Twist } from '../../src/proof/fixture.ts'

export interface Tale {
  readonly name: string
  readonly fails?: readonly CheckName[]
  /** Beside those that build on one that failed. */
  readonly skips?: readonly CheckName[]
  readonly status: 'VERIFIED' | 'PARTIAL' | 'FAILED'
  readonly twist: Twist
}

const failing = (check: CheckName, what: string, twist: Twist): Tale => ({
  name: `${check}: ${what}`,
  fails: [check],
  status: 'FAILED',
  twist,
})

const lacking = (name: string, skips: readonly CheckName[], saved: NonNullable<Twist['saved']>): Tale => ({
  name,
  skips,
  status: 'PARTIAL',
  twist: { saved },
})

const leafOf = (which: string, over: object): Twist => ({
  leaf: (name, entry) => (name === which ? { ...entry, ...over } : entry),
})

const addendumOf = (which: string, change: (addendum: Addendum) => Addendum): Twist => ({
  leaf: (name, entry) => (name === which ? { ...entry, addendum: change(entry.addendum as Addendum) } : entry),
})

const decisionOf = (change: (decision: Decision) => Decision): Twist =>
  addendumOf('attempt', (addendum) => ({ ...addendum, decision: change(addendum.decision as Decision) }))

type PacketName = 'request' | 'open' | 'close'

const openingOf = (which: PacketName): Twist => ({
  saved: (saved) => ({ ...saved, [which]: { ...saved[which], opening: { salt: bytes(32, 1) } } }) as SavedAnswer,
})

const withReceipt = (saved: SavedAnswer, which: PacketName, receipt: Receipt | undefined): SavedAnswer =>
  ({ ...saved, [which]: { ...saved[which], receipt } }) as SavedAnswer

const firstBatch = (...more: readonly string[]): NonNullable<Twist['batches']> =>
  BATCHES.map(({ names, atMs }, i) => ({ names: i === 0 ? [...names, ...more] : names, atMs }))

/** The agent's packet key is revoked before the request; the leaves name that head, and the chain shows it or not. */
function revocation(isShown: boolean): Twist {
  let head: Uint8Array
  const called = isShown ? 'agent-revocation' : 'hidden'
  return {
    async events({ keys, network, digests, agent }) {
      const delegation = digests['agent-delegation'] as Uint8Array
      const key = keys.agentPacket.publicKey
      const draft = { network, createdMs: T0, instance: agent, by: keys.agentOperational, delegation, key }
      const event = await signRevocation(draft)
      head = keyEventDigest(event.body)
      return { [called]: event }
    },
    batches: firstBatch(called),
    leaf: (name, entry) =>
      name === 'open' || name === 'close'
        ? { ...entry, addendum: { ...(entry.addendum as Addendum), chainHead: head } }
        : entry,
  }
}

const VERIFIED: readonly Tale[] = [
  { name: 'whole', status: 'VERIFIED', twist: {} },
  {
    name: 'tool calls',
    status: 'VERIFIED',
    twist: {
      answer: () => ({ parts: [{ toolCall: { id: '1', name: 'clock', arguments: '{}' } }] }),
      close: (core) => ({ ...core, code: 5 }),
      closeContent: (content) => ({ ...content, frames: 1 }),
    },
  },
  {
    name: 'what is not required is skipped',
    skips: ['witness-independence', 'registry-entry', 'authorization', 'request-commitment'],
    status: 'VERIFIED',
    twist: {
      saved: ({ registryEntry: _, authorization: __, ...saved }) => ({
        ...saved,
        request: { ...saved.request, opening: undefined },
      }),
      trust: (trust) => {
        const optional: readonly CheckName[] = [
          'witness-independence',
          'registry-entry',
          'authorization',
          'request-commitment',
        ]
        const required = new Set([...trust.required].filter((name) => !optional.includes(name)))
        return { ...trust, operators: new Map(), required }
      },
    },
  },
]

const FAILED: readonly Tale[] = [
  failing('envelope', 'another network', { request: (core) => ({ ...core, network: bytes(32, 9) }) }),
  failing('envelope', 'a field of another kind', { open: (core) => ({ ...core, tableDigest: bytes(32, 1) }) }),
  failing('request-signature', 'another key', { signer: { request: 'stranger' } }),
  failing('answer-signature', 'CLOSE by another key', { signer: { close: 'stranger' } }),
  failing('binding', 'another response nonce', { close: (core) => ({ ...core, responseNonce: bytes(32, 1) }) }),
  failing(
    'binding',
    'a decision for another table version',
    decisionOf((decision) => ({ ...decision, tableVersion: 2n })),
  ),
  failing('keys', 'an expired key', { agentNotAfterMs: T0 + 11_999 }),
  failing('keys', 'a revoked key', revocation(true)),
  failing('revocation', 'a revocation is left out', revocation(false)),
  failing(
    'request-inclusion',
    'another sequence number',
    addendumOf('request', (a) => ({ ...a, seq: 6n })),
  ),
  failing('attempt-inclusion', 'another attempt', leafOf('attempt', { attempt: 2 })),
  failing('open-inclusion', 'another commitment', leafOf('open', { commitment: bytes(32, 1) })),
  failing('close-inclusion', 'another partition', leafOf('close', { partition: bytes(32, 1) })),
  failing('checkpoint', 'another log key', { logSigner: (i) => (i === 2 ? 'stranger' : 'log') }),
  failing('witness-quorum', 'two of four', {
    cosigners: (i) => ['witness2', 'witness3', ...(i === 3 ? [] : ['witness4'])],
  }),
  failing('witness-independence', 'one operator for three', {
    trust: (trust) => {
      const operators = [...trust.operators.keys()].map((witness, i) => [witness, i ? 'one' : 'two'] as const)
      return { ...trust, operators: new Map(operators) }
    },
  }),
  failing('freshness', 'a table that was not in force', { table: (table) => ({ ...table, expiresMs: T0 + 10_000 }) }),
  failing('routing-table', 'another signer', { signer: { table: 'stranger' } }),
  failing('candidate', 'a denied sender', {
    table: (table, { user }) => ({
      ...table,
      rules: [{ id: 'no', deny: true, senders: [user], candidates: [] }, ...table.rules],
    }),
  }),
  failing('request-commitment', 'another content', openingOf('request')),
  failing('answer-commitment', 'another answer', {
    saved: (saved) => ({
      ...saved,
      answer: { salt: (saved.answer as { salt: Uint8Array }).salt, content: bytes(3, 1) },
    }),
  }),
  failing('completeness', 'an answer cut by its length', { close: (core) => ({ ...core, code: 4 }) }),
  {
    name: 'completeness: no CLOSE',
    fails: ['completeness'],
    skips: ['close-inclusion', 'answer-commitment'],
    status: 'FAILED',
    twist: { saved: ({ close: _, ...saved }) => saved },
  },
  failing('model-statement', 'another signer', { signer: { statement: 'stranger' } }),
  failing('registry-entry', 'another file', { entry: (entry) => ({ ...entry, fileDigest: bytes(32, 1) }) }),
  failing('authorization', 'an end before OPEN', { authorization: (value) => ({ ...value, expiresMs: T0 + 11_000 }) }),
]

const PARTIAL: readonly Tale[] = [
  lacking('no receipt of CLOSE yet', ['keys', 'revocation', 'close-inclusion'], (saved) =>
    withReceipt(saved, 'close', undefined),
  ),
  lacking('no key chain of the agent', ['keys', 'revocation'], ({ agentKeys: _, ...saved }) => saved),
  lacking(
    'no routing table',
    ['binding', 'freshness', 'routing-table', 'candidate'],
    ({ routingTable: _, ...saved }) => saved,
  ),
  lacking('no answer', ['answer-commitment'], ({ answer: _, ...saved }) => saved),
  {
    name: 'no operators',
    skips: ['witness-independence'],
    status: 'PARTIAL',
    twist: { trust: (trust) => ({ ...trust, operators: new Map() }) },
  },
]

export const TALES: readonly Tale[] = [...VERIFIED, ...FAILED, ...PARTIAL]
