/** Packets for tests: one sender, some agents, a fixed clock. */
import type { RequestContent } from '@mystranet/schemas/messages'
import { randomBytes } from '#primitives'
import { equalBytes } from '../bytes.ts'
import { kemKeyId } from '../envelope/hash.ts'
import type { Suite } from '../keys/kem.ts'
import { kemFor } from '../keys/kem.ts'
import { localSigner } from '../keys/signer.ts'
import type { Candidate, RequestDraft } from './build.ts'
import type { OpeningKeys } from './open.ts'
import { createSequence } from './sequence.ts'

export const NOW_MS = 1_780_000_000_000
export const NETWORK = new Uint8Array(32).fill(7)

/** An agent that can open what is sealed to it. */
export async function anAgent(suite: Suite = 1) {
  const kem = await kemFor(suite)
  const pair = kem.generate()
  const instance = randomBytes(32)
  const id = kemKeyId(suite, pair.publicKey)
  const sessions = new Map<string, Uint8Array>()
  const candidate: Candidate = { instance, kemKeyId: id, kemKey: pair.publicKey, deleteAfterMs: NOW_MS + 86_400_000 }
  const keys: OpeningKeys = {
    instance,
    kemKey: (wanted) => (equalBytes(wanted, id) ? pair : undefined),
    session: (packetId) => sessions.get(String(packetId)),
  }
  return { instance, candidate, keys, sessions, signer: await localSigner(randomBytes(32)) }
}

export async function aSender() {
  const signer = await localSigner(randomBytes(32))
  const instance = randomBytes(32)
  const sequence = createSequence(NOW_MS)
  const draft = (candidates: readonly Candidate[], changes: Partial<RequestDraft> = {}): RequestDraft => ({
    network: NETWORK,
    suite: 1,
    sender: instance,
    senderKey: signer.publicKey,
    target: { tag: 'misty.weave' },
    candidates,
    content: aQuestion('Why is the sky blue?'),
    tableDigest: new Uint8Array(32).fill(9),
    place: sequence.next(),
    nowMs: NOW_MS,
    ...changes,
  })
  return { signer, instance, sequence, draft }
}

export const aQuestion = (text: string): RequestContent => ({
  chat: { messages: [{ role: 'user', content: text, toolCalls: [] }], tools: [] },
})
