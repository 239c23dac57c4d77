import { type Addendum, BatchRoot, type Decision, encode, SavedAnswer } from '@mystranet/schemas/messages'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { PAYLOAD_TYPES, pae } from '../envelope/dsse.ts'
import { parseHeader } from '../envelope/parse.ts'
import { keyEventDigest, signPacketKey, signRevocation } from '../keys/event.ts'
import { CHECK_NAMES, type CheckName } from './checks/name.ts'
import { CHECKS } from './checks/table.ts'
import { examine, type Verdict } from './examine.ts'
import { BATCHES, bytes, type Story, storyFixture, T0, type Twist } from './fixture.ts'
import { computeRoot, hashLeaf } from './merkle.ts'
import { VerdictError, verify } from './verify.ts'

// A verdict on a signature is a pure function, and these tests ask for the same ones over and over.
vi.mock('#primitives', async (importActual) => {
  const actual = await importActual<typeof import('#primitives')>()
  const known = new Map<string, boolean>()
  const verifyEd25519: typeof actual.verifyEd25519 = (key, message, signature) => {
    const question = `${Buffer.from(key).toString('latin1')} ${Buffer.from(signature).toString('latin1')} ${Buffer.from(message).toString('latin1')}`
    const verdict = known.get(question) ?? (actual.verifyEd25519(key, message, signature) as boolean)
    known.set(question, verdict)
    return verdict
  }
  return { ...actual, verifyEd25519 }
})

const named = (verdict: Verdict, result: string) =>
  verdict.checks.filter((row) => row.result === result).map(({ name }) => name)
const reasonFor = (verdict: Verdict, name: CheckName) => verdict.checks.find((row) => row.name === name)!.reason

async function tell(twist: Twist): Promise<Verdict> {
  const { saved, trust } = await storyFixture(twist)
  return examine(saved, trust)
}

/** Replaces names in the batches of the story. */
const inBatches = (change: (names: readonly string[], batch: number) => readonly string[]) =>
  BATCHES.map(({ names, atMs }, i) => ({ names: change(names, i), atMs }))

