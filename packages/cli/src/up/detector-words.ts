/**
 * An operator's word about a finding, and what the nexus makes of all words about its source.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { BookedFinding, FeedbackStore, Outbox, Vote } from '@mystranet/detector/loop'
import { type StartedRouter, signMessage } from '@mystranet/router'
import type { Stamp, TopicMessages } from '@mystranet/schemas/topics'
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import type { DocumentSigner } from '@mystranet/sdk/envelope'
import { PacketError } from '@mystranet/sdk/errors'
import { instanceId } from '@mystranet/sdk/keys/instance-id'
import type { Keys } from './keys.ts'

export interface JudgeDeps {
  readonly router: Pick<StartedRouter, 'topics'>
  readonly keys: Keys
  readonly network: Uint8Array
  readonly outbox: Pick<Outbox, 'find'>
  readonly feedback: Pick<FeedbackStore, 'votes'>
  /** Words of before count no more. */
  sinceMs(): number
}

/** @returns what publishes a word about a finding. It throws `NOT_FOUND`, or what publishing throws. */
export function judgeOf({ router, keys, network, outbox, feedback, sinceMs }: JudgeDeps) {
  const say = speaker(router, network)
  return async (id: string, accepted: boolean): Promise<void> => {
    const finding = await outbox.find(id)
    if (finding === undefined) throw new PacketError('NOT_FOUND', `Cannot judge ${id}: there is no such finding`)
    const { operator, router: own } = keys
    await say(operator, 'control.evidence.v1', { evidenceId: fromHex(id) as Uint8Array, accepted, request: '' })
    const voter = toHex(instanceId(operator.publicKey))
    const word = { voter, about: id, says: accepted ? 'confirmed' : 'overruled' } as const
    const votes = await feedback.votes(undefined, sinceMs())
    await say(own.nexus, 'control.reputation.v1', await standingOf(outbox, votes, finding, word))
  }
}

type Feedback = 'control.evidence.v1' | 'control.reputation.v1'

/** Signs and publishes feedback as a key of the trust file. */
function speaker({ topics }: Pick<StartedRouter, 'topics'>, network: Uint8Array) {
  return async <T extends Feedback>(signer: DocumentSigner, topic: T, fields: Omit<TopicMessages[T], keyof Stamp>) => {
    const { publicKey } = signer
    const stamp: Stamp = {
      id: new Uint8Array(randomBytes(16)),
      network,
      ts: Date.now(),
      producerId: instanceId(publicKey),
      nonce: new Uint8Array(randomBytes(16)),
      pubkey: publicKey,
    }
    await topics.publish(topic, await signMessage(topic, { ...fields, ...stamp } as TopicMessages[T], signer))
  }
}

type Word = Pick<Vote, 'voter' | 'about' | 'says'>

/** What all words about a source's findings make of its standing: the share of accepted ones, with one of each given. */
async function standingOf(outbox: Pick<Outbox, 'find'>, votes: readonly Word[], finding: BookedFinding, word: Word) {
  let [confirmed, overruled] = [0, 0]
  const others = votes.filter(({ voter, about }) => voter !== word.voter || about !== word.about)
  for (const { about, says } of [...others, word]) {
    if ((await outbox.find(about))?.source !== finding.source) continue
    if (says === 'confirmed') confirmed += 1
    else overruled += 1
  }
  return { subject: finding.source, score: (confirmed + 1) / (confirmed + overruled + 2), confirmed, overruled }
}
