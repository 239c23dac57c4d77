/**
 * What dispatch needs of the world. Adapters are in `adapters/`, each port has one contract suite (`*.contract.ts`) that
 * every adapter passes, and entries choose. Ids of packets, instances and keys are lowercase hex here.
 *
 * Unless a port says otherwise, a write is durable when it resolves, and a rejection means that it may have happened:
 * every write is such that doing it again has no second effect.
 *
 * @module
 */
import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import type { RecordType } from '@mystranet/sdk/envelope'
import type { LeafKind } from '@mystranet/sdk/proof/leaf'
import type { Receipt } from '@mystranet/sdk/proof/receipt'
import type { LeafDraft } from './log/leaves.ts'

/** Commits leaves to the transparency log. */
export interface PacketLog {
  /**
   * Commits the drafts together, in their order. Resolves to one encoded Receipt for each once a quorum has cosigned a
   * checkpoint that covers all, and our own verifier has accepted it. A draft whose kind, subject and attempt are in the log already
   * resolves to the receipt of that first leaf, for ever.
   *
   * @param options `patienceMs`: so long the drafts may wait for a round that others begin; by default they begin one.
   * @throws {RouterError} `LOG_BUSY`: nothing was appended. `LOG_UNCONFIRMED`: the leaves may be in the log.
   */
  commit(drafts: readonly LeafDraft[], options?: { readonly patienceMs?: number }): Promise<readonly Uint8Array[]>
  /** The confirmed receipt of a leaf, or undefined. */
  find(kind: LeafKind, subject: Uint8Array, attempt: number): Promise<Uint8Array | undefined>
  /**
   * Proves leaves of earlier rounds anew, so that what is shown together stands under one checkpoint; without a write or a
   * signature. For key events, routing tables and model statements, of which only the place counts, and for OPEN under its
   * CLOSE: the receipts of the other packets say when witnesses had seen them, and stay as they are.
   *
   * @param receipts As the log gave them.
   * @param under The checkpoint of a receipt of this log; the newest for leaves that it does not cover, and without it.
   * @returns In their order. One that this log cannot prove anew stays as it is.
   */
  prove(receipts: readonly Receipt[], under?: Uint8Array): Promise<readonly Receipt[]>
}

/**
 * - `prepared`: may be in the log; no agent has it.
 * - `released`: its receipts are kept, and an agent may get it.
 * - `finished`: the reply that ends it is logged. Terminal.
 * - `dead`: no agent will get it, unless it is replayed.
 * - `void`: committed and never sent. Terminal; never follows `released`.
 * - `cancelled`: taken back by its sender before any agent had it. Terminal.
 */
export type RequestState = 'prepared' | 'released' | 'finished' | 'dead' | 'void' | 'cancelled'

/** - `made`: not delivered, or not accepted yet. - `accepted`, `opened`: by signed replies. - the others end it. */
export type AttemptState = 'made' | 'accepted' | 'opened' | 'closed' | 'refused' | 'late'

export interface AttemptRecord {
  readonly number: number
  /** Instance id. */
  readonly agent: string
  readonly rule: string
  readonly acceptByMs: number
  /** Exact bytes that the leaf commits to. */
  readonly addendum: Uint8Array
  readonly receipt?: Uint8Array | undefined
  readonly state: AttemptState
  /** The refusal that ended it, by its number. */
  readonly code?: number | undefined
  /** Id of the signed reply that ended it. */
  readonly reply?: string | undefined
  readonly atMs?: number | undefined
}

export interface ReplyRecord {
  readonly id: string
  readonly kind: 'STREAM_OPEN' | 'STREAM_CLOSE' | 'ACK' | 'NACK' | 'CANCEL'
  readonly attempt: number
  /** `core.code`. */
  readonly code?: number | undefined
  readonly draft: LeafDraft
  readonly receipt?: Uint8Array | undefined
  /** The packet, of kinds without content. */
  readonly packet?: Uint8Array | undefined
}

export interface NoticeRecord {
  readonly kind: 'dead-letter' | 'void' | 'cancel'
  /** SignedDocument of type notice. */
  readonly document: Uint8Array
  readonly draft?: LeafDraft | undefined
  readonly receipt?: Uint8Array | undefined
}

/** All that the router knows of one admitted request. */
export interface RequestRecord {
  readonly id: string
  /** As it was admitted, without `delivery`. */
  readonly packet: Uint8Array
  readonly expiresMs: number
  readonly state: RequestState
  /** Exact bytes that the request leaf commits to. */
  readonly addendum: Uint8Array
  readonly receipt?: Uint8Array | undefined
  readonly attempts: readonly AttemptRecord[]
  readonly replies: readonly ReplyRecord[]
  readonly notices: readonly NoticeRecord[]
  /** Packets without their content, signed and refused as `REPLAYED`: two replies that exclude each other. At most eight. */
  readonly evidence?: readonly Uint8Array[] | undefined
  /** When it became terminal, or 0. */
  readonly endedMs: number
  /** All that follows from its end is done: queue, answer, dead letter, leaves. */
  readonly isSettled?: boolean | undefined
}

