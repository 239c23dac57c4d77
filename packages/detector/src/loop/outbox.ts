/**
 * Where findings lie until they are published, and after: their producer's book.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'
import type { FindingTopic } from './observation.ts'

/** A signed finding on its way. */
export interface OutboxEntry {
  /** 64 hex digits. */
  readonly id: string
  readonly topic: FindingTopic
  readonly type: string
  readonly source: string
  /** 1 to 10. */
  readonly severity: number
  /** The threshold that a word about it moves. */
  readonly tunes: string | undefined
  /** Encoded SignedMessage. */
  readonly message: Uint8Array
  /** Of what was signed, hex, newest first: it may have been signed anew, and any of them may be the one in the log. */
  readonly digests: readonly string[]
  readonly signedMs: number
  /** When it was seen. */
  readonly atMs: number
}

/** - `dead`: it will not be published; `code` says why. - `confirmed`: its leaf is in the log. */
export type FindingState = 'waiting' | 'published' | 'confirmed' | 'dead'

export interface BookedFinding extends OutboxEntry {
  readonly state: FindingState
  /** Attempts to publish it that failed. */
  readonly attempts: number
  /** Why the last attempt failed. */
  readonly code: Code | undefined
  readonly leafIndex: bigint | undefined
}

/** Findings that were given up for want of room, by severity. */
export interface ShedCount {
  readonly severity: number
  readonly count: number
}

export interface OutboxLimits {
  /** Findings that may wait. */
  readonly waiting: number
  /** Bytes of their messages. */
  readonly bytes: number
  /** Findings that are kept besides; the oldest go first, dead ones last. */
  readonly kept: number
}

/**
 * Each write is atomic, durable when it resolves, and without a second effect when it is done again. A rejection
 * (`STORE_FAILED`) means that it may have happened.
 */
export interface Outbox {
  /**
   * Takes a finding in. When there is no room, waiting ones of lower severity are given up for it, the lowest and oldest
   * first; when those do not suffice, it is given up itself. What is given up is counted.
   *
   * @returns `known`: one with this id is there, or was and is still kept; nothing was changed.
   */
  put(entry: OutboxEntry): Promise<'kept' | 'known' | 'shed'>
  /** Waiting findings that may be tried now, the most severe first, then the oldest. */
  due(count: number, nowMs: number): Promise<readonly BookedFinding[]>
  /** Replaces what is to be published, because it was signed too long ago. */
  reseal(id: string, sealed: Pick<OutboxEntry, 'message' | 'digests' | 'signedMs'>): Promise<void>
  /** It was published. Confirmed and dead ones stay as they are. */
  publish(id: string): Promise<void>
  /** An attempt failed; the next is not before `readyMs`. @param attempts How many failed by now. */
  retry(id: string, attempts: number, readyMs: number, code: Code): Promise<void>
  /** It will never be published. A confirmed one stays as it is. */
  bury(id: string, code: Code): Promise<void>
  /** Its leaf is in the log: wherever it stood, it got there. */
  confirm(id: string, leafIndex: bigint): Promise<void>
  find(id: string): Promise<BookedFinding | undefined>
  /** Whether one of this source is there. */
  hasSource(source: string): Promise<boolean>
  /** Newest first. */
  list(limit: number, state?: FindingState): Promise<readonly BookedFinding[]>
  counts(): Promise<{
    readonly states: Readonly<Record<FindingState, number>>
    /** Bytes of those that wait. */
    readonly bytes: number
    readonly shed: readonly ShedCount[]
  }>
}
