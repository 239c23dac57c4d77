/**
 * What comes back: leaves that are confirmed, and people's words, which tune.
 *
 * Everything here was admitted already (signature over the exact bytes, network, topic, who may speak there, age, nonce):
 * that is for whoever consumes the topics (`router/src/topic/`). What is left to check is whether it is about a finding of
 * ours, and whether the log holds the leaf that it speaks of.
 *
 * @module
 */
import type {
  CommitFeedback,
  EvidenceFeedback,
  PolicyFeedback,
  ReputationFeedback,
  Stamp,
} from '@mystranet/schemas/topics'
import { toHex } from '@mystranet/sdk/bytes'
import type { BookedFinding, Outbox } from './outbox.ts'
import type { Score, Vote } from './tuning.ts'

/**
 * Words of feedback, durable when a write resolves. Writing one again has no second effect, and neither has the order:
 * of a voter's words about one finding, and of a day's scores of one subject, the last by time and id is kept.
 */
export interface FeedbackStore {
  vote(vote: Vote): Promise<void>
  /** Of one threshold, or all. */
  votes(tunes: string | undefined, sinceMs: number): Promise<readonly Vote[]>
  score(score: Score): Promise<void>
  scores(sinceMs: number): Promise<readonly Score[]>
  /** Forgets what was said before. */
  forget(beforeMs: number): Promise<void>
}

/** - `taken`: it is in the book. - `foreign`: it is not about a finding of ours. - `mismatch`: the log does not hold what it says. */
export type Taken = 'taken' | 'foreign' | 'mismatch'

export interface FeedbackDesk {
  /** A finding's leaf is confirmed. */
  commit(message: CommitFeedback): Promise<Taken>
  /** A reviewer accepts what a finding says, refuses it, or asks for more, which moves nothing. */
  evidence(message: EvidenceFeedback): Promise<Taken>
  /** An operator accepts or refuses a rule that was proposed. */
  policy(message: PolicyFeedback): Promise<Taken>
  /** The nexus tells a source's or a producer's standing. */
  reputation(message: ReputationFeedback): Promise<Taken>
}

export interface FeedbackDeps {
  readonly outbox: Pick<Outbox, 'find' | 'confirm'>
  readonly store: Pick<FeedbackStore, 'vote' | 'score'>
  /**
   * Whether the log holds, at that place and with that hash, the leaf of one of these digests.
   *
   * @throws what is worth a retry.
   */
  isLogged(finding: BookedFinding, leaf: Pick<CommitFeedback, 'leafIndex' | 'leafHash' | 'treeSize'>): Promise<boolean>
  /** Whether this source or producer is one whose standing matters here: others fill no store. */
  isKnown(subject: string): Promise<boolean>
  /** Told once of each finding whose leaf is confirmed; not when the write that said so was lost after it happened. */
  onConfirmed(finding: BookedFinding): void
}

export function feedbackDesk({ outbox, store, isLogged, isKnown, onConfirmed }: FeedbackDeps): FeedbackDesk {
  const judge = async (about: Uint8Array, { id, ts, producerId }: Stamp, isAccepted: boolean): Promise<Taken> => {
    const finding = await outbox.find(toHex(about))
    if (finding === undefined) return 'foreign'
    await store.vote({
      tunes: finding.tunes,
      voter: toHex(producerId),
      about: finding.id,
      atMs: ts,
      says: isAccepted ? 'confirmed' : 'overruled',
      id: toHex(id),
    })
    return 'taken'
  }
  return {
    async commit(message) {
      const finding = await outbox.find(toHex(message.findingId))
      if (finding === undefined) return 'foreign'
      if (message.leafIndex >= message.treeSize || !(await isLogged(finding, message))) return 'mismatch'
      await outbox.confirm(finding.id, message.leafIndex)
      if (finding.state !== 'confirmed') onConfirmed(finding)
      return 'taken'
    },
    async evidence(message) {
      // A request for more is neither yes nor no.
      if (!message.accepted && message.request !== '') return 'taken'
      return judge(message.evidenceId, message, message.accepted)
    },
    policy: (message) => judge(message.policyId, message, message.accepted),
    async reputation({ subject, score, ts, id }) {
      if (!(await isKnown(subject))) return 'foreign'
      await store.score({ subject, score, atMs: ts, id: toHex(id) })
      return 'taken'
    },
  }
}
