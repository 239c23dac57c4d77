/**
 * Attempts: whom to try, what the log is told of it, and what the agent gets as proof (docs/protocol.md §10).
 *
 * @module
 */

import { Addendum, Delivery, decode, encode, type HeaderCore, Packet } from '@mystranet/schemas/messages'
import { fromHex } from '@mystranet/sdk/bytes'
import { RouterError } from '../errors.ts'
import type { LeafDraft } from '../log/leaves.ts'
import type { AttemptRecord, RequestRecord } from '../ports.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import type { Keyring, KnownChain } from './keyring.ts'
import { lastAttempt, withAttempt } from './life.ts'
import { type AgentLoad, chooseAgent, type Routed } from './route.ts'

export interface Attempts {
  /** Decides who gets the next attempt, and until when. Nothing is written. */
  plan(core: HeaderCore, routed: Routed, before: readonly AttemptRecord[]): Promise<AttemptRecord>
  /** Leaf of an attempt. */
  draft(record: RequestRecord, core: HeaderCore, attempt: AttemptRecord): LeafDraft
  /**
   * Queues the last attempt of a released request, with its proofs attached. Again: without effect.
   *
   * @throws {RouterError} `QUEUE_FULL`.
   */
  publish(record: RequestRecord): Promise<void>
}

const MAX_QUEUED = 100_000

export function createAttempts(desk: Desk, keyring: Keyring): Attempts {
  /** What this process has queued: asking the queue again would change nothing. */
  const queued = new Set<string>()
  const loads = async (candidates: readonly string[]): Promise<ReadonlyMap<string, AgentLoad>> => {
    const agents = desk.links.agents().filter(({ instance }) => candidates.includes(instance))
    const nowMs = desk.nowMs()
    const known = await Promise.all(
      agents.map(async (agent) => {
        // What it holds it reports itself as running or queued.
        const { waiting, leased } = await desk.queue.depth(nowMs, agent.instance)
        return [agent.instance, { agent, waiting: waiting - leased }] as const
      }),
    )
    return new Map(known)
  }
  return {
    async plan(core, routed, before) {
      const { candidates, rule, table } = routed
      const nowMs = desk.nowMs()
      const number = before.length + 1
      const agent = chooseAgent(
        routed,
        await loads(candidates),
        before.map((each) => each.agent),
      )
      // While nobody else could take it, there is nothing to win by giving up early.
      const isLast = candidates.length === 1 || number >= (core.retry?.maxAttempts ?? 3)
      const acceptByMs = isLast ? core.expiresMs : Math.min(core.expiresMs, nowMs + desk.config.acceptMs)
      const decision = {
        tableVersion: table.table.version,
        rule: rule.id,
        agent: fromHex(agent) as Uint8Array,
        acceptByMs,
      }
      const addendum = encode(Addendum, { nonce: desk.random(16), recipients: [], decision })
      return { number, agent, rule: rule.id, acceptByMs, addendum, state: 'made' }
    },
    draft: (record, core, { number, addendum }) =>
      draftFor('attempt', core, {
        subject: fromHex(record.id) as Uint8Array,
        attempt: number,
        commitment: core.tableDigest,
        addendum,
      }),
    async publish(record) {
      const attempt = lastAttempt(record)
      const name = `${record.id} ${attempt.number}`
      if (record.state !== 'released' || attempt.state !== 'made' || queued.has(name)) return
      const { receipt } = attempt
      if (record.receipt === undefined || receipt === undefined) {
        throw new RouterError('STORE_FAILED', 'Cannot queue a packet: its receipts are not kept', { packet: record.id })
      }
      const core = coreOf(record)
      // With its first receipts: an agent verifies the same bytes only once.
      const senderKeys = await keyring.excerpt(core.sender, core.senderKey)
      const delivery = encode(Delivery, { requestReceipt: record.receipt, attemptReceipt: receipt, senderKeys })
      const bytes = encode(Packet, { ...decode(Packet, record.packet), delivery })
      await desk.queue.publish(
        { packet: record.id, attempt: attempt.number, agent: attempt.agent, bytes },
        desk.nowMs(),
      )
      if (queued.size >= MAX_QUEUED) queued.clear()
      queued.add(name)
    },
  }
}

/** What a packet's leaf commits to beside it. */
export function packetAddendum(desk: Desk, core: HeaderCore, chain: KnownChain): Uint8Array {
  const { sender, senderKey, epoch, seq, recipients } = core
  return encode(Addendum, {
    nonce: desk.random(16),
    sender,
    senderKey,
    epoch,
    seq,
    chainHead: chain.chain.head,
    recipients,
  })
}

/** Receipts of the attempt kept, and the request released: from here on an agent may get it. */
export function released(
  record: RequestRecord,
  number: number,
  receipts: { request: Uint8Array; attempt: Uint8Array },
): RequestRecord {
  return { ...withAttempt(record, number, { receipt: receipts.attempt }), receipt: receipts.request, state: 'released' }
}
