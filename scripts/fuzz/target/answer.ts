import { CODES, type Code } from '../../../packages/schemas/src/codes.ts'
import { OUTCOMES } from '../../../packages/schemas/src/kinds.ts'
import {
  AnswerContent,
  CloseContent,
  encode,
  type HeaderCore,
  KeyChain,
  Notice,
  OpenContent,
} from '../../../packages/schemas/src/messages.ts'
import { anInstance, fixed, keyOf, NOW_MS } from '../../../packages/sdk/conformance/make/fixed.ts'
import { fixedCore, replyDraftOf, replyKeysOf, sealReplyFixed } from '../../../packages/sdk/conformance/make/packet.ts'
import { anAgent, requestOf } from '../../../packages/sdk/conformance/make/request.ts'
import { signDocument } from '../../../packages/sdk/src/envelope/origin.ts'
import {
  type AnswerRecord,
  createRecordParser,
  encodeRecord,
  type RecordType,
} from '../../../packages/sdk/src/envelope/record.ts'
import { keyEventDigest, signDelegation, signPacketKey } from '../../../packages/sdk/src/keys/event.ts'
import { signBodiless } from '../../../packages/sdk/src/packet/seal.ts'
import { storyKeys, storyTrust } from '../../../packages/sdk/src/proof/fixture.ts'
import { type Entry, logStory } from '../../../packages/sdk/src/proof/fixture-log.ts'
import { controlPartition, packetPartition } from '../../../packages/sdk/src/proof/leaf.ts'
import { encodeReceipt } from '../../../packages/sdk/src/proof/receipt.ts'
import { createAnswerReader } from '../../../packages/sdk/src/stream/answer.ts'
import { signStreamCheckpoint } from '../../../packages/sdk/src/stream/checkpoint.ts'
import { closeContentOf, textOf } from '../../../packages/sdk/src/stream/close.ts'
import { createFrameWriter } from '../../../packages/sdk/src/stream/frame.ts'
import { breakBytes } from '../mutate/bytes.ts'
import { breakWire } from '../mutate/wire.ts'
import type { Random } from '../random.ts'
import { promise, refusalOf, type Target } from '../target.ts'

type Content = Parameters<typeof sealReplyFixed>[1]
type Bytes = Uint8Array<ArrayBuffer>

/** An agent that is in the log, a request to it, and its answer. */
async function tell() {
  const keys = await storyKeys()
  const trust = { ...storyTrust(keys), nexusKeys: [keys.authorizer.publicKey] }
  const { network } = trust
  const [sender, agent, operational] = [
    await anInstance('sender'),
    await anAgent('agent 0', 1),
    await keyOf('agent 0/operational'),
  ]
  const request = await requestOf({ name: 'fuzz', sender, agents: [agent], changes: { network } })
  const at = { network, createdMs: NOW_MS - 1_000, notAfterMs: NOW_MS + 86_400_000 }
  const delegation = await signDelegation({ ...at, root: agent.root, operational })
  const hook = { ...at, instance: agent.instance, operational, delegation: keyEventDigest(delegation.body) }
  const events = { delegation, key: await signPacketKey({ ...hook, packetKey: agent.signer }) }
  const entries = new Map<string, Entry>(
    Object.entries(events).map(([name, { body }]) => [
      name,
      { kind: 'key-event', subject: keyEventDigest(body), partition: controlPartition('key-event') },
    ]),
  )
  const partition = packetPartition(request.core.sender, request.core.correlationId)
  const decision = { tableVersion: 1n, rule: 'misty', agent: agent.instance as Bytes, acceptByMs: NOW_MS + 30_000 }
  const addendum = { nonce: fixed('addendum', 16), recipients: [], decision }
  entries.set('attempt', {
    kind: 'attempt',
    subject: request.id,
    partition,
    attempt: 1,
    commitment: request.core.tableDigest,
    addendum,
  })
  const names = [...entries.keys()]
  const { receipts } = await logStory(entries, [{ names, atMs: NOW_MS }], keys, {})
  const chain = {
    events: (['delegation', 'key'] as const).map((name) => ({ event: events[name], receipt: receipts.get(name)! })),
  }
  return { trust, keys, sender, agent, request, chain, attempt: receipts.get('attempt')! }
}