describe('a whole story', () => {
  let story: Story
  let verdict: Verdict
  beforeAll(async () => {
    story = await storyFixture()
    verdict = await examine(story.saved, story.trust)
  })

  it('passes every check', () => {
    expect(verdict.checks.filter(({ result }) => result !== 'pass')).toEqual([])
    expect(verdict.status).toBe('VERIFIED')
    expect(verdict.line).toBe('VERIFIED under "local"')
  })

  it('lists the checks of the protocol in its order', () => {
    expect(verdict.checks.map(({ name }) => name)).toEqual(CHECK_NAMES)
    expect(CHECKS.map(({ name }) => name).toSorted()).toEqual([...CHECK_NAMES].toSorted())
  })

  it('shows question, answer, model and names', () => {
    expect(verdict.request).toMatchObject({ target: 'misty.weave', createdMs: T0 + 10_000 })
    expect(verdict.request?.messages).toMatchObject([{ role: 'user', content: 'What is a weave?' }])
    expect(verdict.answer).toMatchObject({
      text: 'Threads that hold each other.',
      finish: 'STOP',
      isComplete: true,
      attempt: 1,
      usage: { promptTokens: 5, completionTokens: 6 },
    })
    expect(verdict.answer?.model).toMatchObject({ name: 'tiny.gguf', engine: 'llama.cpp' })
    expect(verdict.answer?.agent).toMatch(/^weave1/)
    expect(verdict.request?.sender).toMatch(/^weave1/)
    expect(reasonFor(verdict, 'revocation')).toBe('asserted by the log')
  })

  it('gives the same verdict for the bytes', async () => {
    expect(await examine(encode(SavedAnswer, story.saved), story.trust)).toEqual(verdict)
  })

  it('says that the trust file is of the first use', async () => {
    const { line, firstUse } = await examine(story.saved, { ...story.trust, firstUse: true })
    expect(firstUse).toBe(true)
    expect(line).toMatch(/^VERIFIED under "local" \(first use/)
  })

  it('quotes the name of the trust file, so that it cannot pass for more', async () => {
    const { line } = await examine(story.saved, { ...story.trust, name: 'a" by everyone' })
    expect(line).toBe('VERIFIED under "a\\" by everyone"')
  })

  it('takes documents that the verifier has from elsewhere', async () => {
    const { registryEntry, authorization, ...rest } = story.saved
    expect(named(await examine(rest, story.trust), 'skipped')).toEqual(['registry-entry', 'authorization'])
    expect((await examine(rest, story.trust, { registryEntry, authorization })).status).toBe('VERIFIED')
  })
})

/** The agent signs OPEN with one of its live keys and CLOSE with another. */
const TWO_KEYS: Twist = {
  async events({ keys, network, digests, agent: instance }) {
    const { agentOperational: operational, stranger: packetKey } = keys
    const at = { network, instance, createdMs: T0, notAfterMs: T0 + 99_999, delegation: digests['agent-delegation']! }
    return { 'agent-second-key': await signPacketKey({ ...at, operational, packetKey }) }
  },
  batches: inBatches((names, i) => (i === 0 ? [...names, 'agent-second-key'] : names)),
  close: (core, { keys }) => ({ ...core, senderKey: keys.stranger.publicKey }),
  signer: { close: 'stranger' },
}

/** Each twist makes exactly one check fail; what builds on it is skipped, and nothing else fails. */
const FAILURES: readonly (readonly [CheckName, string, RegExp, Twist])[] = [
  ['envelope', 'another network', /NETWORK_MISMATCH/, { request: (core) => ({ ...core, network: bytes(32, 9) }) }],
  [
    'envelope',
    'a field of another kind',
    /FIELD_INVALID/,
    { open: (core) => ({ ...core, tableDigest: bytes(32, 1) }) },
  ],
  [
    'envelope',
    'packets swapped',
    /KIND_UNKNOWN/,
    { saved: (saved) => ({ ...saved, open: saved.close, close: saved.open }) },
  ],
  [
    'envelope',
    'a packet without a signature',
    /not signed/,
    { saved: (saved) => ({ ...saved, open: { ...saved.open!, signature: undefined } }) },
  ],
  ['request-signature', 'another key', /SIGNATURE_INVALID/, { signer: { request: 'stranger' } }],
  ['answer-signature', 'OPEN by another key', /OPEN: /, { signer: { open: 'stranger' } }],
  ['answer-signature', 'CLOSE by another key', /CLOSE: /, { signer: { close: 'stranger' } }],
  ['answer-signature', 'two keys of the agent', /two keys/, TWO_KEYS],
  ['binding', 'two senders', /two senders/, { close: (core, { user }) => ({ ...core, sender: user }) }],
  ['binding', 'another packet', /replies to another/, { close: (core) => ({ ...core, inReplyTo: bytes(32, 1) }) }],
  ['binding', 'another attempt', /two attempts/, { close: (core) => ({ ...core, attempt: 2 }) }],
  ['binding', 'another nonce', /response nonces/, { close: (core) => ({ ...core, responseNonce: bytes(32, 1) }) }],
  ['binding', 'another suite', /suite 2/, { open: (core) => ({ ...core, suite: 2 }) }],
  ['binding', 'another correlation id', /correlation/, { open: (core) => ({ ...core, correlationId: bytes(16, 1) }) }],
  ['binding', 'another target', /another instance/, { open: (core) => ({ ...core, targetInstance: bytes(32, 1) }) }],
  [
    'binding',
    'another stream',
    /another stream/,
    { closeContent: (content) => ({ ...content, stream: bytes(32, 1) }) },
  ],
  [
    'binding',
    'a decision for another version',
    /another version/,
    decisionOf((decision) => ({ ...decision, tableVersion: 2n })),
  ],
  ['keys', 'an expired key', /KEY_EXPIRED/, { agentNotAfterMs: T0 + 11_999 }],
  ['keys', 'a chain cut at its end', /KEY_UNKNOWN/, cutChain('agentKeys', 1)],
  [
    'keys',
    'the chain of another',
    /another instance/,
    { saved: (saved) => ({ ...saved, agentKeys: saved.senderKeys }) },
  ],
  ['keys', 'a revoked key', /KEY_REVOKED/, agentRevocation(true)],
  ['revocation', 'a chain that leaves out a revocation', /events were left out/, agentRevocation(false)],
  ['revocation', 'no head', /names no chain head/, addendumOf('open', ({ chainHead: _, ...rest }) => rest)],
  ['request-inclusion', 'another subject', /another subject/, leafOf('request', { subject: bytes(32, 1) })],
  ['request-inclusion', 'another partition', /another partition/, leafOf('request', { partition: bytes(32, 1) })],
  ['request-inclusion', 'another kind', /of kind replay/, leafOf('request', { kind: 'replay' })],
  ['request-inclusion', 'another commitment', /another commitment/, leafOf('request', { commitment: bytes(32, 1) })],
  [
    'request-inclusion',
    'another sender',
    /another sender/,
    addendumOf('request', (a) => ({ ...a, sender: bytes(32, 1) })),
  ],
  [
    'request-inclusion',
    'another key',
    /another sender/,
    addendumOf('request', (a) => ({ ...a, senderKey: bytes(32, 1) })),
  ],
  ['request-inclusion', 'another epoch', /another sender/, addendumOf('request', (a) => ({ ...a, epoch: 6n }))],
  ['request-inclusion', 'another seq', /another sender/, addendumOf('request', (a) => ({ ...a, seq: 6n }))],
  ['request-inclusion', 'other recipients', /another sender/, addendumOf('request', (a) => ({ ...a, recipients: [] }))],
  [
    'request-inclusion',
    'the path of another leaf',
    /PROOF_INVALID/,
    { saved: (saved) => withReceipt(saved, 'request', (receipt) => ({ ...receipt, path: saved.attempt!.path })) },
  ],
  ['attempt-inclusion', 'another number', /names attempt 2/, leafOf('attempt', { attempt: 2 })],
  ['attempt-inclusion', 'another table', /another commitment/, leafOf('attempt', { commitment: bytes(32, 1) })],
  ['attempt-inclusion', 'no decision', /no decision/, addendumOf('attempt', ({ decision: _, ...rest }) => rest)],
  [
    'attempt-inclusion',
    'a place before the request',
    /before its request/,
    { batches: inBatches((names, i) => (i === 1 ? names.toReversed() : names)) },
  ],
  [
    'attempt-inclusion',
    'a place after OPEN',
    /not before OPEN/,
    { batches: inBatches((names, i) => [names, ['request'], ['open', 'attempt'], names][i]!) },
  ],
  ['open-inclusion', 'another commitment', /another commitment/, leafOf('open', { commitment: bytes(32, 1) })],
  ['open-inclusion', 'another attempt', /names attempt 3/, leafOf('open', { attempt: 3 })],
  ['close-inclusion', 'another partition', /another partition/, leafOf('close', { partition: bytes(32, 1) })],
  ['close-inclusion', 'another attempt', /names attempt 3/, leafOf('close', { attempt: 3 })],
  [
    'checkpoint',
    'another log key',
    /does not verify|no known key/,
    { logSigner: (i) => (i === 2 ? 'stranger' : 'log') },
  ],
  [
    'witness-quorum',
    'two of four',
    /no quorum/,
    { cosigners: (i) => ['witness2', 'witness3', ...(i === 3 ? [] : ['witness4'])] },
  ],
  [
    'witness-independence',
    'one operator for three',
    /count once/,
    {
      trust: (trust) => ({
        ...trust,
        operators: new Map([...trust.operators.keys()].map((w, i) => [w, i ? 'one' : 'two'])),
      }),
    },
  ],
  [
    'freshness',
    'a table that was not in force',
    /not in force/,
    { table: (table) => ({ ...table, expiresMs: T0 + 10_000 }) },
  ],
  [
    'freshness',
    'an early leaf',
    /of another time/,
    { request: (core) => ({ ...core, createdMs: T0 + 40_501, expiresMs: T0 + 50_000 }) },
  ],
  [
    'freshness',
    'a late cosignature',
    /cosigned at another/,
    { cosignedAt: (i, usual) => usual + (i === 1 ? 90n : i ? 95n : 0n) },
  ],
  ['routing-table', 'another signer', /no table signer/, { signer: { table: 'stranger' } }],
  [
    'routing-table',
    'another table',
    /not the table that/,
    { request: (core) => ({ ...core, tableDigest: bytes(32, 1) }), ...leafOf('attempt', { commitment: bytes(32, 1) }) },
  ],
  ['routing-table', 'the leaf of another', /another subject/, leafOf('table', { subject: bytes(32, 1) })],
  [
    'routing-table',
    'a leaf after the attempt',
    /not before the attempt/,
    {
      batches: inBatches((names, i) =>
        i === 0 ? names.filter((n) => n !== 'table') : i === 1 ? [...names, 'table'] : names,
      ),
    },
  ],
  [
    'candidate',
    'a rule that is not the first',
    /names rule other/,
    decisionOf((decision) => ({ ...decision, rule: 'other' })),
  ],
  [
    'candidate',
    'an agent that the rule does not name',
    /no candidate of the rule/,
    {
      table: (table) => ({
        ...table,
        rules: table.rules.map((rule) => ({ ...rule, candidates: [{ instance: bytes(32, 1) }] })),
      }),
    },
  ],
  [
    'candidate',
    'a denied sender',
    /NOT_PERMITTED/,
    {
      table: (table, { user }) => ({
        ...table,
        rules: [{ id: 'no', deny: true, senders: [user], candidates: [] }, ...table.rules],
      }),
    },
  ],
  ['request-commitment', 'another content', /COMMITMENT_MISMATCH/, openingOf('request')],
  ['answer-commitment', 'another content of OPEN', /content of OPEN/, openingOf('open')],
  ['answer-commitment', 'another content of CLOSE', /content of CLOSE/, openingOf('close')],
  [
    'answer-commitment',
    'another answer',
    /content of answer/,
    { saved: (saved) => ({ ...saved, answer: { ...saved.answer!, content: bytes(3, 1) } }) },
  ],
  ['completeness', 'a cut answer', /ended with LENGTH/, { close: (core) => ({ ...core, code: 4 }) }],
  ['completeness', 'no frame', /STOP without a frame/, { closeContent: ({ frames: _, ...rest }) => rest }],
  ['model-statement', 'another signer', /may not sign/, { signer: { statement: 'stranger' } }],
  [
    'model-statement',
    'another agent',
    /names another agent/,
    { statement: (value, { user }) => ({ ...value, agent: user }) },
  ],
  [
    'model-statement',
    'another network',
    /NETWORK_MISMATCH/,
    { statement: (value) => ({ ...value, network: bytes(32, 9) }) },
  ],
  ['model-statement', 'the leaf of another', /another subject/, leafOf('statement', { subject: bytes(32, 1) })],
  [
    'model-statement',
    'a leaf after OPEN',
    /not before OPEN/,
    {
      batches: inBatches((names, i) =>
        i === 0 ? names.filter((n) => n !== 'statement') : i === 2 ? [...names, 'statement'] : names,
      ),
    },
  ],
  ['registry-entry', 'another publisher', /may not sign/, { signer: { entry: 'stranger' } }],
  ['registry-entry', 'another file', /fileDigest/, { entry: (entry) => ({ ...entry, fileDigest: bytes(32, 1) }) }],
  [
    'registry-entry',
    'another template',
    /chatTemplateDigest/,
    { entry: (entry) => ({ ...entry, chatTemplateDigest: bytes(32, 1) }) },
  ],
  [
    'registry-entry',
    'another entry than named',
    /another entry or none/,
    { statement: (value) => ({ ...value, registryEntry: bytes(32, 1) }) },
  ],
  ['authorization', 'another signer', /may not sign/, { signer: { authorization: 'stranger' } }],
  [
    'authorization',
    'another agent',
    /another agent/,
    { authorization: (value, { user }) => ({ ...value, agent: user }) },
  ],
  [
    'authorization',
    'another file',
    /fileDigest/,
    { authorization: (value) => ({ ...value, fileDigest: bytes(32, 1) }) },
  ],
  [
    'authorization',
    'an end before OPEN',
    /it holds from/,
    { authorization: (value) => ({ ...value, expiresMs: T0 + 11_000 }) },
  ],
  [
    'authorization',
    'another than named',
    /another authorization or none/,
    { statement: (value) => ({ ...value, authorization: bytes(32, 1) }) },
  ],
]

describe('each check', () => {
  it.each(FAILURES)('%s fails alone: %s', async (name, _, reason, twist) => {
    const verdict = await tell(twist)
    expect(named(verdict, 'fail')).toEqual([name])
    expect(reasonFor(verdict, name)).toMatch(reason)
    expect(verdict.status).toBe('FAILED')
    await expect(verify((await storyFixture(twist)).saved, (await storyFixture(twist)).trust)).rejects.toMatchObject({
      code: 'VERDICT_FAILED',
    })
  })

  it.each(CHECK_NAMES)('%s has such a case', (name) => {
    expect(FAILURES.some(([each]) => each === name)).toBe(true)
  })

  it('fails binding and candidate when another agent answers', async () => {
    const verdict = await tell(decisionOf((decision) => ({ ...decision, agent: bytes(32, 1) })))
    expect(named(verdict, 'fail')).toEqual(['binding'])
    expect(reasonFor(verdict, 'binding')).toMatch(/decision names another agent/)
    const elsewhere = await tell({ request: (core) => ({ ...core, recipients: [bytes(32, 1)] }) })
    expect(named(elsewhere, 'fail')).toEqual(['binding', 'candidate'])
  })

  it('takes a request that was signed in a batch, and no other packet for it', async () => {
    const { saved, trust, keys } = await storyFixture()
    const { header } = saved.request
    const signed = pae(PAYLOAD_TYPES.packet, header)
    const leaves = [hashLeaf(signed), hashLeaf(bytes(3, 1))]
    const { network, senderKey, epoch, seq, createdMs } = parseHeader(header).core
    const root = { network, senderKey, epoch, createdMs, firstSeq: seq, size: 2, root: computeRoot(leaves) }
    const statement = encode(BatchRoot, root)
    const signature = await keys.userPacket.sign(pae(PAYLOAD_TYPES['batch-root'], statement))
    const verdictOn = (path: readonly Uint8Array[]) =>
      examine(
        { ...saved, request: { ...saved.request, signature: undefined, batch: { statement, signature, path } } },
        trust,
      )
    expect((await verdictOn([leaves[1]!])).status).toBe('VERIFIED')
    expect(named(await verdictOn([leaves[0]!]), 'fail')).toEqual(['request-signature'])
  })

  it('fails on two roots for one size', async () => {
    const other = await storyFixture({ statement: (value) => ({ ...value, name: 'else' }) })
    const twist: Twist = { saved: (saved) => ({ ...saved, routingTableReceipt: other.saved.routingTableReceipt }) }
    expect(reasonFor(await tell(twist), 'checkpoint')).toMatch(/forked/)
  })
})

/** What is not there is skipped with a reason, and makes the verdict PARTIAL where it is required. */
const GAPS: readonly (readonly [string, readonly CheckName[], (saved: SavedAnswer) => SavedAnswer])[] = [
  [
    'no receipt of CLOSE yet',
    ['keys', 'revocation', 'close-inclusion'],
    (saved) => withReceipt(saved, 'close', () => undefined),
  ],
  ['no key chain of the agent', ['keys', 'revocation'], ({ agentKeys: _, ...saved }) => saved],
  [
    'no routing table',
    ['binding', 'freshness', 'routing-table', 'candidate'],
    ({ routingTable: _, ...saved }) => saved,
  ],
  [
    'no content of the request',
    ['request-commitment'],
    (saved) => ({ ...saved, request: { ...saved.request, opening: undefined } }),
  ],
  ['no answer', ['answer-commitment'], ({ answer: _, ...saved }) => saved],
  [
    'no receipt of the model statement',
    ['model-statement', 'registry-entry', 'authorization'],
    ({ modelStatementReceipt: _, ...saved }) => saved,
  ],
]

describe('what is missing', () => {
  it.each(GAPS)('%s', async (_, skipped, saved) => {
    const verdict = await tell({ saved })
    expect(named(verdict, 'skipped')).toEqual(skipped)
    expect(named(verdict, 'fail')).toEqual([])
    expect(verdict.checks.filter((row) => row.result === 'skipped').every(({ reason }) => reason !== '')).toBe(true)
    expect(verdict.status).toBe('PARTIAL')
    const lenient = (trust: Story['trust']) => ({ ...trust, required: new Set<CheckName>() })
    expect((await tell({ saved, trust: lenient })).status).toBe('VERIFIED')
  })

  it('shows the answer before the receipt of CLOSE comes', async () => {
    const verdict = await tell({ saved: (saved) => withReceipt(saved, 'close', () => undefined) })
    expect(verdict.answer).toMatchObject({ text: 'Threads that hold each other.', isComplete: true })
    expect(verdict.answer?.agent).toMatch(/^weave1/)
  })

  it('is no answer without CLOSE', async () => {
    const verdict = await tell({ saved: ({ close: _, ...saved }) => saved })
    expect(named(verdict, 'fail')).toEqual(['completeness'])
    expect(reasonFor(verdict, 'completeness')).toMatch(/STREAM_TRUNCATED/)
    expect(verdict.answer).toBeUndefined()
  })

  it('is no independence without operators', async () => {
    const verdict = await tell({ trust: (trust) => ({ ...trust, operators: new Map() }) })
    expect(named(verdict, 'skipped')).toEqual(['witness-independence'])
  })

  it('is nothing at all without receipts', async () => {
    const { saved, trust } = await storyFixture()
    const { header, signature } = saved.request
    const verdict = await examine({ version: 1, request: { header, signature } }, trust)
    expect(named(verdict, 'pass')).toEqual(['envelope', 'request-signature'])
    expect(verdict.request?.messages).toBeUndefined()
    expect(verdict.request?.sender).toBeUndefined()
  })
})

describe('what is shown', () => {
  it('is no text that does not open its commitment', async () => {
    const verdict = await tell({ saved: (saved) => ({ ...saved, answer: { ...saved.answer!, salt: bytes(32, 1) } }) })
    expect(verdict.answer).toBeUndefined()
  })

  it('is no question that does not open its commitment', async () => {
    expect((await tell(openingOf('request'))).request?.messages).toBeUndefined()
  })

  it('is no answer that another key signed', async () => {
    expect((await tell({ signer: { close: 'stranger' } })).answer).toBeUndefined()
    expect((await tell({ signer: { request: 'stranger' } })).request).toBeUndefined()
  })

  it('is no name that the keys do not prove', async () => {
    const { answer } = await tell({ saved: ({ agentKeys: _, ...saved }) => saved })
    expect(answer?.text).toBe('Threads that hold each other.')
    expect(answer?.agent).toBeUndefined()
  })

  it('is no tool call of an answer that was cut', async () => {
    const answer: NonNullable<Twist['answer']> = () => ({
      parts: [{ toolCall: { id: '1', name: 'rm', arguments: '{}' } }],
    })
    const whole = await tell({ answer, close: (core) => ({ ...core, code: 5 }) })
    expect(whole.status).toBe('VERIFIED')
    expect(whole.answer?.toolCalls).toHaveLength(1)
    const cut = await tell({ answer, close: (core) => ({ ...core, code: 7 }) })
    expect(cut.answer).toMatchObject({ isComplete: false, finish: 'ERROR', toolCalls: [] })
  })
})

describe('wrong bytes', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['noise', bytes(500, 0xa5)],
    ['too much', new Uint8Array(16 * 1024 * 1024 + 1)],
    ['a receipt file', utf8Like()],
  ])('%s is FAILED at envelope, and nothing is thrown', async (_, wrong) => {
    const { trust } = await storyFixture()
    const verdict = await examine(wrong, trust)
    expect(named(verdict, 'fail')).toEqual(['envelope'])
    expect(named(verdict, 'skipped')).toHaveLength(CHECK_NAMES.length - 1)
    expect([verdict.request, verdict.answer]).toEqual([undefined, undefined])
  })

  it('includes a message that has no encoding', async () => {
    const { trust, saved } = await storyFixture()
    const verdict = await examine({ ...saved, request: { ...saved.request, header: bytes(4_001, 1) } }, trust)
    expect(named(verdict, 'fail')).toEqual(['envelope'])
    expect(named(await examine({ ...saved, version: 2 }, trust), 'fail')).toEqual(['envelope'])
    const wrong = { ...saved, request: { ...saved.request, header: 'text' } } as unknown as SavedAnswer
    expect(named(await examine(wrong, trust), 'fail')).toEqual(['envelope'])
  })

  it('flipped in any byte are never VERIFIED, unless all that is shown is the same', async () => {
    // Every cosignature is needed here; one beyond the quorum that no longer names its witness would be ignored.
    const { saved, trust } = await storyFixture({ cosigners: () => ['witness2', 'witness3', 'witness4'] })
    const whole = encode(SavedAnswer, saved)
    expect((await examine(whole, trust)).status).toBe('VERIFIED')
    const believed: number[] = []
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.slice()
      flipped[at]! ^= 1 << (at % 8)
      if ((await examine(flipped, trust)).status === 'VERIFIED') believed.push(at)
    }
    expect(believed).toEqual([])
  }, 300_000)

  it('flipped in a cosignature beyond the quorum change nothing that is shown', async () => {
    const { saved, trust } = await storyFixture()
    const whole = encode(SavedAnswer, saved)
    const shown = ({ request, answer }: Verdict) => JSON.stringify([request, answer])
    const truth = shown(await examine(whole, trust))
    const name = new TextEncoder().encode('witness5')
    let ignored = 0
    for (let at = 0; at < whole.length; at++) {
      if (!name.every((byte, i) => whole[at + i] === byte)) continue
      const flipped = whole.slice()
      flipped[at]! ^= 1
      const verdict = await examine(flipped, trust)
      expect(verdict.status).toBe('VERIFIED')
      expect(shown(verdict)).toBe(truth)
      ignored += 1
    }
    expect(ignored).toBeGreaterThan(0)
  })
})

