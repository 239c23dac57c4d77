/**
 * How a request ends: finished by a reply, dead with the reasons of every attempt, void when it was never sent, cancelled
 * before any agent had it. Each end is first a durable transition; the rest follows from it and may be done twice.
 *
 * @module
 */
import { CODES, type Code } from '@mystranet/schemas/codes'
import { Addendum, decode, encode, Notice } from '@mystranet/schemas/messages'
import { fromHex } from '@mystranet/sdk/bytes'
import { documentDigest, signDocument } from '@mystranet/sdk/envelope'
import type { AnswerRecord, NoticeRecord, RequestRecord, RequestState } from '../ports.ts'
import { coreOf, type Desk, draftFor } from './desk.ts'
import { lastAttempt } from './life.ts'

export interface Endings {
  /** The reply that ends it is logged. */
  finish(record: RequestRecord): Promise<void>
  /** @param code The refusal that ended it. */
  bury(record: RequestRecord, code: Code): Promise<void>
  /** Never sent, and nobody would take it any more. */
  voidIt(record: RequestRecord): Promise<void>
  /** Taken back before any delivery. */
  takeBack(record: RequestRecord): Promise<void>
  /** Does again what may be missing of an end: queue, answer, dead letter, leaf. */
  complete(record: RequestRecord): Promise<void>
}

export function createEndings(desk: Desk): Endings {
  const notice = async (record: RequestRecord, kind: NoticeRecord['kind'], code: Code): Promise<NoticeRecord> => {
    const core = coreOf(record)
    const packetId = fromHex(record.id) as Uint8Array
    const body = encode(Notice, {
      network: desk.trust.network,
      packetId,
      code: CODES[code].wire,
      attempts: record.attempts.map(({ number, agent, code: failure, reply, acceptByMs, atMs }) => ({
        attempt: number,
        agent: fromHex(agent),
        code: failure ?? CODES[code].wire,
        reply: reply === undefined ? undefined : fromHex(reply),
        atMs: atMs ?? acceptByMs,
      })),
      createdMs: desk.nowMs(),
    })
    const document = await signDocument('notice', body, desk.signer)
    if (kind === 'cancel') return { kind, document }
    const { number, addendum: made } = lastAttempt(record)
    const { decision } = decode(Addendum, made)
    const addendum = encode(Addendum, { nonce: desk.random(16), recipients: [], decision })
    const commitment = documentDigest('notice', body)
    return { kind, document, draft: draftFor(kind, core, { subject: packetId, attempt: number, commitment, addendum }) }
  }

  /** One transition, with its notice; only from the states named. */
  const end = async (record: RequestRecord, from: readonly RequestState[], to: RequestState, made?: NoticeRecord) => {
    const after = await desk.change(record.id, (each) =>
      from.includes(each.state)
        ? { ...each, state: to, endedMs: desk.nowMs(), notices: made ? [...each.notices, made] : each.notices }
        : undefined,
    )
    if (after.state === to) await complete(after)
  }

  const complete = async (record: RequestRecord): Promise<void> => {
    if (record.state === 'prepared' || record.state === 'released') return
    for (const { number } of record.attempts) await desk.queue.finish(record.id, number)
    const last = record.notices.at(-1)
    if (last !== undefined) {
      const shown: AnswerRecord = { type: 'notice', key: `notice:${record.notices.length}`, value: last.document }
      await desk.answers.append(record.id, [shown], true)
    }
    if (record.state === 'dead' && last !== undefined) await putDeadLetter(record, last)
    await desk.answers.end(record.id, record.endedMs)
    for (const [at, { draft, receipt }] of record.notices.entries()) {
      if (draft === undefined || receipt !== undefined) continue
      const [logged] = await desk.commit([draft])
      await desk.change(record.id, (each) => ({
        ...each,
        notices: each.notices.map((other, i) => (i === at ? { ...other, receipt: logged } : other)),
      }))
    }
    // Last: until then the request is looked at again.
    await desk.change(record.id, (each) => (each.isSettled ? undefined : { ...each, isSettled: true }))
  }
  const putDeadLetter = async (record: RequestRecord, { document }: NoticeRecord) => {
    const code = lastAttempt(record).code ?? CODES.DEAD_LETTERED.wire
    await desk.dead.put({
      packet: record.id,
      code,
      notice: document,
      expiresMs: record.expiresMs,
      atMs: record.endedMs,
    })
  }
  const told = (stage: string, record: RequestRecord, code?: Code) => {
    desk.trace.stage(stage, { packet: record.id, code })
    desk.metrics.count('weave_answers_total', { end: stage })
  }

  return {
    complete,
    async finish(record) {
      await end(record, ['released'], 'finished')
      told('finish', record)
    },
    async bury(record, code) {
      await end(record, ['released'], 'dead', await notice(record, 'dead-letter', code))
      told('dead-letter', record, code)
      desk.metrics.count('weave_dead_letters_total', { code })
    },
    async voidIt(record) {
      // Nothing of it may be in the log: then it is forgotten, and there is nothing to state.
      const isLogged = (await desk.log.find('request', fromHex(record.id) as Uint8Array, 0)) !== undefined
      await end(record, ['prepared'], 'void', isLogged ? await notice(record, 'void', 'PACKET_EXPIRED') : undefined)
      told('void', record, 'PACKET_EXPIRED')
    },
    async takeBack(record) {
      await end(record, ['released'], 'cancelled', await notice(record, 'cancel', 'CANCELLED'))
      told('take-back', record, 'CANCELLED')
    },
  }
}
