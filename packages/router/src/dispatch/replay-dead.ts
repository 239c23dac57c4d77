/**
 * Replaying a dead letter: a new attempt of the same packet, until it expires. After that its sender seals a new one.
 *
 * @module
 */
import { Addendum, encode } from '@mystranet/schemas/messages'
import { fromHex } from '@mystranet/sdk/bytes'
import { RouterError } from '../errors.ts'
import type { Attempts } from './attempts.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import { route } from './route.ts'
import type { Tables } from './tables.ts'

export interface ReplayDeps {
  readonly attempts: Attempts
  readonly tables: Tables
  wake(agent: string): void
}

/** @throws {RouterError} `NOT_FOUND`, `PACKET_EXPIRED`, `TABLE_STALE`, `NO_ROUTE` … Nothing changed. */
export async function replayDead(desk: Desk, { attempts, tables, wake }: ReplayDeps, packet: string): Promise<void> {
  const stored = await desk.packets.find(packet)
  if (stored?.record.state !== 'dead')
    throw new RouterError('NOT_FOUND', 'Cannot replay: there is no such dead letter', { packet })
  const { record } = stored
  if (desk.nowMs() >= record.expiresMs) {
    throw new RouterError('PACKET_EXPIRED', 'Cannot replay: the packet expired; its sender seals a new one', { packet })
  }
  const core = coreOf(record)
  const routed = route(core, await tables.known(), desk.nowMs())
  const attempt = await attempts.plan(core, routed, record.attempts)
  const addendum = encode(Addendum, { nonce: desk.random(16), recipients: [] })
  const [, receipt] = await desk.commit([
    draftFor('replay', core, { subject: fromHex(packet) as Uint8Array, attempt: attempt.number, addendum }),
    attempts.draft(record, core, attempt),
  ])
  const again = await desk.change(packet, (each) =>
    each.state === 'dead' && each.attempts.length === record.attempts.length
      ? { ...each, state: 'released', endedMs: 0, attempts: [...each.attempts, { ...attempt, receipt }] }
      : undefined,
  )
  if (again.state !== 'released') return
  await desk.answers.reopen(packet)
  await desk.dead.drop(packet)
  await attempts.publish(again)
  wake(attempt.agent)
  desk.trace.stage('replay', { packet, attempt: attempt.number, agent: attempt.agent })
}