describe('verify()', () => {
  it('gives the answer with its verdict', async () => {
    const { saved, trust } = await storyFixture()
    const answer = await verify(saved, trust)
    expect(answer.text).toBe('Threads that hold each other.')
    expect(answer.verdict.line).toBe('VERIFIED under "local"')
  })

  it('throws VERDICT_PARTIAL with the verdict', async () => {
    const { saved, trust } = await storyFixture({ saved: ({ agentKeys: _, ...rest }) => rest })
    const error = await verify(saved, trust).catch((caught) => caught)
    expect(error).toBeInstanceOf(VerdictError)
    expect(error).toMatchObject({ code: 'VERDICT_PARTIAL', verdict: { status: 'PARTIAL' } })
    expect(error.message).toMatch(/keys: the agent's key chain is not here/)
  })

  it('throws VERDICT_PARTIAL for an answer that is not disclosed, whatever is required', async () => {
    const { saved, trust } = await storyFixture({ saved: ({ answer: _, ...rest }) => rest })
    const error = await verify(saved, { ...trust, required: new Set() }).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'VERDICT_PARTIAL', verdict: { status: 'VERIFIED' } })
  })
})

function leafOf(which: string, over: object): Twist {
  return { leaf: (name, entry) => (name === which ? { ...entry, ...over } : entry) }
}