export interface StoredRequest {
  readonly record: RequestRecord
  /** For {@link PacketStore.replace}. */
  readonly revision: number
}

/**
 * Admitted requests. One compare-and-swap carries all their transitions, so that `released` and `void` exclude each
 * other: whoever is second meets a conflict, reads, and finds the other.
 */
export interface PacketStore {
  find(id: string): Promise<StoredRequest | undefined>
  /** Stores a new record, or gives back the one that is there. Atomic. */
  insert(record: RequestRecord): Promise<StoredRequest>
  /** @returns `conflict` when the revision is not the stored one. Nothing was written. `packet` is never changed. */
  replace(revision: number, next: RequestRecord): Promise<StoredRequest | 'conflict'>
  /** Ids of records that are `prepared` or `released`, ended and are not settled, or have a reply without its receipt. */
  unfinished(): Promise<readonly string[]>
  /** Forgets finished, dead, void and cancelled records that expired and ended before. @returns their ids. */
  forget(beforeMs: number): Promise<readonly string[]>
}

export interface QueueItem {
  /** Packet id. */
  readonly packet: string
  readonly attempt: number
  /** Instance id. */
  readonly agent: string
  /** Packet with its `delivery`. */
  readonly bytes: Uint8Array
}

export interface Lease extends QueueItem {
  readonly lease: string
  /** Which delivery of this packet and attempt it is, from 1. */
  readonly delivery: number
}

/**
 * Hands packets to agents, at least once, oldest first among those that are ready. Times are the caller's clock.
 */
export interface PacketQueue {
  /**
   * Durable when it resolves. A second `publish` of the same packet and attempt has no effect, also after it was
   * finished, until it is forgotten.
   *
   * @throws {RouterError} `QUEUE_FULL` when the agent's backlog is at its limit. Nothing was queued.
   */
  publish(item: QueueItem, nowMs: number): Promise<void>
  /** Leases up to `count` items for one agent; a lease that ran out by then counts as given back. */
  lease(agent: string, count: number, nowMs: number, leaseMs: number): Promise<readonly Lease[]>
  /** @returns false when the lease is not in force any more. */
  extend(lease: string, nowMs: number, leaseMs: number): Promise<boolean>
  /** Gives an item back, to be delivered again not before `readyMs`. Without effect when the lease is not in force. */
  release(lease: string, readyMs: number): Promise<void>
  /** Gives back all leases of an agent: it began anew. */
  releaseAll(agent: string): Promise<number>
  /** Ends packet and attempt, leased or not. */
  finish(packet: string, attempt: number): Promise<void>
  /** Takes a packet back if it was never leased. @returns `taken`, `delivered`, or `absent`. */
  cancel(packet: string): Promise<'taken' | 'delivered' | 'absent'>
  /** Items not finished, of one agent or of all, and those leased among them. */
  depth(nowMs: number, agent?: string): Promise<{ readonly waiting: number; readonly leased: number }>
  /** Forgets finished items. */
  forget(packet: string): Promise<void>
}

/**
 * The sequence windows of docs/protocol.md §12. `insert` is atomic, and durable when it resolves.
 */
export interface ReplayStore {
  /** `stale`: the epoch is below the two newest of the key. */
  insert(key: string, epoch: bigint, seq: bigint, id: string): Promise<'fresh' | 'same' | 'replayed' | 'stale'>
  /** Takes a nonce in. @returns false when it was there. Kept at least until `untilMs`. */
  useNonce(nonce: string, untilMs: number, nowMs: number): Promise<boolean>
}

export interface StoredChain {
  /** Exact bytes of the KeyChain: all events, in log order. */
  readonly chain: Uint8Array
  readonly revision: number
}

/** Key chains by instance. */
export interface KeyDirectory {
  find(instance: string): Promise<StoredChain | undefined>
  /** `revision` 0: the instance is new. @returns `conflict` when it is not the stored one. Nothing was written. */
  replace(instance: string, revision: number, chain: Uint8Array): Promise<StoredChain | 'conflict'>
}

export interface StoredTable {
  /** SignedDocument of type routing-table. */
  readonly document: Uint8Array
  readonly receipt: Uint8Array
  readonly version: bigint
  /** When it came into force here. */
  readonly sinceMs: number
}

/** The routing tables in force. */
export interface TableStore {
  /** The newest and the one before it, newest first. */
  newest(): Promise<readonly StoredTable[]>
  /** @returns `conflict` unless its version is one more than the newest. Nothing was written. */
  push(table: StoredTable): Promise<'stored' | 'conflict'>
}

