/**
 * What a router and an agent say to each other, whatever carries it: a child process's channel, or a broker. The bytes
 * inside (packets, frames, documents, receipts) are those of docs/protocol.md and are checked by whoever receives them;
 * nothing else here is trusted for more than bookkeeping.
 *
 * The agent dials; its first message is `hello`. Every request carries an `id` chosen by its sender, and is answered
 * once by `done` or `refused` with the same `id`. A link that breaks loses nothing: leases expire, replies are sent
 * again, and both ends know packets by their id.
 *
 * @module
 */
import type { Code } from './codes.ts'

/** From the agent to the router. */
export type AgentMessage =
  /** First message, again after every reconnect. `slots`: packets that it takes at once. */
  | {
      readonly type: 'hello'
      readonly instance: Uint8Array
      readonly slots: number
      readonly models: readonly string[]
    }
  /** SignedKeyEvents to log; answered with one Receipt for each. */
  | { readonly type: 'keys'; readonly id: number; readonly events: readonly Uint8Array[] }
  /** A SignedDocument of type model-statement to log; answered with its Receipt. */
  | { readonly type: 'statement'; readonly id: number; readonly document: Uint8Array }
  /** OPEN, CLOSE, ACK or NACK; answered with its Receipt once it is confirmed. Sending it again is harmless. */
  | { readonly type: 'reply'; readonly id: number; readonly packet: Uint8Array }
  /** An encoded Frame, in order; not answered. */
  | { readonly type: 'frame'; readonly request: Uint8Array; readonly frame: Uint8Array }
  /** A SignedDocument of type stream-checkpoint; not answered. */
  | { readonly type: 'checkpoint'; readonly request: Uint8Array; readonly document: Uint8Array }
  /** Unauthenticated progress text for whoever waits, e.g. "queued 3". */
  | { readonly type: 'heartbeat'; readonly request: Uint8Array; readonly text: string }
  /** The lease goes on. */
  | { readonly type: 'progress'; readonly lease: string }
  /** The packet is finished here: its final reply is logged. */
  | { readonly type: 'finished'; readonly lease: string }
  /** Not taken, nothing ran, no signed reason: the router may deliver it again. */
  | { readonly type: 'returned'; readonly lease: string }
  /** Every 5 s: what it does, and when the model last generated a token for the canary. */
  | {
      readonly type: 'presence'
      readonly running: number
      readonly queued: number
      readonly canaryMs: number | undefined
      readonly draining: boolean
      readonly tokensPerSecond: number
    }
  | { readonly type: 'log'; readonly line: string }

/** From the router to the agent. */
export type RouterMessage =
  /** A packet with its `delivery`. The lease expires `leaseMs` after the last `progress`. */
  | { readonly type: 'deliver'; readonly lease: string; readonly leaseMs: number; readonly packet: Uint8Array }
  /** A CANCEL packet with its sender's KeyChain. Overtakes deliveries. */
  | { readonly type: 'cancel'; readonly packet: Uint8Array; readonly senderKeys: Uint8Array }
  /** Nobody reads the answer any more (30 s without a connection): stop it. */
  | { readonly type: 'abandon'; readonly request: Uint8Array }
  | { readonly type: 'done'; readonly id: number; readonly receipts: readonly Uint8Array[] }
  | { readonly type: 'refused'; readonly id: number; readonly code: Code; readonly message: string }
  /** Finish what runs, take nothing new, then leave. */
  | { readonly type: 'drain' }
