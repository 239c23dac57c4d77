/**
 * What all of dispatch shares: the ports, the settings, and the one way to change a stored request.
 *
 * @module
 */
import { decode, type HeaderCore, Packet } from '@mystranet/schemas/messages'
import { type DocumentSigner, parseHeader } from '@mystranet/sdk/envelope'
import { type LeafKind, packetPartition } from '@mystranet/sdk/proof/leaf'
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import type { RouterConfig } from '../config.ts'
import { RouterError } from '../errors.ts'
import type { LeafDraft } from '../log/leaves.ts'
import type { Metrics } from '../metrics.ts'
import type {
  AgentLinks,
  AnswerStore,
  DeadLetters,
  Invites,
  KeyDirectory,
  PacketLog,
  PacketQueue,
  PacketStore,
  ReplayStore,
  RequestRecord,
  StatementStore,
  TableStore,
} from '../ports.ts'
import type { Trace } from '../trace.ts'
import type { OnPacket } from './tell.ts'
import { createGates, createTurns, type Gates, type Turns } from './turns.ts'

export interface NexusPorts {
  readonly log: PacketLog
  readonly packets: PacketStore
  readonly queue: PacketQueue
  readonly replay: ReplayStore
  readonly keys: KeyDirectory
  readonly tables: TableStore
  readonly statements: StatementStore
  readonly answers: AnswerStore
  readonly dead: DeadLetters
  readonly invites: Invites
  readonly links: AgentLinks
}

export interface NexusDeps extends NexusPorts {
  readonly config: RouterConfig
  readonly trust: TrustFile
  /** Signs notices. The router's own key; it can sign no table. */
  readonly signer: DocumentSigner
  /** Ed25519 keys that the router holds: a table that one of them signed is refused, whatever the trust file says. */
  readonly ownKeys: readonly Uint8Array[]
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Fresh random bytes. */
  random(bytes: number): Uint8Array
  readonly trace: Trace
  readonly metrics: Metrics
  /** Told of every packet that was taken or refused, but of those that are malformed or of another network. */
  readonly onPacket?: OnPacket | undefined
}

export interface Desk extends NexusDeps {
  readonly turns: Turns
  readonly gates: Gates
  /**
   * Changes a stored request, however often another writer comes first.
   *
   * @param edit Pure. Undefined: leave it as it is.
   * @throws {RouterError} `STORE_FAILED`; or the store's own error: the change may have happened.
   */
  change(id: string, edit: (record: RequestRecord) => RequestRecord | undefined): Promise<RequestRecord>
  /** `PacketLog.commit`, measured. */
  commit: PacketLog['commit']
}

const MAX_CONFLICTS = 16

/** @param changed Told of every request that was changed. */
export function createDesk(deps: NexusDeps, changed: (id: string) => void = () => undefined): Desk {
  return {
    ...deps,
    turns: createTurns(),
    gates: createGates(),
    async change(id, edit) {
      for (let i = 0; i < MAX_CONFLICTS; i++) {
        const stored = await deps.packets.find(id)
        if (stored === undefined)
          throw new RouterError('STORE_FAILED', 'Cannot change a request: it is gone', { packet: id })
        const next = edit(stored.record)
        if (next === undefined) return stored.record
        changed(id)
        const replaced = await deps.packets.replace(stored.revision, next)
        if (replaced !== 'conflict') return replaced.record
      }
      throw new RouterError('STORE_FAILED', 'Cannot change a request: others changed it all the time', { packet: id })
    },
    async commit(drafts, options) {
      const begun = performance.now()
      const receipts = await deps.log.commit(drafts, options)
      deps.metrics.observe('weave_commit_seconds', (performance.now() - begun) / 1_000)
      return receipts
    },
  }
}

/** The core of a stored request. */
export function coreOf(record: RequestRecord): HeaderCore {
  return parseHeader(decode(Packet, record.packet).header).core
}

/** A leaf in a request's partition. */
export function draftFor(
  kind: LeafKind,
  request: HeaderCore,
  leaf: { subject: Uint8Array; attempt?: number; commitment?: Uint8Array | undefined; addendum: Uint8Array },
): LeafDraft {
  const { subject, attempt = 0, commitment, addendum } = leaf
  const partition = packetPartition(request.sender, request.correlationId)
  return { kind, partition, subject, attempt, commitment, addendum }
}
