/**
 * The nexus: the stateful part of the router. Wires dispatch over the ports; does nothing by itself but what `tick` and its
 * callers ask for.
 *
 * @module
 */
import type { AgentMessage } from '@mystranet/schemas/link'
import { ModelStatement } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { documentDigest, read, verifyDocument } from '@mystranet/sdk/envelope'
import { controlPartition } from '@mystranet/sdk/proof/leaf'
import { createAdmission } from './dispatch/admit.ts'
import { createAttempts } from './dispatch/attempts.ts'
import { createCancels } from './dispatch/cancel.ts'
import { type ClosingRecord, closingRecords } from './dispatch/closing.ts'
import { createDelivering } from './dispatch/deliver.ts'
import { createDesk, type NexusDeps } from './dispatch/desk.ts'
import { createEndings } from './dispatch/end.ts'
import { admitFetch } from './dispatch/fetch.ts'
import { createFrames } from './dispatch/frames.ts'
import { createKeyring, type Keyring } from './dispatch/keyring.ts'
import { dueMs } from './dispatch/life.ts'
import { replayDead } from './dispatch/replay-dead.ts'
import { createReplies } from './dispatch/reply.ts'
import { createSubmission, type Submitted } from './dispatch/submit.ts'
import { createTables, type Tables } from './dispatch/tables.ts'
import { tellPacket } from './dispatch/tell.ts'
import { RouterError, refusalOf } from './errors.ts'
import type { AgentSender, AgentState, DeadLetter, StoredAnswerRecord } from './ports.ts'
import { createRateLimit } from './rate.ts'

export interface AnswerReader {
  /** The next page, at most 256 KiB past its first record; empty: nothing new yet. */
  next(): Promise<readonly StoredAnswerRecord[]>
  /** Nothing more will come, and everything was given. */
  ended(): Promise<boolean>
  /** What comes before the end, for whoever keeps the answer: the same leaves under fewer checkpoints. */
  closing(): Promise<readonly ClosingRecord[]>
  /** Resolves at the next change, or after so many ms. */
  changed(waitMs: number): Promise<void>
  heartbeat(): string
  /** The reader is gone. */
  close(): void
}

/** Exact bytes, in the order in which they came. */
export interface StoredPackets {
  readonly packet: Uint8Array
  readonly replies: readonly Uint8Array[]
  /** Of replies that were refused because another one holds their place, header and signature. */
  readonly evidence: readonly Uint8Array[]
}

export interface Nexus {
  /**
   * Takes a REQUEST or a CANCEL in.
   *
   * @param received Attacker-controlled.
   * @returns The receipt of its leaf.
   * @throws {PacketError | RouterError} every code of docs/protocol.md §12.
   */
  submit(received: Uint8Array): Promise<Submitted>
  /** Opens an answer for whoever signed the fetch. @param fetch SignedDocument of type answer-fetch. */
  readAnswer(packet: string, fetch: Uint8Array): Promise<AnswerReader>
  /** A request and the packets that replied so far, for whoever signed the fetch; the same right as for the answer. */
  readPackets(packet: string, fetch: Uint8Array): Promise<StoredPackets>
  /** The same for the owner of this router; undefined when the request is unknown. */
  showPackets(packet: string): Promise<StoredPackets | undefined>
  /** Logs key events. @param permit Whether an unknown instance may come in. */
  enrol(events: readonly Uint8Array[], permit: (instance: string) => Promise<boolean>): Promise<readonly Uint8Array[]>
  /** Puts a table that was signed elsewhere into force; gives its receipt. */
  publishTable(document: Uint8Array): Promise<Uint8Array>
  readonly tables: Tables
  readonly keyring: Keyring
  agents(): readonly AgentState[]
  readonly dead: {
    list(limit?: number): Promise<readonly DeadLetter[]>
    show(packet: string): Promise<DeadLetter | undefined>
    /** A new attempt of the same packet, until it expires. @throws {RouterError} `NOT_FOUND` or `PACKET_EXPIRED`. */
    replay(packet: string): Promise<void>
    drop(packet: string): Promise<boolean>
  }
  /** Does what time asks for. Call it about four times a second; overlapping calls join. Never rejects. */
  tick(): Promise<void>
  /** Waits for what agents asked for. */
  idle(): Promise<void>
}

const PAGE_RECORDS = 64
const PAGE_BYTES = 256 * 1024
/** Records outlive what a sender may still submit by far. */
const MIN_KEEP_MS = 3_600_000
const RETRY_MS = 1_000

