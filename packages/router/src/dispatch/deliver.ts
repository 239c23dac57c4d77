/**
 * Stage 6, deliver: leases to connected agents with free slots, redelivery, further attempts, and what happens when nothing
 * helps (docs/protocol.md §10, "commit before send").
 *
 * @module
 */
import { CODES, codeOfWire } from '@mystranet/schemas/codes'
import { ACCEPT_SKEW_MS } from '@mystranet/schemas/limits'
import { parsePacket } from '@mystranet/sdk/envelope'
import type { AttemptRecord, Lease, RequestRecord } from '../ports.ts'
import type { Attempts } from './attempts.ts'
import { coreOf, type Desk } from './desk.ts'
import type { Endings } from './end.ts'
import { introduction } from './introduction.ts'
import type { Keyring } from './keyring.ts'
import { attemptOf, judge, lastAttempt, mayTryAgain, withAttempt } from './life.ts'
import { type Routed, route } from './route.ts'
import type { Tables } from './tables.ts'

export interface Delivering {
  /** Gives an agent what is ready for it, as far as its slots go. Never rejects. */
  pump(agent: string): Promise<void>
  progress(lease: string): Promise<void>
  finished(lease: string): Promise<void>
  returned(lease: string): Promise<void>
  /** The agent began anew: what it held is delivered again. */
  renewed(agent: string): Promise<void>
  /** Carries a request on whose last attempt ended: another attempt, its end, or later. */
  settle(record: RequestRecord): Promise<void>
  /** Does what time asks of one open request. */
  attend(id: string): Promise<void>
}

export interface DeliverDeps {
  readonly attempts: Attempts
  readonly endings: Endings
  readonly keyring: Keyring
  readonly tables: Tables
}

