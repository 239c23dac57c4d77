/**
 * What always holds in an honest log and its traffic (docs/protocol.md §5.1, §9 to §12): one row an invariant.
 *
 * @module
 */
import type { LogFinding, OnFinding } from '../finding.ts'

interface Invariant {
  /** What holds. */
  readonly about: string
  /** 1 to 10 of what breaks it. */
  readonly severity: number
}

export const INVARIANTS = {
  'index-gap': { about: 'Leaves follow each other without a gap.', severity: 9 },
  'time-backwards': { about: 'No leaf’s time lies before the time of the leaf before it.', severity: 7 },
  'partition-sequence': { about: 'Places in a partition are 1, 2, 3 … without a gap.', severity: 9 },
  'partition-link': { about: 'Each leaf names the hash of the leaf before it in its partition.', severity: 10 },
  'packet-replayed': { about: 'A packet has one leaf of each kind and attempt.', severity: 8 },
  'no-request': { about: 'What follows from a request comes after the request’s leaf.', severity: 9 },
  'request-twice': { about: 'A partition belongs to one request: correlation ids are not used again.', severity: 4 },
  'attempt-sequence': { about: 'Attempts of a request are numbered 1, 2, 3 … without a gap.', severity: 8 },
  'attempt-early': {
    about: 'The next attempt comes after the end of the one before, or 2 s after its agent’s time to accept.',
    severity: 7,
  },
  'attempt-after-complete': { about: 'No attempt follows a complete answer.', severity: 9 },
  'attempt-after-end': { about: 'No attempt follows a void, nor a dead letter that was not replayed.', severity: 8 },
  'attempt-missing': { about: 'A request that is logged is given to an agent, cancelled or voided.', severity: 6 },
  'ending-missing': {
    about: 'An attempt ends within its request’s lifetime: by a reply or a dead letter.',
    severity: 5,
  },
  'reply-without-attempt': { about: 'OPEN, CLOSE, ACK and NACK answer an attempt that is logged.', severity: 10 },
  'reply-by-stranger': { about: 'The agent that an attempt names is the one that answers it.', severity: 10 },
  'reply-twice': { about: 'An attempt has at most one OPEN and one end.', severity: 8 },
  'complete-twice': { about: 'A request has at most one complete answer.', severity: 9 },
  'sequence-reused': { about: 'A sender uses each sequence number of a key and epoch once.', severity: 9 },
  'sequence-gap': {
    about: 'Each sequence number of a sender is in the log, or its packet was refused.',
    severity: 5,
  },
  'epoch-back': { about: 'A sender does not go back behind the two newest epochs of its key.', severity: 7 },
  'revoked-key': { about: 'No packet is logged under a key after the leaf that revokes it.', severity: 10 },
  'chain-head': { about: 'A leaf names the newest delegation or revocation of its sender.', severity: 8 },
  'table-unlogged': { about: 'An attempt names a routing table that is logged before it.', severity: 9 },
  'table-back': { about: 'Attempts use the routing table in force, or for 10 minutes the one before.', severity: 8 },
  'table-chain': { about: 'Versions of the routing table grow by one, and name the one before.', severity: 9 },
  'checkpoint-shrunk': { about: 'Checkpoints of a log never become smaller.', severity: 9 },
  'checkpoint-fork': { about: 'There is one root for each size of a log.', severity: 10 },
  'taken-unlogged': { about: 'A packet that the router took has its leaf.', severity: 9 },
  'logged-unseen': { about: 'A request that is logged came in at the router.', severity: 7 },
  'flow-unlogged': { about: 'An agent’s traffic is what its logged packets account for.', severity: 7 },
  'log-unflowed': { about: 'Packets that are logged for an agent show in its traffic.', severity: 6 },
} as const satisfies Record<string, Invariant>

export type InvariantId = keyof typeof INVARIANTS

/** What a check knows of a broken invariant. */
export interface Broken {
  readonly source: string
  readonly atMs: number
  readonly message: string
  readonly leaves?: readonly number[]
  readonly evidence?: LogFinding['evidence']
}

export type Say = (id: InvariantId, broken: Broken) => void

const MAX_LEAVES = 8

export function sayer(onFinding: OnFinding): Say {
  return (id, { source, atMs, message, leaves = [], evidence = {} }) =>
    onFinding({
      id,
      group: 'invariant',
      source,
      severity: INVARIANTS[id].severity,
      confidence: 1,
      atMs,
      message,
      leaves: leaves.slice(0, MAX_LEAVES),
      evidence,
    })
}
