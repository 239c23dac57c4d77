/**
 * What every stage of the loop has at hand, and what is known of one packet on its way through it.
 *
 * @module
 */
import type { AgentMessage, RouterMessage } from '@mystranet/schemas/link'
import type { Calls } from './calls.ts'
import type { Engine } from './engine.ts'
import type { KeyRing, PacketKey } from './keys/ring.ts'
import type { Sessions } from './open.ts'
import type { AttemptStore, History } from './ports.ts'
import type { Pulse } from './pulse.ts'
import type { Candidate, Receiver } from './receive.ts'

/** A packet key and the model statement that it signed, both logged. */
export interface Signing {
  readonly key: PacketKey
  /** Exact bytes of the SignedDocument. */
  readonly statement: Uint8Array
}

export interface Desk extends Receiver {
  readonly ring: KeyRing
  readonly history: History
  readonly sessions: Sessions
  readonly engine: Engine
  readonly attempts: AttemptStore
  readonly calls: Calls
  readonly pulse: Pulse
  send(message: AgentMessage): void
  signing(): Signing
  /** A line for people. Never content, never a key. */
  log(line: string): void
}

/** One packet between its delivery and its last reply. */
export interface Run extends Candidate {
  /** Leases that wait for it; a second delivery of the attempt adds one. */
  readonly leases: Set<string>
  /** Deliveries under other attempts that came meanwhile: judged once this one has ended. */
  readonly later: Extract<RouterMessage, { type: 'deliver' }>[]
  /** Aborts the engine. */
  readonly stop: AbortController
  /** Set before `stop` is aborted when somebody wants it cancelled: the refusal to answer with, by its number. */
  cancelCode: number | undefined
  /** From then on only a CLOSE may end the attempt. */
  hasOpened: boolean
}