export function createNexus(deps: NexusDeps): Nexus {
  /** When to look at each open request again. What changes is looked at in the next tick. */
  const due = new Map<string, number>()
  const desk = createDesk(deps, (id) => due.delete(id))
  const { config, links, metrics, trace } = desk
  const keyring = createKeyring(desk)
  const tables = createTables(desk)
  const senders = createRateLimit('sender', { perMinute: config.senderPerMinute, burst: config.senderBurst })
  const admission = createAdmission(desk, keyring, senders)
  const attempts = createAttempts(desk, keyring)
  const endings = createEndings(desk)
  const delivering = createDelivering(desk, { attempts, endings, keyring, tables })
  const frames = createFrames(desk)
  const replies = createReplies(desk, {
    admission,
    keyring,
    delivering,
    opened: frames.open,
    framed: frames.settled,
  })
  const cancels = createCancels(desk, { admission, endings, keyring, confirm: replies.complete })
  const wake = (agent: string) => void delivering.pump(agent)
  const submission = createSubmission(desk, { admission, attempts, keyring, tables, wake })

  const background = new Set<Promise<void>>()
  const run = (stage: string, work: Promise<unknown>) => {
    const settled = work.then(
      () => undefined,
      (error: unknown) => {
        metrics.count('weave_faults_total', { stage })
        trace.fault(stage, error)
      },
    )
    background.add(settled)
    void settled.then(() => background.delete(settled))
    return settled
  }
  /** Answers one request of an agent with `done` or `refused`. */
  const answer = (from: AgentSender, id: number, stage: string, work: Promise<readonly Uint8Array[]>) =>
    run(
      stage,
      work.then(
        (receipts) => from.reply({ type: 'done', id, receipts }),
        (error: unknown) => {
          const refusal =
            refusalOf(error) ?? new RouterError('INTERNAL', 'The router failed; the fault has been reported')
          from.reply({ type: 'refused', id, code: refusal.code, message: refusal.message })
          metrics.count('weave_packets_total', { kind: stage, code: refusal.code })
          if (refusal.code === 'INTERNAL') trace.fault(stage, error, { agent: from.instance })
          else trace.stage('refuse', { agent: from.instance, kind: stage, code: refusal.code })
        },
      ),
    )

  const statement = async (agent: string, document: Uint8Array): Promise<readonly Uint8Array[]> => {
    const { body, key } = await verifyDocument('model-statement', document.slice())
    const value = read(ModelStatement, body)
    if (!equalBytes(value.network, desk.trust.network)) {
      throw new RouterError('NETWORK_MISMATCH', 'Cannot log the statement: it is of another network')
    }
    if (toHex(value.agent) !== agent)
      throw new RouterError('NOT_PERMITTED', 'Cannot log the statement: it names another agent')
    await keyring.live(value.agent, key)
    const digest = documentDigest('model-statement', body)
    const partition = controlPartition('model-statement')
    const [receipt] = await desk.commit([{ kind: 'model-statement', partition, subject: digest, attempt: 0 }])
    await desk.statements.put(agent, toHex(digest), receipt as Uint8Array)
    return [receipt as Uint8Array]
  }
  const enrolAgent = (from: AgentSender, events: readonly Uint8Array[]) =>
    keyring.enrol(
      events,
      async (instance) => from.mayEnrol && (from.instance === undefined || from.instance === instance),
    )

  const greet = async (agent: string) => {
    // Before anything is delivered again: what was cancelled must not begin.
    await desk.turns.inTurn(`pump ${agent}`, async () => {
      await delivering.renewed(agent)
      await cancels.repeat(agent)
    })
    await delivering.pump(agent)
  }

  const hear = (from: AgentSender, message: AgentMessage) => {
    const { instance } = from
    if (message.type === 'keys') return void answer(from, message.id, 'keys', enrolAgent(from, message.events))
    if (instance === undefined) return
    switch (message.type) {
      case 'hello':
        trace.stage('hello', { agent: instance, count: message.slots })
        return void run('hello', greet(instance))
      case 'statement':
        return void answer(from, message.id, 'statement', statement(instance, message.document))
      case 'reply':
        return void answer(
          from,
          message.id,
          'reply',
          replies.take(message.packet).then((receipt) => [receipt]),
        )
      case 'frame':
        return void run('frame', frames.frame(instance, toHex(message.request), message.frame))
      case 'checkpoint':
        return void run('checkpoint', frames.checkpoint(instance, toHex(message.request), message.document))
      case 'heartbeat':
        return frames.heartbeat(toHex(message.request), message.text)
      case 'progress':
        return void run('progress', delivering.progress(message.lease))
      case 'finished':
        return void run('finished', delivering.finished(message.lease))
      case 'returned':
        return void run('returned', delivering.returned(message.lease))
      case 'presence':
        return wake(instance)
      case 'log':
        return
    }
  }
  links.listen(hear, (instance) => trace.stage('lost', { agent: instance }))

  const readAnswer = async (packet: string, fetch: Uint8Array): Promise<AnswerReader> => {
    const from = await admitFetch(desk, keyring, fetch, packet)
    const done = cancels.reading(packet)
    let position = 0
    // A change between two looks must not be slept through.
    let isStale = true
    let pending = Promise.withResolvers<void>()
    const unwatch = desk.answers.watch(packet, () => {
      isStale = true
      pending.resolve()
    })
    const readOn = async () => {
      isStale = false
      pending = Promise.withResolvers()
      for (;;) {
        const page = await desk.answers.read(packet, position, PAGE_RECORDS, PAGE_BYTES)
        const last = page.at(-1)
        if (last === undefined) return []
        position = last.position
        const wanted = page.filter(({ type, frame = 0 }) => type !== 'frame' || frame >= from)
        if (wanted.length > 0) return wanted
      }
    }
    return {
      next: readOn,
      async ended() {
        if (!(await desk.answers.ended(packet))) return false
        return (await desk.answers.read(packet, position, 1, 1)).length === 0
      },
      closing: () => closingRecords(desk, { keyring, tables }, packet),
      async changed(waitMs) {
        if (isStale) return
        const { promise } = pending
        const timer = Promise.withResolvers<void>()
        const handle = setTimeout(timer.resolve, waitMs)
        await Promise.race([promise, timer.promise])
        clearTimeout(handle)
      },
      heartbeat: () => frames.beat(packet) ?? 'waiting',
      close() {
        unwatch()
        // Whoever waits for a change waits no longer: its timer would keep the process.
        pending.resolve()
        done()
      },
    }
  }

  const showPackets = async (id: string): Promise<StoredPackets | undefined> => {
    const stored = await desk.packets.find(id)
    if (stored === undefined) return undefined
    const replies: Uint8Array[] = []
    for (let position = 0; ; ) {
      const page = await desk.answers.read(id, position, PAGE_RECORDS, PAGE_BYTES)
      for (const { type, value } of page) if (type === 'packet') replies.push(value)
      const last = page.at(-1)
      if (last === undefined) return { packet: stored.record.packet, replies, evidence: stored.record.evidence ?? [] }
      position = last.position
    }
  }

  const tend = async () => {
    await Promise.all(links.agents().map(({ instance }) => delivering.pump(instance)))
    await cancels.sweep()
    const open = await desk.packets.unfinished()
    const nowMs = desk.nowMs()
    const stillOpen = new Set(open)
    for (const id of due.keys()) if (!stillOpen.has(id)) due.delete(id)
    for (const id of open) if ((due.get(id) ?? 0) <= nowMs) await run('attend', attend(id))
  }
  const attend = async (id: string) => {
    // Should it fail, it is tried again in a second, not four times in it.
    due.set(id, desk.nowMs() + RETRY_MS)
    const stored = await desk.packets.find(id)
    // What a reply needs is logged first; then what time asks for.
    if (stored?.record.replies.some(({ receipt }) => receipt === undefined)) {
      await desk.turns.inTurn(id, async () => {
        const again = await desk.packets.find(id)
        if (again !== undefined) await replies.complete(again.record)
      })
    }
    await delivering.attend(id)
    const after = await desk.packets.find(id)
    if (after === undefined) return
    due.set(id, dueMs(after.record, desk.nowMs()))
    if (after.record.endedMs > 0) frames.forget(id)
  }
  let sweptMs = 0
  const sweep = async () => {
    const nowMs = desk.nowMs()
    if (nowMs < sweptMs + 60_000) return
    sweptMs = nowMs
    await desk.answers.forget(nowMs - config.answerKeepMs)
    const forgotten = await desk.packets.forget(nowMs - Math.max(config.answerKeepMs, MIN_KEEP_MS))
    for (const id of forgotten) await desk.queue.forget(id)
  }
  let ticking: Promise<void> | undefined

  return {
    keyring,
    tables,
    readAnswer,
    showPackets,
    async readPackets(packet, fetch) {
      await admitFetch(desk, keyring, fetch, packet)
      const stored = await showPackets(packet)
      if (stored !== undefined) return stored
      throw new RouterError('ANSWER_UNKNOWN', 'Cannot show the packets: the request is unknown here', { packet })
    },
    enrol: keyring.enrol,
    publishTable: tables.publish,
    agents: () => links.agents(),
    async submit(received) {
      const parsed = admission.parse(received)
      const packet = toHex(parsed.id)
      try {
        const { kind } = parsed
        if (kind !== 'REQUEST' && kind !== 'CANCEL') {
          throw new RouterError('NOT_A_CANDIDATE', `Cannot take a ${kind} here: agents send replies on their link`)
        }
        trace.stage('submit', { packet, kind })
        const submitted = kind === 'REQUEST' ? await submission.submit(parsed) : await cancels.take(parsed, received)
        const outcome = submitted.known ? 'known' : 'taken'
        metrics.count('weave_packets_total', { kind, code: outcome })
        tellPacket(desk, parsed, received.length, outcome)
        return submitted
      } catch (error) {
        const refusal = refusalOf(error, packet)
        tellPacket(desk, parsed, received.length, refusal?.code ?? 'INTERNAL')
        if (refusal === undefined) throw error
        metrics.count('weave_packets_total', { kind: parsed.kind, code: refusal.code })
        trace.stage('refuse', { packet, kind: parsed.kind, code: refusal.code })
        throw refusal
      }
    },
    dead: {
      list: (limit = 100) => desk.dead.list(limit),
      show: (packet) => desk.dead.show(packet),
      replay: (packet) => desk.turns.inTurn(packet, () => replayDead(desk, { attempts, tables, wake }, packet)),
      drop: (packet) => desk.dead.drop(packet),
    },
    tick() {
      ticking ??= run('tick', Promise.all([tend(), sweep()])).finally(() => {
        ticking = undefined
      })
      return ticking
    },
    async idle() {
      while (background.size > 0) await Promise.all(background)
    },
  }
}
