/**
 * What the agent needs of the world: the way to a router, a memory that survives a crash, and a clock. `adapters/` holds
 * what implements it; `*.contract.ts` holds every adapter to what is said here.
 *
 * @module
 */

import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import type { Receipt } from '@mystranet/schemas/messages'
import type { CheckpointVerifier, VerifiedReceipt } from '@mystranet/sdk/proof/receipt'

/** Milliseconds since 1970. Everything that the protocol compares with a time asks this clock. */
export interface Clock {
  now(): number
}

/**
 * One connection to a router.
 *
 * - Messages arrive whole and in the order in which they were sent, in both directions.
 * - `send` never throws and never waits. What is sent after the connection broke, or by then had not arrived, is lost;
 *   both ends know packets by their id and say again what matters.
 * - `messages` can be read once, and ends when the connection does. Nothing in a message is trusted.
 */
export interface Link {
  send(message: AgentMessage): void
  readonly messages: AsyncIterable<RouterMessage>
  /** Hands over what was sent before, then ends the connection. May be called twice. */
  close(): Promise<void>
}

/**
 * - `running`: recorded; a model may have run. Found by a process that does not run it: interrupted.
 * - `refused`: a signed NACK ended the attempt; nothing ran.
 * - `interrupted`: the attempt ended without an answer that may be called one: CLOSE `ABORTED` or `ERROR`.
 * - `finished`: a CLOSE ended it that stands for good.
 */
export type AttemptState = 'running' | 'refused' | 'interrupted' | 'finished'

/** All that is known of one request here: its newest attempt, and the exact bytes of every reply that was signed. */
export interface AttemptEntry {
  readonly packetId: Uint8Array
  /** From 1. */
  readonly attempt: number
  readonly state: AttemptState
  /** Exact header of the request: replies need its core. */
  readonly header: Uint8Array
  /** Of the request. */
  readonly expiresMs: number
  readonly ack?: Uint8Array | undefined
  readonly nack?: Uint8Array | undefined
  readonly open?: Uint8Array | undefined
  /** The secret of its reply keys is gone with the process; kept for the record. */
  readonly responseNonce?: Uint8Array | undefined
  /** The newest signed stream checkpoint. */
  readonly checkpoint?: Uint8Array | undefined
  readonly close?: Uint8Array | undefined
}

/** Names one attempt. */
export interface AttemptKey {
  readonly packetId: Uint8Array
  readonly attempt: number
}

interface AttemptStart extends AttemptKey {
  readonly header: Uint8Array
  readonly expiresMs: number
  readonly nowMs: number
}

/** A CANCEL that came before its request: acts only on a request that equals it. */
export interface Tombstone {
  readonly packetId: Uint8Array
  readonly sender: Uint8Array
  readonly correlationId: Uint8Array
  /** The refusal to answer with, by its number on the wire. */
  readonly code: number
  /** Forgotten then. */
  readonly untilMs: number
}

/** How long an entry is kept: this long after it was recorded, and never less than until its request has expired. */
export const RETENTION_MS = 86_400_000

/**
 * The durable table of packet ids: what makes a second delivery run nothing.
 *
 * - Every write is atomic, and durable when it resolves. One that rejects (`STORE_FAILED`) may have happened or not: then
 *   nothing of it is sent, and the next delivery reads what is there.
 * - An entry holds its newest attempt only. Writes that do not fit its state change nothing.
 * - One process at a time.
 */