function addendumOf(which: string, change: (addendum: Addendum) => Addendum): Twist {
  return { leaf: (name, entry) => (name === which ? { ...entry, addendum: change(entry.addendum!) } : entry) }
}

function decisionOf(change: (decision: Decision) => Decision): Twist {
  return addendumOf('attempt', (addendum) => ({ ...addendum, decision: change(addendum.decision!) }))
}

function cutChain(which: 'agentKeys' | 'senderKeys', length: number): Twist {
  return { saved: (saved) => ({ ...saved, [which]: { events: saved[which]!.events.slice(0, length) } }) }
}

function openingOf(which: 'request' | 'open' | 'close'): Twist {
  return { saved: (saved) => ({ ...saved, [which]: { ...saved[which]!, opening: { salt: bytes(32, 1) } } }) }
}

function withReceipt(
  saved: SavedAnswer,
  which: 'request' | 'open' | 'close',
  change: (receipt: NonNullable<SavedAnswer['attempt']>) => SavedAnswer['attempt'],
): SavedAnswer {
  return { ...saved, [which]: { ...saved[which]!, receipt: change(saved[which]!.receipt!) } }
}

/** The agent's packet key is revoked before the request; the leaves name that head, the chain shows it or not. */
function agentRevocation(isShown: boolean): Twist {
  let head: Uint8Array
  return {
    async events({ keys, network, digests, agent }) {
      const { agentOperational: by, agentPacket } = keys
      const delegation = digests['agent-delegation']!
      const event = await signRevocation({
        network,
        createdMs: T0,
        instance: agent,
        by,
        delegation,
        key: agentPacket.publicKey,
      })
      head = keyEventDigest(event.body)
      return { [isShown ? 'agent-revocation' : 'hidden']: event }
    },
    batches: inBatches((names, i) => (i === 0 ? [...names, isShown ? 'agent-revocation' : 'hidden'] : names)),
    leaf: (name, entry) =>
      name === 'open' || name === 'close' ? { ...entry, addendum: { ...entry.addendum!, chainHead: head } } : entry,
  }
}