export function createDelivering(desk: Desk, { attempts, endings, keyring, tables }: DeliverDeps): Delivering {
  /** What each lease of this process is for. */
  const held = new Map<string, Lease>()
  /** How often an agent gave a delivery back without having taken it: those do not count as tries. */
  const handedBack = new Map<string, number>()

  const pause = (tries: number) => {
    const span = desk.config.backOffMs * Math.min(60, 2 ** Math.max(0, tries - 1))
    return Math.round(span * (0.5 + (desk.random(1)[0] as number) / 512))
  }

  const letGo = (packet: string, attempt: number) => {
    for (const [lease, item] of held) if (item.packet === packet && item.attempt === attempt) held.delete(lease)
  }
  const handOver = async (lease: Lease): Promise<void> => {
    const { packet, attempt, agent } = lease
    const stored = await desk.packets.find(packet)
    const state = stored && attemptOf(stored.record, attempt)?.state
    // A crash came between queue and release: it waits until the packet, sent again, is released.
    if (stored?.record.state === 'prepared') return drop(lease.lease, desk.nowMs() + pause(lease.delivery))
    if (stored?.record.state !== 'released' || (state !== 'made' && state !== 'accepted' && state !== 'opened')) {
      await desk.queue.finish(packet, attempt)
      return
    }
    const tries = lease.delivery - (handedBack.get(`${packet} ${attempt}`) ?? 0)
    if (state === 'made' && tries > desk.config.maxDeliver) {
      // Its agent may hold an earlier delivery and yet take it up: the attempt is late, and no sooner, when it may not.
      const { acceptByMs } = attemptOf(stored.record, attempt) as AttemptRecord
      return drop(lease.lease, acceptByMs + ACCEPT_SKEW_MS)
    }
    letGo(packet, attempt)
    held.set(lease.lease, lease)
    const { leaseMs } = desk.config
    if (desk.links.send(agent, { type: 'deliver', lease: lease.lease, leaseMs, packet: lease.bytes })) {
      desk.trace.stage('deliver', { packet, attempt, agent, count: lease.delivery })
      desk.metrics.count('weave_deliveries_total')
    } else {
      await drop(lease.lease, desk.nowMs() + pause(lease.delivery))
    }
  }
  const drop = async (lease: string, readyMs: number) => {
    held.delete(lease)
    await desk.queue.release(lease, readyMs)
  }

  const pump = (agent: string) =>
    desk.turns
      .inTurn(`pump ${agent}`, async () => {
        const state = desk.links.agents().find(({ instance }) => instance === agent)
        if (state === undefined || state.draining) return
        const nowMs = desk.nowMs()
        const { leased } = await desk.queue.depth(nowMs, agent)
        const free = state.slots - leased
        if (free <= 0) return
        const leases = await desk.queue.lease(agent, free, nowMs, desk.config.leaseMs)
        for (const lease of leases) await handOver(lease)
      })
      .catch((error: unknown) => {
        desk.metrics.count('weave_faults_total', { stage: 'deliver' })
        desk.trace.fault('deliver', error, { agent })
      })

  const tryAgain = async (record: RequestRecord, routed: Routed): Promise<void> => {
    const core = coreOf(record)
    const planned = await attempts.plan(core, routed, record.attempts)
    // Stored before it is logged: a crash in between logs this very attempt, and no other under its number.
    const prepared = await desk.change(record.id, (each) =>
      each.state === 'released' && each.attempts.length === record.attempts.length
        ? { ...each, attempts: [...each.attempts, planned] }
        : undefined,
    )
    await logAttempt(prepared)
  }
  /** Logs and queues the last attempt, if that did not happen yet. */
  const logAttempt = async (record: RequestRecord): Promise<void> => {
    const attempt = lastAttempt(record)
    if (record.state !== 'released' || attempt.state !== 'made') return
    let current = record
    if (attempt.receipt === undefined) {
      const [receipt] = await desk.commit([attempts.draft(record, coreOf(record), attempt)])
      current = await desk.change(record.id, (each) => withAttempt(each, attempt.number, { receipt }))
      desk.metrics.count('weave_attempts_total')
      desk.trace.stage('attempt', { packet: record.id, attempt: attempt.number, agent: attempt.agent })
    }
    await attempts.publish(current)
    void pump(attempt.agent)
  }

  const routeAgain = async (record: RequestRecord): Promise<Routed | undefined> => {
    try {
      return route(coreOf(record), await tables.known(), desk.nowMs())
    } catch {
      // The table moved on: nobody may get it any more.
      return undefined
    }
  }

  const settle = async (record: RequestRecord): Promise<void> => {
    const last = lastAttempt(record)
    if (record.state !== 'released' || !['closed', 'refused', 'late'].includes(last.state)) return
    const nowMs = desk.nowMs()
    letGo(record.id, last.number)
    await desk.queue.finish(record.id, last.number)
    handedBack.delete(`${record.id} ${last.number}`)
    const core = coreOf(record)
    const routed = await routeAgain(record)
    if (routed !== undefined && mayTryAgain(record, core, routed.candidates.length, nowMs)) {
      const isUntried = routed.candidates.some((each) => !record.attempts.some(({ agent }) => agent === each))
      const dueMs = isUntried ? 0 : (last.atMs ?? nowMs) + pause(record.attempts.length)
      if (nowMs >= dueMs) await tryAgain(record, routed)
      return
    }
    if (last.state === 'closed') return endings.finish(record)
    const code = last.code === undefined ? undefined : codeOfWire(last.code)
    const isFinal =
      last.state === 'refused' && record.attempts.length === 1 && code !== undefined && CODES[code].remedy !== 'retry'
    if (isFinal) {
      await showRefusal(record)
      return endings.finish(record)
    }
    await endings.bury(
      record,
      last.state === 'late' && nowMs >= record.expiresMs ? 'PACKET_EXPIRED' : (code ?? 'DEAD_LETTERED'),
    )
  }
  /** The NACK that ends it; those before an attempt that followed are named by the notice instead. */
  const showRefusal = async (record: RequestRecord) => {
    const { id, replies } = record
    const nack = replies.findLast(({ kind }) => kind === 'NACK')
    const attempt = nack && attemptOf(record, nack.attempt)
    if (nack?.packet === undefined || attempt === undefined) return
    const receipt = nack.receipt && ({ type: 'receipt', key: `receipt:${nack.id}`, value: nack.receipt } as const)
    // One that refuses at once comes without the ACK that would have brought them.
    const before = await introduction(desk, keyring, attempt, parsePacket(nack.packet).core)
    const shown = { type: 'packet', key: nack.id, value: nack.packet } as const
    await desk.answers.append(id, [...before, shown, ...(receipt ? [receipt] : [])], true)
  }

  return {
    pump,
    settle,
    async progress(lease) {
      if (!(await desk.queue.extend(lease, desk.nowMs(), desk.config.leaseMs))) held.delete(lease)
    },
    async finished(lease) {
      const item = held.get(lease)
      held.delete(lease)
      if (item === undefined) return
      await desk.queue.finish(item.packet, item.attempt)
      handedBack.delete(`${item.packet} ${item.attempt}`)
      await pump(item.agent)
    },
    async returned(lease) {
      const item = held.get(lease)
      if (item === undefined) return
      const key = `${item.packet} ${item.attempt}`
      handedBack.set(key, (handedBack.get(key) ?? 0) + 1)
      await drop(lease, desk.nowMs() + pause(item.delivery))
    },
    async renewed(agent) {
      for (const [lease, item] of held) if (item.agent === agent) held.delete(lease)
      await desk.queue.releaseAll(agent)
    },
    attend: (id) =>
      desk.turns.inTurn(id, async () => {
        const stored = await desk.packets.find(id)
        if (stored === undefined) return
        const { record } = stored
        const nowMs = desk.nowMs()
        const last = lastAttempt(record)
        const isLeased = [...held.values()].some(
          ({ packet, agent }) => packet === id && desk.links.agents().some((each) => each.instance === agent),
        )
        switch (judge(record, nowMs, isLeased)) {
          case 'void':
            return endings.voidIt(record)
          case 'publish':
            return logAttempt(record)
          case 'late': {
            const code = CODES.ATTEMPT_LATE.wire
            const late = await desk.change(id, (each) =>
              lastAttempt(each).state === 'made'
                ? withAttempt(each, last.number, { state: 'late', code, atMs: nowMs })
                : undefined,
            )
            return settle(late)
          }
          case 'lost': {
            const code = CODES.INTERRUPTED.wire
            const lost = await desk.change(id, (each) => withAttempt(each, last.number, { code, atMs: nowMs }))
            return endings.bury(lost, 'INTERRUPTED')
          }
          case 'none':
            if (record.state === 'released') return settle(record)
            return endings.complete(record)
        }
      }),
  }
}