/** An answer as it comes over the wire, to the client that asked: in record after record, to its end. */
export const target: Target = {
  name: 'answer',
  inputs: 25_000,
  codes: [
    'CUT',
    'OTHER',
    'PACKET_MALFORMED',
    'FIELD_INVALID',
    'SIGNATURE_INVALID',
    'CIPHERTEXT_MISMATCH',
    'NETWORK_MISMATCH',
    'ANSWER_INVALID',
    'NOT_A_CANDIDATE',
    'ATTEMPT_UNPROVEN',
    'KEY_UNKNOWN',
    'KEY_EVENT_INVALID',
    'LEAF_MISMATCH',
    'PROOF_INVALID',
    'CHECKPOINT_UNTRUSTED',
    'FRAME_MALFORMED',
    'OPEN_FAILED',
    'STREAM_INVALID',
    'STREAM_TRUNCATED',
    'DOCUMENT_MALFORMED',
    'DEAD_LETTERED',
    'CANCELLED',
    'AGENT_BUSY',
    'ENGINE_FAILED',
  ],
  covers: ['sdk/stream/answer.ts createAnswerReader'],
  async open() {
    const { trust, keys, agent, request, chain, attempt } = await tell()
    const responseNonce = fixed('response nonce')
    const { keys: replyKeys } = replyKeysOf(request, agent, responseNonce)
    const draft = (kind: 'STREAM_OPEN' | 'STREAM_CLOSE' | 'NACK' | 'ACK', seq: bigint): HeaderCore => ({
      ...fixedCore(`fuzz/${kind}`, kind, replyDraftOf(request, agent, seq)),
      attempt: 1,
    })
    const openCore = { ...draft('STREAM_OPEN', 1n), responseNonce }
    const sealOpen = (core: HeaderCore) =>
      sealReplyFixed(
        core,
        encode(OpenContent, { modelStatement: fixed('statement', 80) }) as Content,
        replyKeys.open,
        agent,
      )
    const open = await sealOpen(openCore)
    const writer = createFrameWriter(open.id, replyKeys.frame)
    const payloads = ['Threads ', 'that hold.'].map((text) => encode(AnswerContent, { parts: [{ text }] }))
    const frames = payloads.map((payload, i) => writer.write(payload, i === 1))
    const answer = new Uint8Array(Buffer.concat(payloads))
    const end = {
      streamId: open.id,
      frames: 2,
      root: writer.root(),
      ended: true,
      answer,
      answerSalt: replyKeys.answerSalt,
    }
    const closing = encode(CloseContent, closeContentOf(end, { promptTokens: 1, completionTokens: 2 }))
    const sealClose = (core: HeaderCore) => sealReplyFixed(core, closing as Content, replyKeys.close, agent)
    const closeCore = { ...draft('STREAM_CLOSE', 2n), responseNonce, code: OUTCOMES.STOP }
    const close = await sealClose(closeCore)
    const ack = await signBodiless({ ...draft('ACK', 3n), code: OUTCOMES.ACCEPTED }, agent.signer)
    const checkpoint = await signStreamCheckpoint(
      { network: trust.network as Bytes, streamId: open.id, size: 2, root: writer.root() as Bytes, createdMs: NOW_MS },
      agent.signer,
    )
    const text = textOf(answer)
    /** The checkpoint says another size than the log has signed. */
    const resized = new Uint8Array(Buffer.from(Buffer.from(attempt.checkpoint).toString().replace('\n3\n', '\n4\n')))
    const records: readonly AnswerRecord[] = [
      { type: 'heartbeat', value: new TextEncoder().encode('queued 1') },
      { type: 'agent-keys', value: encode(KeyChain, chain) },
      { type: 'attempt-receipt', value: encodeReceipt(attempt) },
      { type: 'packet', value: ack.bytes },
      { type: 'packet', value: open.bytes },
      ...frames.map((value) => ({ type: 'frame', value }) as const),
      { type: 'checkpoint', value: checkpoint },
      { type: 'packet', value: close.bytes },
      { type: 'end', value: new Uint8Array(0) },
    ]
    const written = (all: readonly AnswerRecord[]) =>
      new Uint8Array(Buffer.concat(all.map(({ type, value }) => encodeRecord(type, value))))
    const introduced = records.slice(0, 3)
    const after = (type: RecordType, make: (random: Random) => Promise<Uint8Array>, before = introduced) => ({
      make: async (random: Random) => written([...before, { type, value: await make(random) }, ...records.slice(5)]),
    })
    const notice = (by: keyof typeof keys, over: Partial<Notice> = {}) => {
      const said = {
        network: trust.network as Bytes,
        packetId: request.id,
        code: CODES.NO_ROUTE.wire,
        attempts: [],
        createdMs: NOW_MS,
        ...over,
      } as Notice
      return signDocument('notice', encode(Notice, said), keys[by])
    }
    const nack = (code: Code) =>
      after(
        'packet',
        async () => (await signBodiless({ ...draft('NACK', 4n), code: CODES[code].wire }, agent.signer)).bytes,
      )
    const changed = (change: (core: HeaderCore, random: Random) => HeaderCore) =>
      after('packet', async (random) => (await sealOpen(change(openCore, random))).bytes)
    return {
      manner: 'bytes',
      seeds: [written(records), written(records.slice(0, 8)), written(records.slice(0, 3))],
      twists: [
        ...Array.from({ length: 4 }, () => ({
          make: (random: Random) => written(records.toSpliced(random.below(records.length), 1)),
        })),
        ...Array.from({ length: 6 }, () => ({
          make(random: Random) {
            const place = random.below(records.length - 1)
            const { type, value } = records[place] as AnswerRecord
            return written(records.with(place, { type, value: breakWire(value, random, [value]) }))
          },
        })),
        {
          make(random: Random) {
            const [a, b] = [random.below(records.length), random.below(records.length)]
            return written(records.with(a, records[b] as AnswerRecord).with(b, records[a] as AnswerRecord))
          },
        },
        { make: (random: Random) => written(records.with(random.below(records.length), random.pick(records))) },
        ...(['AGENT_BUSY', 'CANCELLED', 'ENGINE_FAILED', 'NOT_A_RECIPIENT'] as const).map(nack),
        changed((core, random) => ({ ...core, network: random.bytes(32) })),
        changed((core, random) => ({ ...core, inReplyTo: random.bytes(32) })),
        changed((core, random) => ({ ...core, correlationId: random.bytes(16) })),
        changed((core, random) => ({ ...core, sender: random.bytes(32) })),
        changed((core) => ({ ...core, attempt: 2 })),
        changed((core) => ({ ...core, tableDigest: fixed('a table') })),
        changed((core, random) => ({ ...core, responseNonce: random.bytes(32) })),
        after(
          'packet',
          async () => (await sealClose({ ...closeCore, attempt: 1, code: OUTCOMES.STOP })).bytes,
          records.slice(0, 5),
        ),
        after(
          'packet',
          async (random) => (await sealOpen({ ...openCore, nonce: random.bytes(16) })).bytes,
          records.slice(0, 5),
        ),
        { make: () => written(records.toSpliced(1, 1)) },
        { make: () => written(records.toSpliced(2, 1)) },
        ...[{ checkpoint: resized }, { addendum: fixed('another', 40) }].map((over) => ({
          make: () =>
            written(records.with(2, { type: 'attempt-receipt', value: encodeReceipt({ ...attempt, ...over }) })),
        })),
        after('notice', () => notice('authorizer')),
        after('notice', async (random) => breakBytes(await notice('authorizer'), random, [checkpoint]).slice(1)),
        after('frame', async (random) => random.bytes(60), records.slice(0, 5)),
        after('agent-keys', async (random) => random.bytes(60)),
        after('receipt', async (random) => random.bytes(60)),
        after('notice', () => notice('authorizer', { code: CODES.CANCELLED.wire })),
        after('notice', () => notice('stranger')),
        after('notice', (random) => notice('authorizer', { packetId: random.bytes(32) })),
      ],
      async run(input) {
        const reader = createAnswerReader(request, trust)
        let shown = ''
        try {
          for (const record of createRecordParser().push(input)) {
            for (const event of await reader.take(record)) if (event.type === 'text') shown += event.text
            if (reader.ended) break
          }
        } catch (error) {
          const code = refusalOf(error)
          // A NACK may carry any refusal that has a number, and every packet has the refusals of its own target.
          return target.codes.includes(code) || !(code in CODES) ? code : 'OTHER'
        } finally {
          promise(text.startsWith(shown), 'a text was shown that the agent never sent')
        }
        if (!reader.ended) return 'CUT'
        promise(shown === text, 'an answer ended whole that is not whole')
        return 'ok'
      },
    }
  },
}