export interface AttemptStore {
  find(packetId: Uint8Array): Promise<AttemptEntry | undefined>
  /** Frames of a finished or interrupted attempt, in order; none when they were lost. */
  frames(packetId: Uint8Array): Promise<readonly Uint8Array[]>
  /** Entries that are `running`: at the start of a process, the interrupted ones. */
  running(): Promise<readonly AttemptEntry[]>
  /**
   * Records that an attempt is about to run, with the ACK that says so.
   *
   * @returns `taken` unless there was no entry, or one of a lower attempt that is not finished.
   */
  begin(start: AttemptStart & { readonly ack: Uint8Array }): Promise<'begun' | 'taken'>
  /**
   * Ends an attempt by a NACK.
   *
   * @returns `taken` unless `begin` would have worked, or this very attempt is running and has no OPEN.
   */
  refuse(start: AttemptStart & { readonly nack: Uint8Array }): Promise<'refused' | 'taken'>
  /** @returns `taken` unless the attempt is running and has no OPEN. */
  open(
    reply: AttemptKey & { readonly open: Uint8Array; readonly responseNonce: Uint8Array },
  ): Promise<'opened' | 'taken'>
  /** Keeps the newest stream checkpoint of a running attempt. */
  checkpoint(reply: AttemptKey & { readonly document: Uint8Array }): Promise<void>
  /**
   * Ends an attempt by its CLOSE, with all its frames.
   *
   * @returns `taken` unless the attempt is running.
   */
  finish(
    end: AttemptKey & {
      readonly state: 'finished' | 'interrupted'
      readonly close: Uint8Array
      readonly frames: readonly Uint8Array[]
    },
  ): Promise<'finished' | 'taken'>
  /** Keeps the first tombstone of a packet. */
  bury(tombstone: Tombstone): Promise<void>
  tombstone(packetId: Uint8Array): Promise<Tombstone | undefined>
  /** Forgets entries past their retention and tombstones past their time. */
  prune(nowMs: number): Promise<void>
  close(): Promise<void>
}

export type KeyKind = 'root' | 'operational' | 'packet' | 'prekey'

/** One private key with what the log knows of it. */
export interface StoredKey {
  /** Hex of the public key; of a prekey, of its KEM key id. */
  readonly id: string
  readonly kind: KeyKind
  /** 32 bytes. Secret. */
  readonly seed: Uint8Array
  /** Cipher suite of a prekey, else 0. */
  readonly suite: number
  readonly createdMs: number
  /** `not_after_ms`, of a prekey `delete_after_ms`; of the root key the largest safe integer. */
  readonly endsMs: number
  /** Exact bytes of the SignedKeyEvent that makes it; the root key has none, its delegation is the operational key's. */
  readonly event?: Uint8Array | undefined
  /** Of the event's leaf, once it is logged. */
  readonly receipt?: Uint8Array | undefined
}

/**
 * The agent's private keys. Only its owner may read it.
 *
 * - Every write is atomic, and durable when it resolves; one that rejects (`STORE_FAILED`) may have happened or not.
 * - A key is stored before its event is sent: an event in the log whose key is lost would attract packets that nobody opens.
 */
export interface KeyStore {
  /** In the order in which they were added. */
  list(): Promise<readonly StoredKey[]>
  /** Adds all or none. A key that is there stays as it is. */
  add(keys: readonly StoredKey[]): Promise<void>
  /** Keeps the receipt of a key's event. */
  confirm(id: string, receipt: Uint8Array): Promise<void>
  /** An epoch larger than all given out before for this key: at least `nowMs`. @throws RangeError for an unknown key. */
  nextEpoch(id: string, nowMs: number): Promise<number>
  /** Deletes the key and overwrites its seed where it was stored. */
  remove(id: string): Promise<void>
  close(): Promise<void>
}

/** What the next write of a memory adapter does: `write-then-fail` is a write that happened and was reported as failed. */
export type Fault = 'none' | 'fail' | 'write-then-fail'

/** Two signed statements about one log that cannot both be true: notes of checkpoints, or receipts as `.tlog-proof` files. */
export interface ForkEvidence {
  readonly treeSize: bigint
  readonly known: Uint8Array
  readonly shown: Uint8Array
}

export interface History {
  /** Verifies checkpoints, each once while it is remembered. */
  readonly checkpoints: CheckpointVerifier
  /**
   * Takes a receipt that holds. It proves the roots of two trees: that of its checkpoint, and the one that ended with its
   * leaf.
   *
   * @throws {PacketError} `CHECKPOINT_ROLLED_BACK` when another root of one of them is known. The evidence is kept.
   */
  learn(receipt: Receipt, verified: VerifiedReceipt): void
  /**
   * Compares the checkpoint that a sender knows, now with what is known here, and later with what is learnt. One that the
   * trust file does not vouch for says nothing.
   *
   * @throws {PacketError} as {@link learn}.
   */
  compare(note: Uint8Array): Promise<void>
}
