/**
 * CANCEL, and answers that nobody reads any more. Both act first; a CANCEL is logged afterwards.
 *
 * @module
 */
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import type { ParsedPacket } from '@mystranet/sdk/envelope'
import { RouterError } from '../errors.ts'
import type { ReplyRecord, RequestRecord } from '../ports.ts'
import type { Admission } from './admit.ts'
import { packetAddendum } from './attempts.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import type { Endings } from './end.ts'
import type { Keyring } from './keyring.ts'
import type { Submitted } from './submit.ts'

export interface Cancels {
  /**
   * @param received Exact bytes of the packet.
   * @returns The receipt of its leaf.
   * @throws {PacketError | RouterError} `NOT_PERMITTED` for a stranger, `ANSWER_UNKNOWN` for an unknown request, and the codes of admission.
   */
  take(parsed: ParsedPacket, received: Uint8Array): Promise<Submitted>
  /** Tells an agent that came back what was cancelled meanwhile. */
  repeat(agent: string): Promise<void>
  /** A reader is here; call the result when it is gone. */
  reading(request: string): () => void
  /** Stops what nobody has read for too long. */
  sweep(): Promise<void>
}

export interface CancelDeps {
  readonly admission: Admission
  readonly endings: Endings
  readonly keyring: Keyring
  confirm(record: RequestRecord): Promise<void>
}

export function createCancels(desk: Desk, { admission, endings, keyring, confirm }: CancelDeps): Cancels {
  const readers = new Map<string, number>()
  /** Since when a request's last reader is gone. */
  const left = new Map<string, number>()

  const forward = async (record: RequestRecord, reply: ReplyRecord, to: readonly string[]) => {
    const { sender, senderKey } = admission.parse(reply.packet as Uint8Array).core
    const senderKeys = await keyring.excerpt(sender, senderKey)
    for (const agent of to) {
      if (desk.links.send(agent, { type: 'cancel', packet: reply.packet as Uint8Array, senderKeys })) {
        desk.trace.stage('cancel', { packet: record.id, agent })
      }
    }
  }
  const agentsOf = (record: RequestRecord) => [...new Set(record.attempts.map(({ agent }) => agent))]

  const takeIn = async (parsed: ParsedPacket, received: Uint8Array): Promise<Submitted> => {
    const { core } = parsed
    const id = toHex(parsed.id)
    const requestId = toHex(core.inReplyTo as Uint8Array)
    const stored = await desk.packets.find(requestId)
    if (stored === undefined) {
      throw new RouterError('ANSWER_UNKNOWN', 'Cannot cancel: the request is unknown here', { packet: requestId })
    }
    const known = stored.record.replies.find((each) => each.id === id)
    if (known?.receipt !== undefined) return { receipt: known.receipt, known: true }
    const request = coreOf(stored.record)
    if (!equalBytes(core.sender, request.sender)) {
      throw new RouterError('NOT_PERMITTED', 'Cannot cancel: only the sender of a request may', { packet: requestId })
    }
    admission.window(core)
    return desk.gates.shared(toHex(core.sender), async () => {
      const chain = await admission.authenticate(parsed)
      checkBinding(parsed, request.targetTag, request.targetInstance, request.correlationId)
      admission.rate(core)
      await admission.sequence(parsed)
      const addendum = packetAddendum(desk, core, chain)
      const draft = draftFor('cancel', request, { subject: parsed.id, addendum })
      const reply: ReplyRecord = known ?? { id, kind: 'CANCEL', attempt: 0, draft, packet: received }
      // Acts first: docs/protocol.md §10.
      const isTaken = stored.record.state === 'released' && (await desk.queue.cancel(requestId)) === 'taken'
      if (!isTaken) await forward(stored.record, reply, agentsOf(stored.record))
      const kept = await desk.change(requestId, (each) =>
        each.replies.some((other) => other.id === id) ? undefined : { ...each, replies: [...each.replies, reply] },
      )
      if (isTaken) await endings.takeBack(kept)
      await confirm(kept)
      const after = await desk.packets.find(requestId)
      const receipt = after?.record.replies.find((each) => each.id === id)?.receipt
      if (receipt === undefined)
        throw new RouterError('LOG_UNCONFIRMED', 'Cannot confirm the cancel yet; it was forwarded')
      return { receipt, known: known !== undefined }
    })
  }

  const abandon = async (requestId: string) => {
    const stored = await desk.packets.find(requestId)
    if (stored?.record.state !== 'released') return
    if ((await desk.queue.cancel(requestId)) === 'taken') return endings.takeBack(stored.record)
    const request = admission.parse(stored.record.packet).id
    for (const agent of agentsOf(stored.record)) desk.links.send(agent, { type: 'abandon', request })
    desk.trace.stage('abandon', { packet: requestId })
  }

  return {
    take: (parsed, received) =>
      desk.turns.inTurn(toHex(parsed.core.inReplyTo as Uint8Array), () => takeIn(parsed, received.slice())),
    async repeat(agent) {
      for (const id of await desk.packets.unfinished()) {
        const stored = await desk.packets.find(id)
        if (stored?.record.state !== 'released' || !agentsOf(stored.record).includes(agent)) continue
        for (const reply of stored.record.replies)
          if (reply.kind === 'CANCEL') await forward(stored.record, reply, [agent])
      }
    },
    reading(request) {
      readers.set(request, (readers.get(request) ?? 0) + 1)
      left.delete(request)
      let isHere = true
      return () => {
        if (!isHere) return
        isHere = false
        const others = (readers.get(request) ?? 1) - 1
        if (others > 0) return void readers.set(request, others)
        readers.delete(request)
        left.set(request, desk.nowMs())
      }
    },
    async sweep() {
      const nowMs = desk.nowMs()
      for (const [request, sinceMs] of left) {
        if (nowMs < sinceMs + desk.config.abandonMs) continue
        left.delete(request)
        await desk.turns.inTurn(request, () => abandon(request))
      }
    },
  }
}

/** Target and correlation of a CANCEL are its request's: docs/protocol.md §5.1. */
function checkBinding(
  { core }: ParsedPacket,
  targetTag: string | undefined,
  targetInstance: Uint8Array | undefined,
  correlationId: Uint8Array,
): void {
  const isInstance =
    targetInstance === undefined
      ? core.targetInstance === undefined
      : core.targetInstance !== undefined && equalBytes(core.targetInstance, targetInstance)
  if (core.targetTag !== targetTag || !isInstance || !equalBytes(core.correlationId, correlationId)) {
    throw new RouterError('FIELD_INVALID', 'Cannot cancel: target or correlation are not the request’s')
  }
}
