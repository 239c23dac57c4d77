/**
 * What a watch of the log takes in. All of it may be written by an adversary: a router that lies, an agent, an exporter.
 *
 * @module
 */

/**
 * A leaf of the log (docs/protocol.md §10). The fields up to `commitment` are public, and named as the SDK's parsed leaf
 * names them; what follows is there where a party has it.
 */
export interface LogEntry {
  /** Place in the log, from 0. */
  readonly index: number
  /** As §10 names the kinds: `request`, `attempt`, `stream-open` … */
  readonly kind: string
  readonly timeMs: number
  readonly partition: Uint8Array
  /** Place in the partition, from 1. */
  readonly seq: bigint
  /** Leaf hash of the partition's leaf before. */
  readonly previous: Uint8Array
  readonly subject: Uint8Array
  readonly attempt: number
  readonly commitment?: Uint8Array | undefined
  /** Its own leaf hash. Without it, links to this leaf are not checked. */
  readonly leafHash?: Uint8Array | undefined
  /** The addendum that its digest names. */
  readonly addendum?: EntryAddendum | undefined
  /** `core.code` of the packet that it records: an outcome below 10, a refusal from there on. */
  readonly code?: number | undefined
}

/** As `weave.log.v1.Addendum`. */
export interface EntryAddendum {
  readonly sender?: Uint8Array | undefined
  readonly senderKey?: Uint8Array | undefined
  readonly epoch?: bigint | undefined
  readonly seq?: bigint | undefined
  readonly chainHead?: Uint8Array | undefined
  readonly decision?: EntryDecision | undefined
}

export interface EntryDecision {
  readonly tableVersion: bigint
  readonly agent: Uint8Array
  readonly acceptByMs: number
}

/** What a router saw of one packet that came in, taken or refused. */
export interface PacketFact {
  readonly timeMs: number
  readonly kind: 'REQUEST' | 'STREAM_OPEN' | 'STREAM_CLOSE' | 'ACK' | 'NACK' | 'CANCEL'
  readonly id: Uint8Array
  /** Of a packet that was refused: what its header says, verified or not. */
  readonly sender: Uint8Array
  readonly senderKey: Uint8Array
  readonly epoch: bigint
  readonly seq: bigint
  /** Tag or instance that it is for, as text. */
  readonly target?: string | undefined
  /** Bytes that the router carried for it; of a CLOSE with the frames of its stream. */
  readonly bytes: number
  /** `taken`, `known` (it was here before), or the code of the refusal. */
  readonly outcome: string
}

/** A key event, from the document that its leaf names. Given when its leaf is at hand, in log order. */
export interface KeyFact {
  readonly index: number
  readonly instance: Uint8Array
  readonly digest: Uint8Array
  readonly event: 'delegation' | 'revocation' | 'packet-key' | 'prekey'
  /** The key that it makes; of a revocation, the key that ends. */
  readonly key: Uint8Array
}

/** A routing table, from the document that its leaf names. */
export interface TableFact {
  readonly timeMs: number
  readonly version: bigint
  readonly digest: Uint8Array
  readonly previous?: Uint8Array | undefined
}

export interface CheckpointFact {
  readonly origin: string
  readonly treeSize: bigint
  readonly rootHash: Uint8Array
}

/** What flow exports, or a capture, showed of the traffic from or to one agent. */
export interface VolumeFact {
  /** Instance id of the agent: who runs the collector knows whose addresses are whose. */
  readonly agent: Uint8Array
  readonly timeMs: number
  /** Bytes of IP, times the sampling where there is one. */
  readonly bytes: number
}
