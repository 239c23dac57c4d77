/**
 * Vectors of packets: requests in both suites, to one and to eight, in a session, in a batch; and their replies.
 *
 * @module
 */
import { OUTCOMES } from '@mystranet/schemas/kinds'
import { BatchRoot, encode, Header, HeaderCore, OpenContent } from '@mystranet/schemas/messages'
import { aeadSeal } from '#primitives'
import { type Bytes, toHex } from '../../src/bytes.ts'
import { encodeDsse, PAYLOAD_TYPES, pae } from '../../src/envelope/dsse.ts'
import { ciphertextHash, contentCommitment } from '../../src/envelope/hash.ts'
import { jsonOfPacket } from '../../src/envelope/json-parts.ts'
import { bucketOf, pad } from '../../src/envelope/padding.ts'
import { parsePacket } from '../../src/envelope/parse.ts'
import type { Suite } from '../../src/keys/kem.ts'
import { cancelCore, type ReplyDraft, replyCore } from '../../src/packet/build.ts'
import { deriveReplyKeys, type ReplyKeys } from '../../src/packet/reply-keys.ts'
import { finish, type SealedRequest, signBodiless } from '../../src/packet/seal.ts'
import { computeRoot, hashLeaf } from '../../src/proof/merkle.ts'
import { proveInclusion } from '../../src/proof/prove.ts'
import { anInstance, fixed, NETWORK, NOW_MS } from './fixed.ts'
import { type Agent, type Ask, anAgent, instanceVector, requestOf, requestVector, sealFixed } from './request.ts'

const agentsOf = (count: number, suite: Suite) =>
  Promise.all(Array.from({ length: count }, (_, i) => anAgent(`agent ${i}`, suite)))

/** Every optional field of a request. */
const FULL = {
  target: { instance: fixed('an instance') },
  retry: { maxAttempts: 8, afterOpen: true },
  priority: 2,
  prefixTag: fixed('prefix tag', 16),
  supersedes: fixed('superseded'),
  lifetimeMs: 600_000,
} as const

const RICH = {
  knownCheckpoint: fixed('known checkpoint', 100),
  chat: {
    messages: [
      { role: 'system', content: 'Answer in French. 🧵', toolCalls: [] },
      { role: 'user', content: 'What time is it in Oslo?', toolCalls: [] },
      { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'clock', arguments: '{"zone":"Oslo"}' }] },
      { role: 'tool', content: '12:00', toolCalls: [], toolCallId: '1' },
    ],
    sampling: { temperatureMicro: 0, topPMicro: 950_000, maxTokens: 64, stop: ['\n\n'], seed: 2n ** 64n - 1n },
    tools: [{ name: 'clock', description: 'Tells the time', parameters: '{"type":"object"}' }],
    responseSchema: '{"type":"string"}',
  },
}

async function asks(): Promise<Record<string, Ask>> {
  const sender = await anInstance('sender')
  const [one, eight] = [await agentsOf(1, 1), await agentsOf(8, 1)]
  return {
    one: { name: 'suite 1, one recipient', sender, agents: one },
    eight: { name: 'suite 1, eight recipients', sender, agents: eight, seq: 2n },
    full: { name: 'suite 1, every optional field', sender, agents: one, seq: 3n, content: RICH, changes: FULL },
    large: {
      name: 'suite 1, a padded size of 4,096',
      sender,
      agents: one,
      seq: 4n,
      content: { chat: { messages: [{ role: 'user', content: 'a'.repeat(1_010), toolCalls: [] }], tools: [] } },
    },
  }
}