/** Model statements that agents logged. */
export interface StatementStore {
  put(agent: string, digest: string, receipt: Uint8Array): Promise<void>
  /** Receipts, newest first, at most 8. */
  newest(agent: string): Promise<readonly Uint8Array[]>
}

/** A record of docs/protocol.md §8.1, but for heartbeats and the end. */
export interface AnswerRecord {
  readonly type: Exclude<RecordType, 'end' | 'heartbeat'>
  /** Makes it the same record: a second append with this key has no effect. */
  readonly key: string
  readonly value: Uint8Array
  /** Number of a frame. */
  readonly frame?: number | undefined
}

export interface StoredAnswerRecord extends AnswerRecord {
  /** From 1, ascending, per answer. */
  readonly position: number
}

/**
 * The answers, as records in the order in which readers get them. Kept until `forget`; the nexus forgets one an hour
 * after its end (`WEAVE_ANSWER_KEEP_MS`).
 */
export interface AnswerStore {
  /**
   * Adds records. With `durable` it resolves when they, and all before them, are durable, and shows them only then.
   * Without, they can be read at once and may be lost with the process: frames, which an agent keeps as well.
   */
  append(request: string, records: readonly AnswerRecord[], durable: boolean): Promise<void>
  /** Records after a position, oldest first: at most `limit` of them and, past the first, at most `maxBytes`. */
  read(request: string, after: number, limit: number, maxBytes: number): Promise<readonly StoredAnswerRecord[]>
  /** Nothing more will come. Durable. */
  end(request: string, nowMs: number): Promise<void>
  /** More will come after all: the request is replayed. */
  reopen(request: string): Promise<void>
  ended(request: string): Promise<boolean>
  /** Calls back after each change of this answer, until it is given back. */
  watch(request: string, changed: () => void): () => void
  /** Forgets answers that ended before. @returns how many. */
  forget(beforeMs: number): Promise<number>
}

export interface DeadLetter {
  readonly packet: string
  /** The refusal that ended it, by its number. */
  readonly code: number
  /** SignedDocument of type notice: the signed reasons of every attempt. */
  readonly notice: Uint8Array
  readonly expiresMs: number
  readonly atMs: number
}

/** Packets that will not be delivered, with their reasons. `put` of the same packet replaces. */
export interface DeadLetters {
  put(letter: DeadLetter): Promise<void>
  /** Newest first. */
  list(limit: number): Promise<readonly DeadLetter[]>
  show(packet: string): Promise<DeadLetter | undefined>
  /** @returns whether it was there. */
  drop(packet: string): Promise<boolean>
  count(): Promise<number>
}

/** Invitations: tokens that enrol one instance each. Only their SHA-256 is kept. */
export interface Invites {
  add(tokenHash: string, untilMs: number): Promise<void>
  /** Uses one up. The same instance may use it again while it lasts: its first answer may have been lost. */
  use(tokenHash: string, instance: string, nowMs: number): Promise<boolean>
}

export interface AgentState {
  /** Instance id. */
  readonly instance: string
  readonly slots: number
  readonly models: readonly string[]
  readonly running: number
  readonly queued: number
  /** When we heard of the model's last token or canary, by our clock: clocks of agents may be wrong. */
  readonly canaryMs: number | undefined
  readonly draining: boolean
  readonly tokensPerSecond: number
  /** When it last said anything. */
  readonly seenMs: number
}

/** One end of a connection with an agent, whatever carries it. */
export interface AgentChannel {
  /** Fire and forget, in order. May throw when the connection is gone: nothing was sent. */
  send(message: RouterMessage): void
  /** The instance that is known to be at the other end; a `hello` of another is ignored. */
  readonly instance?: Uint8Array | undefined
  /** Whether its key events need no invite. */
  readonly mayEnrol?: boolean | undefined
}

export interface AttachedAgent {
  /** Hands a message of the agent over. Never throws. */
  receive(message: AgentMessage): void
  /** The connection is gone. */
  lost(): void
}

/** The agents that are connected. In memory: nothing here outlives the process. */
export interface AgentLinks {
  attach(channel: AgentChannel): AttachedAgent
  /** @returns false when no such agent is connected. */
  send(instance: string, message: RouterMessage): boolean
  agents(): readonly AgentState[]
  /** Who is told of messages. One listener. */
  listen(heard: (from: AgentSender, message: AgentMessage) => void, changed: (instance: string) => void): void
}

/** Where a message came from; `reply` answers on the same connection. */
export interface AgentSender {
  /** From its `hello`; undefined before. */
  readonly instance: string | undefined
  readonly mayEnrol: boolean
  reply(message: RouterMessage): void
}