function utf8Like(): Uint8Array {
  return new TextEncoder().encode('c2sp.org/tlog-proof@v1\n')
}

it('a CLOSE that names no stream ends none', async () => {
  const verdict = await tell({ closeContent: ({ stream: _, ...rest }) => rest })
  expect(reasonFor(verdict, 'binding')).toMatch(/CLOSE ends another stream/)
})

it('a leaf before all events of its sender names no head of its chain', async () => {
  const [first, second, ...rest] = BATCHES as readonly [(typeof BATCHES)[0], (typeof BATCHES)[0]]
  const verdict = await tell({ batches: [second, first, ...rest] })
  expect(reasonFor(verdict, 'revocation')).toMatch(/the leaf of request names another chain head/)
})

describe('the leaf of a request', () => {
  it.each<[string, (addendum: Addendum) => Addendum]>([
    ['no sender', ({ sender: _, ...rest }) => rest],
    ['no key', ({ senderKey: _, ...rest }) => rest],
    ['as many other recipients', (addendum) => ({ ...addendum, recipients: [bytes(32, 1)] })],
  ])('that names %s is of another', async (_, change) => {
    const verdict = await tell(addendumOf('request', change))
    expect(reasonFor(verdict, 'request-inclusion')).toMatch(/its addendum names another sender/)
  })
})

