/**
 * For tests: a request, its agent's replies really sealed, and a log that holds its attempts.
 *
 * @module
 */
import { AnswerContent, encode, type HeaderCore, KeyChain, Notice, Receipt } from '@mystranet/schemas/messages'
import { toHex } from '../bytes.ts'
import { kemKeyId } from '../envelope/hash.ts'
import { signDocument } from '../envelope/origin.ts'
import type { AnswerRecord } from '../envelope/record.ts'
import { keyEventDigest, signDelegation, signPacketKey } from '../keys/event.ts'
import { instanceId } from '../keys/instance-id.ts'
import { kemFor } from '../keys/kem.ts'
import type { Signer } from '../keys/signer.ts'
import { buildRequest, cancelCore, replyCore } from '../packet/build.ts'
import { deriveReplyKeys } from '../packet/reply-keys.ts'
import { type SealedPacket, seal, sealClose, sealOpen, signBodiless } from '../packet/seal.ts'
import { bytes, storyKeys, storyTrust, T0 } from '../proof/fixture.ts'
import { type Entry, logStory } from '../proof/fixture-log.ts'
import { controlPartition, packetPartition } from '../proof/leaf.ts'
import { createAnswerReader } from './answer.ts'
import { closeContentOf } from './close.ts'
import { createFrameWriter } from './frame.ts'

const NOW_MS = T0 + 10_000

