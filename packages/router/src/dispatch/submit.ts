/**
 * Stage 4, submit: a sealed packet in, its receipt out. Confirmed first, released durably, queued last: a crash between any
 * two leaves a request that the same packet, sent again, or the next tick carries on.
 *
 * @module
 */
import { encode, Packet } from '@mystranet/schemas/messages'
import { fromHex, toHex } from '@mystranet/sdk/bytes'
import type { ParsedPacket } from '@mystranet/sdk/envelope'
import { RouterError, refusalOf } from '../errors.ts'
import type { RequestRecord } from '../ports.ts'
import { createRateLimit } from '../rate.ts'
import type { Admission } from './admit.ts'
import { type Attempts, packetAddendum, released } from './attempts.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import type { Keyring } from './keyring.ts'
import { lastAttempt } from './life.ts'
import { type Routed, route } from './route.ts'
import type { Tables } from './tables.ts'

export interface Submitted {
  /** Exact bytes of the Receipt. */
  readonly receipt: Uint8Array
  /** The packet was here before. */
  readonly known: boolean
}

export interface Submission {
  /**
   * Takes a request in.
   *
   * @returns The request leaf's receipt: for the same packet the same, for ever.
   */
  submit(parsed: ParsedPacket): Promise<Submitted>
}

export interface SubmitDeps {
  readonly admission: Admission
  readonly attempts: Attempts
  readonly keyring: Keyring
  readonly tables: Tables
  /** Something is queued for an agent. */
  wake(agent: string): void
}

export function createSubmission(desk: Desk, deps: SubmitDeps): Submission {
  const { admission, attempts, keyring, tables, wake } = deps
  const ruleRates = createRateLimit('sender', { perMinute: 1, burst: 1 })

  const limitByRule = ({ rule }: Routed, sender: string) => {
    const perMinute = rule.limits?.packetsPerMinute
    if (perMinute)
      ruleRates.take(`${rule.id} ${sender}`, desk.nowMs(), { perMinute, burst: Math.max(1, Math.ceil(perMinute / 10)) })
  }

  /** From a stored request to its receipt, wherever the last try ended. */
  const carryOn = async (record: RequestRecord): Promise<Uint8Array> => {
    if (record.state === 'prepared') return commitAndRelease(await withCurrentHead(record))
    if (record.receipt === undefined) throw expired(record.id)
    if (record.state === 'released') await queue(record)
    return record.receipt
  }
  const queue = async (record: RequestRecord) => {
    await attempts.publish(record)
    const agent = record.attempts.at(-1)?.agent
    if (agent !== undefined) wake(agent)
  }
  const commitAndRelease = async (record: RequestRecord): Promise<Uint8Array> => {
    if (desk.nowMs() >= record.expiresMs) throw expired(record.id)
    const core = coreOf(record)
    const attempt = lastAttempt(record)
    const subject = fromHex(record.id) as Uint8Array
    const commitment = core.contentCommitment
    const [requestReceipt, attemptReceipt] = await desk.commit([
      draftFor('request', core, { subject, commitment, addendum: record.addendum }),
      attempts.draft(record, core, attempt),
    ])
    desk.trace.stage('commit', { packet: record.id, attempt: 1, agent: attempt.agent })
    const receipts = { request: requestReceipt as Uint8Array, attempt: attemptReceipt as Uint8Array }
    // Side by side, so that a store with group commit makes both durable at once. What is queued and not released is
    // never delivered.
    const releasing = desk.change(record.id, (each) =>
      each.state === 'prepared' ? released(each, 1, receipts) : undefined,
    )
    const [release, queued] = await Promise.allSettled([releasing, attempts.publish(released(record, 1, receipts))])
    if (release.status === 'rejected') throw release.reason
    const after = release.value
    if (after.state === 'void') throw expired(record.id)
    desk.trace.stage('release', { packet: record.id })
    desk.metrics.count('weave_attempts_total')
    if (queued.status === 'rejected') throw queued.reason
    if (after.state === 'released') wake(attempt.agent)
    return after.receipt ?? receipts.request
  }
  /** The sender's chain may have grown since an earlier try that never reached the log. */
  const withCurrentHead = async (record: RequestRecord): Promise<RequestRecord> => {
    const core = coreOf(record)
    if (await desk.log.find('request', fromHex(record.id) as Uint8Array, 0)) return record
    const chain = await keyring.live(core.sender, core.senderKey)
    const addendum = packetAddendum(desk, core, chain)
    return desk.change(record.id, (each) => (each.state === 'prepared' ? { ...each, addendum } : undefined))
  }

  const begin = async (parsed: ParsedPacket): Promise<Uint8Array> => {
    const { core } = parsed
    const id = toHex(parsed.id)
    admission.window(core)
    const sender = toHex(core.sender)
    return desk.gates.shared(sender, async () => {
      const chain = await admission.authenticate(parsed)
      admission.rate(core)
      await admission.sequence(parsed)
      const routed = route(core, await tables.known(), desk.nowMs())
      limitByRule(routed, sender)
      const attempt = await attempts.plan(core, routed, [])
      const { waiting } = await desk.queue.depth(desk.nowMs(), attempt.agent)
      if (waiting >= desk.config.queueLimit) {
        throw new RouterError('QUEUE_FULL', `Cannot take the packet: ${waiting} packets wait for its agent`, {
          packet: id,
          retryAfterMs: 2_000,
        })
      }
      desk.trace.stage('route', { packet: id, agent: attempt.agent })
      const { record } = await desk.packets.insert({
        id,
        packet: withoutDelivery(parsed),
        expiresMs: core.expiresMs,
        state: 'prepared',
        addendum: packetAddendum(desk, core, chain),
        attempts: [attempt],
        replies: [],
        notices: [],
        endedMs: 0,
      })
      return commitAndRelease(record)
    })
  }

  /** A record that was forgotten lives on in the log: the same packet gets the same receipt, for ever. */
  const beginOrRecall = async (parsed: ParsedPacket): Promise<Submitted> => {
    try {
      return { receipt: await begin(parsed), known: false }
    } catch (error) {
      const code = refusalOf(error)?.code
      const receipt =
        code === 'CLOCK_SKEWED' || code === 'PACKET_EXPIRED' ? await desk.log.find('request', parsed.id, 0) : undefined
      if (receipt === undefined) throw error
      return { receipt, known: true }
    }
  }

  return {
    submit(parsed) {
      const id = toHex(parsed.id)
      return desk.turns.inTurn(id, async () => {
        const known = await desk.packets.find(id)
        if (known === undefined) return beginOrRecall(parsed)
        const receipt = await desk.gates.shared(toHex(parsed.core.sender), () => carryOn(known.record))
        return { receipt, known: true }
      })
    },
  }
}

/** The packet as it came, but for what only a router may attach. */
function withoutDelivery({ header, recipientsBytes, ciphertext, origin }: ParsedPacket): Uint8Array {
  return encode(Packet, { header, recipients: recipientsBytes, ciphertext, ...origin })
}

const expired = (packet: string) =>
  new RouterError('PACKET_EXPIRED', 'Cannot send the packet: it expired before it was released', { packet })