it.each<[string, CheckName, string, (saved: SavedAnswer) => SavedAnswer]>([
  ['no receipt of the attempt', 'attempt-inclusion', 'the attempt has no receipt', ({ attempt: _, ...rest }) => rest],
  [
    'no receipt of the request',
    'attempt-inclusion',
    'the leaf of the request is not proven',
    (saved) => withReceipt(saved, 'request', () => undefined),
  ],
  [
    'no receipt of the attempt, for its time',
    'freshness',
    'the leaf of the attempt is not proven',
    ({ attempt: _, ...rest }) => rest,
  ],
  [
    'no receipt of the attempt, for its binding',
    'binding',
    'the leaf of the attempt is not proven',
    ({ attempt: _, ...rest }) => rest,
  ],
  [
    'no receipt of the attempt, for its table',
    'routing-table',
    'the leaf of the attempt is not proven',
    ({ attempt: _, ...rest }) => rest,
  ],
  ['no reply', 'candidate', 'there is no answer', ({ open: _, close: __, ...rest }) => rest],
  [
    'no receipt of OPEN, for its model',
    'model-statement',
    'the leaf of OPEN is not proven',
    (saved) => withReceipt(saved, 'open', () => undefined),
  ],
  [
    'no receipt of the routing table',
    'routing-table',
    'the routing table or its receipt is not here',
    ({ routingTableReceipt: _, ...rest }) => rest,
  ],
  [
    'no receipt of OPEN',
    'attempt-inclusion',
    'the leaf of OPEN is not proven',
    (saved) => withReceipt(saved, 'open', () => undefined),
  ],
  [
    'no receipt of OPEN, for its keys',
    'keys',
    'the leaf of OPEN is not proven',
    (saved) => withReceipt(saved, 'open', () => undefined),
  ],
])('with %s it says so', async (_, name, reason, saved) => {
  const verdict = await tell({ saved })
  expect(verdict.checks.find((row) => row.name === name)).toMatchObject({ result: 'skipped', reason })
})