export async function packets() {
  const sender = await anInstance('sender')
  const { one, eight, full, large } = (await asks()) as Record<'one' | 'eight' | 'full' | 'large', Ask>
  const wide = { sender, changes: {} }
  const xWing = await agentsOf(8, 2)
  const all = [
    await requestVector(one),
    await requestVector(eight),
    await requestVector(full),
    await requestVector(large),
    await requestVector({ ...wide, name: 'suite 2, one recipient', agents: xWing.slice(0, 1), seq: 5n }),
    await requestVector({ ...wide, name: 'suite 2, eight recipients', agents: xWing, seq: 6n }, { brief: true }),
  ]
  const sealed = await requestOf(one)
  const parsed = parsePacket(sealed.bytes)
  return {
    about: 'Requests with fixed ephemeral keys (protocol §5 to §7.2), and one of them as DSSE and as JSON (§6, §15).',
    network: toHex(NETWORK),
    packets: all,
    dsse: encodeDsse({
      payloadType: PAYLOAD_TYPES.packet,
      payload: parsed.header as Bytes,
      signatures: [{ sig: parsed.origin.signature as Bytes }],
    }),
    projection: jsonOfPacket(sealed.bytes),
  }
}

export async function sessions() {
  const sender = await anInstance('sender')
  const sets = []
  for (const suite of [1, 2] as const) {
    const agents = await agentsOf(2, suite)
    const first: Ask = { name: `session of suite ${suite}, first packet`, sender, agents, seq: 1n }
    const begun = await requestOf(first)
    const session = { packetId: begun.id, secrets: begun.sessionSecrets, deleteAfterMs: NOW_MS + 86_400_000 }
    const second: Ask = {
      name: `session of suite ${suite}, second packet`,
      sender,
      agents,
      seq: 2n,
      changes: { session },
    }
    sets.push({ suite, first: await requestVector(first), second: await requestVector(second) })
  }
  return { about: 'Two packets of one session, in each suite (protocol §7.3).', sessions: sets }
}

export async function batches() {
  const sender = await anInstance('sender')
  const agents = await agentsOf(1, 1)
  const sets = []
  for (const size of [2, 5]) {
    const members = Array.from({ length: size }, (_, i) => {
      const changes = { lifetimeMs: 60_000 * (i + 1) }
      return { name: `batch of ${size}, packet ${i}`, sender, agents, seq: BigInt(10 + i), changes }
    })
    const sealed = await Promise.all(members.map(sealFixed))
    const leaves = sealed.map(({ unsigned }) => hashLeaf(pae(PAYLOAD_TYPES.packet, unsigned.header)))
    const statement = encode(BatchRoot, {
      network: NETWORK,
      senderKey: sender.signer.publicKey,
      epoch: BigInt(NOW_MS),
      firstSeq: 10n,
      size,
      root: computeRoot(leaves),
      createdMs: NOW_MS,
    })
    const signature = await sender.signer.sign(pae(PAYLOAD_TYPES['batch-root'], statement))
    const made = sealed.map(({ unsigned }, i) =>
      finish(unsigned, { batch: { statement, signature, path: proveInclusion(leaves, i) } }),
    )
    sets.push({
      size,
      leaves: leaves.map(toHex),
      root: toHex(computeRoot(leaves)),
      statement: toHex(statement),
      signature: toHex(signature),
      packets: made.map(({ id, bytes }) => ({ packetId: toHex(id), packet: toHex(bytes) })),
    })
  }
  return { about: 'Packets under one signature (protocol §6.1).', sender: instanceVector(sender), batches: sets }
}

/** A reply's core, its nonce fixed by its name. */
export const fixedCore = (name: string, kind: Parameters<typeof replyCore>[0], draft: ReplyDraft): HeaderCore => ({
  ...replyCore(kind, draft),
  nonce: fixed(`${name}/nonce`, 16),
})

/** Seals OPEN or CLOSE as protocol §7.4 says, with nothing left to chance. */
export async function sealReplyFixed(draft: HeaderCore, content: Bytes, keys: ReplyKeys['open'], agent: Agent) {
  const core = {
    ...draft,
    contentCommitment: contentCommitment(keys.salt, content),
    paddedSize: bucketOf(36 + content.length),
  }
  const coreBytes = encode(HeaderCore, core)
  const ciphertext = aeadSeal(keys.key, keys.nonce, coreBytes, pad(keys.salt, content))
  const header = encode(Header, { core: coreBytes, ciphertextHash: ciphertextHash(ciphertext) })
  const signature = await agent.signer.sign(pae(PAYLOAD_TYPES.packet, header))
  return finish({ header, core, recipients: undefined, ciphertext }, { signature })
}