/** @param decision Of the attempts' leaves: whom they name; `undefined` for leaves without a decision. */
export async function answerFixture(
  given: { retry?: HeaderCore['retry']; decides?: 'agent' | 'other' | 'nobody' } = {},
) {
  const keys = await storyKeys()
  const usual = storyTrust(keys)
  const trust = { ...usual, nexusKeys: [keys.authorizer.publicKey] }
  const network = trust.network as Uint8Array
  const [user, agent, other] = [keys.userRoot, keys.agentRoot, keys.stranger].map(({ publicKey }) =>
    instanceId(publicKey),
  ) as [Uint8Array, Uint8Array, Uint8Array]
  const kem = (await kemFor(1)).generate()
  const candidate = { kemKeyId: kemKeyId(1, kem.publicKey), kemKey: kem.publicKey, deleteAfterMs: T0 + 86_400_000 }
  const plain = buildRequest({
    network,
    suite: 1,
    sender: user,
    senderKey: keys.userPacket.publicKey,
    target: { tag: 'misty.weave' },
    candidates: [agent, other].map((instance) => ({ instance, ...candidate })),
    content: { chat: { messages: [{ role: 'user', content: 'Why?', toolCalls: [] }], tools: [] } },
    tableDigest: bytes(32, 9),
    place: { epoch: 5n, seq: 1n },
    nowMs: NOW_MS,
    retry: given.retry,
  })
  const request = await seal(plain, keys.userPacket)
  const log = await logOf(given.decides ?? 'agent')
  const reader = createAnswerReader(request, trust)

  async function logOf(decides: 'agent' | 'other' | 'nobody') {
    const at = { network, createdMs: T0 - 1_000, notAfterMs: T0 + 86_400_000 }
    const delegation = await signDelegation({ ...at, root: keys.agentRoot, operational: keys.agentOperational })
    const hook = {
      ...at,
      instance: agent,
      operational: keys.agentOperational,
      delegation: keyEventDigest(delegation.body),
    }
    const events = {
      delegation,
      first: await signPacketKey({ ...hook, packetKey: keys.agentPacket }),
      second: await signPacketKey({ ...hook, packetKey: keys.publisher }),
    }
    const entries = new Map<string, Entry>()
    for (const [name, { body }] of Object.entries(events)) {
      const partition = controlPartition('key-event')
      entries.set(name, { kind: 'key-event', subject: keyEventDigest(body), partition })
    }
    for (const attempt of [1, 2]) {
      const named = { tableVersion: 1n, rule: 'misty', agent: decides === 'other' ? other : agent, acceptByMs: T0 }
      const decision = decides === 'nobody' ? undefined : named
      entries.set(`attempt ${attempt}`, {
        kind: 'attempt',
        subject: request.id,
        partition: packetPartition(user, plain.core.correlationId),
        attempt,
        commitment: plain.core.tableDigest,
        addendum: { nonce: bytes(16, attempt), recipients: [], decision },
      })
    }
    const batches = [{ names: [...entries.keys()], atMs: NOW_MS }]
    const { receipts } = await logStory(entries, batches, keys, {})
    const chain = Object.entries(events).map(([name, event]) => ({ event, receipt: receipts.get(name) as Receipt }))
    return { receipts, chain: encode(KeyChain, { events: chain }) }
  }

  let seq = 0n
  const draftOf = (attempt: number, signer: Signer = keys.agentPacket) => {
    seq += 1n
    const nonce = bytes(32, 70 + attempt)
    const place = { epoch: 5n, seq }
    const sender = { sender: agent, senderKey: signer.publicKey }
    return { request, ...sender, place, nowMs: NOW_MS, attempt, responseNonce: nonce }
  }
  const keysOf = (attempt: number) => {
    const secret = request.replySecrets.get(toHex(agent))
    if (secret === undefined) throw new Error('no secret')
    return deriveReplyKeys(secret, bytes(32, 70 + attempt))
  }
  const take = (type: AnswerRecord['type'], value: Uint8Array = new Uint8Array(0)) => reader.take({ type, value })
  const packet = ({ bytes: value }: Pick<SealedPacket, 'bytes'>) => take('packet', value)

  return {
    keys,
    reader,
    request,
    take,
    packet,
    attemptReceipt: (attempt: number) => encode(Receipt, log.receipts.get(`attempt ${attempt}`) as Receipt),
    chain: log.chain,
    /** Gives the reader what proves the agent and its attempts. */
    async prove() {
      await take('agent-keys', log.chain)
      for (const attempt of [1, 2]) {
        await take('attempt-receipt', encode(Receipt, log.receipts.get(`attempt ${attempt}`) as Receipt))
      }
    },
    open: (attempt = 1) =>
      sealOpen(draftOf(attempt), { modelStatement: Uint8Array.of(1) }, keysOf(attempt), keys.agentPacket),
    /** A frame of one word, final, and the CLOSE that fits it. */
    async answered(open: SealedPacket, attempt = 1, code = 3, changes: { nonce?: Uint8Array; signer?: Signer } = {}) {
      const { frame, answerSalt } = keysOf(attempt)
      const writer = createFrameWriter(open.id, frame)
      const answer = encode(AnswerContent, { parts: [{ text: 'so' }] })
      const isWhole = code < 6
      const bytesOfFrame = writer.write(answer, isWhole)
      const end = { streamId: open.id, frames: 1, root: writer.root(), ended: isWhole, answer, answerSalt }
      const content = closeContentOf(end, undefined)
      const signer = changes.signer ?? keys.agentPacket
      const draft = { ...draftOf(attempt, signer), code }
      const responseNonce = changes.nonce ?? draft.responseNonce
      const close = await sealClose({ ...draft, responseNonce }, content, keysOf(attempt), signer)
      return { frame: bytesOfFrame, close }
    },
    bodiless: (kind: 'ACK' | 'NACK' | 'STREAM_CLOSE', code: number, changes: Partial<HeaderCore> = {}) => {
      const core = { ...replyCore(kind, draftOf(1)), attempt: 1, code, ...changes }
      return signBodiless(core, keys.agentPacket)
    },
    cancel: () => {
      const from = { sender: user, senderKey: keys.userPacket.publicKey, place: { epoch: 5n, seq: 2n } }
      return signBodiless(cancelCore({ request, ...from, nowMs: NOW_MS }), keys.userPacket)
    },
    notice: (code: number, changes: Partial<Notice> = {}, signer: Signer = keys.authorizer) => {
      const body = encode(Notice, { network, packetId: request.id, code, attempts: [], createdMs: NOW_MS, ...changes })
      return signDocument('notice', body, signer)
    },
  }
}