it('the keys of an answer without OPEN are those of its CLOSE', async () => {
  const verdict = await tell({ saved: ({ open: _, ...rest }) => rest })
  expect(named(verdict, 'fail')).not.toContain('keys')
})

describe('key events, table and statement proven anew, an hour after the answer', () => {
  const old = BATCHES[0]!.names
  const later = (twist: Twist = {}, more: readonly string[] = []): Twist => ({
    ...twist,
    batches: [
      ...(twist.batches ?? BATCHES),
      { names: more, others: 900, atMs: T0 + 3_600_000, anew: [...old, ...(twist.batches?.[0]?.names ?? [])] },
    ],
  })

  it('share one checkpoint, and prove as much as at first, though keys expired meanwhile', async () => {
    // Live until the quorum of CLOSE's checkpoint, and no longer.
    const { saved, trust } = await storyFixture(later({ agentNotAfterMs: T0 + 14_000 }))
    const { checkpoint } = saved.routingTableReceipt!
    const chains = [saved.senderKeys!, saved.agentKeys!].flatMap(({ events }) => events)
    expect(chains.every(({ receipt }) => receipt.checkpoint === checkpoint)).toBe(true)
    expect(saved.close?.receipt?.checkpoint).not.toEqual(checkpoint)
    expect((await examine(saved, trust)).line).toBe('VERIFIED under "local"')
  })

  it('make no key live that had expired', async () => {
    const verdict = await tell(later({ agentNotAfterMs: T0 + 11_999 }))
    expect(reasonFor(verdict, 'keys')).toMatch(/KEY_EXPIRED|had expired/)
  })

  it('make no key live that had been revoked', async () => {
    const verdict = await tell(later(agentRevocation(true)))
    expect(reasonFor(verdict, 'keys')).toMatch(/KEY_REVOKED|had ended/)
  })

  it('keep a key live that was revoked after the answer, under the same checkpoint', async () => {
    const { events } = agentRevocation(true)
    const verdict = await tell(later({ events: events! }, ['agent-revocation']))
    expect(verdict.line).toBe('VERIFIED under "local"')
  })
})