export function replyKeysOf(request: SealedRequest, agent: Agent, responseNonce: Bytes) {
  const secret = request.replySecrets.get(toHex(agent.instance))!
  return { secret, keys: deriveReplyKeys(secret, responseNonce) }
}

export function replyDraftOf(request: SealedRequest, agent: Agent, seq: bigint): ReplyDraft {
  return {
    request: { id: request.id, core: request.core },
    sender: agent.instance,
    senderKey: agent.signer.publicKey,
    place: { epoch: BigInt(NOW_MS), seq },
    nowMs: NOW_MS + 1_000,
  }
}

const aead = ({ key, nonce }: { key: Bytes; nonce: Bytes }) => ({ key: toHex(key), nonce: toHex(nonce) })

export const keysVector = ({ open, close, frame, answerSalt }: ReplyKeys) => ({
  open: { ...aead(open), salt: toHex(open.salt) },
  close: { ...aead(close), salt: toHex(close.salt) },
  frame: aead(frame),
  answerSalt: toHex(answerSalt),
})

/** A request and all kinds of replies to it, with and without content. */
export async function replies() {
  const sender = await anInstance('sender')
  const sets = []
  for (const suite of [1, 2] as const) {
    const agent = (await agentsOf(1, suite))[0] as Agent
    const ask: Ask = { name: `replies, suite ${suite}`, sender, agents: [agent] }
    const request = await requestOf(ask)
    const responseNonce = fixed(`${ask.name}/response nonce`)
    const { secret, keys } = replyKeysOf(request, agent, responseNonce)
    const content = encode(OpenContent, { modelStatement: fixed('a model statement', 80) })
    const draft = (seq: bigint) => replyDraftOf(request, agent, seq)
    const attempt = 1
    const openCore = { ...fixedCore(`${ask.name}/open`, 'STREAM_OPEN', draft(1n)), attempt, responseNonce }
    const open = await sealReplyFixed(openCore, content, keys.open, agent)
    const bodiless = async (name: string, kind: 'ACK' | 'NACK' | 'STREAM_CLOSE', seq: bigint, code: number) => {
      const core = { ...fixedCore(`${ask.name}/${name}`, kind, draft(seq)), attempt, code }
      const packet = await signBodiless(core, agent.signer)
      return { name, kind, code, packetId: toHex(packet.id), packet: toHex(packet.bytes) }
    }
    const cancel = {
      ...cancelCore({ ...draft(2n), sender: sender.instance, senderKey: sender.signer.publicKey }, 67),
      nonce: fixed(`${ask.name}/cancel/nonce`, 16),
    }
    const cancelled = await signBodiless(cancel, sender.signer)
    sets.push({
      suite,
      request: await requestVector(ask, { brief: true }),
      agent: instanceVector(agent),
      responseNonce: toHex(responseNonce),
      enc: toHex(secret.enc),
      exported: toHex(secret.exported),
      keys: keysVector(keys),
      open: { content: toHex(content), packetId: toHex(open.id), packet: toHex(open.bytes) },
      bodiless: [
        await bodiless('ACK', 'ACK', 2n, OUTCOMES.ACCEPTED),
        await bodiless('NACK', 'NACK', 3n, 62),
        await bodiless('CLOSE of a lost stream', 'STREAM_CLOSE', 4n, OUTCOMES.ABORTED),
        { name: 'CANCEL', kind: 'CANCEL', code: 67, packetId: toHex(cancelled.id), packet: toHex(cancelled.bytes) },
      ],
    })
  }
  return { about: 'Keys of an attempt, and replies of every kind (protocol §7.4).', replies: sets }
}
