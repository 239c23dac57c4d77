/**
 * The agent: receive → open → infer → answer → acknowledge (docs/protocol.md §12).
 *
 * @module
 */
import { CODES } from '@mystranet/schemas/codes'
import { ABANDON_MS } from '@mystranet/schemas/limits'
import type { RouterMessage } from '@mystranet/schemas/link'
import { toHex } from '@mystranet/sdk/bytes'
import { answer } from './answer.ts'
import { cancel, checkTombstone, stopRun } from './cancel.ts'
import type { Desk, Run } from './desk.ts'
import { generationOf, infer } from './infer.ts'
import { open } from './open.ts'
import { checkAddress, checkExpiry, type ProvenRequest, prove, readCandidate } from './receive.ts'
import { abort, accept, judge, reasonOf, refuse, repeat } from './reply.ts'

/** One packet, from its delivery to its last reply. @throws when no reply could be made or logged: it goes back then. */
async function handle(desk: Desk, run: Run): Promise<void> {
  try {
    checkAddress(run, desk)
    const known = await desk.attempts.find(run.packet.id)
    const verdict = judge(known, run)
    if (known !== undefined && verdict !== 'run') {
      return await repeat(desk, verdict === 'abort' ? await abort(desk, known) : known)
    }
    checkExpiry(run, desk)
    const request = await prove(run, desk)
    await checkTombstone(desk, run)
    const acknowledge = await accept(desk, run, request)
    const { opened, running } = await begin(desk, run, request).finally(acknowledge)
    const silence = desk.pulse.heartbeat(run.packet.id)
    try {
      await answer(desk, run, opened, running)
    } finally {
      silence()
    }
  } catch (error) {
    await refuse(desk, run, error)
  }
}

/** Opens a recorded request and begins to answer it: the model reads while replies are signed, kept and sent. */
async function begin(desk: Desk, run: Run, request: ProvenRequest) {
  const opened = await open(request, desk.ring, desk.sessions)
  const { knownCheckpoint } = opened.content
  if (knownCheckpoint !== undefined) await desk.history.compare(knownCheckpoint)
  const generation = generationOf(opened.content.chat, desk.engine, toHex(run.packet.id))
  return { opened, running: await infer(desk.engine, generation, run.stop.signal) }
}

/** What becomes of the messages of one link. */
export interface Loop {
  take(message: RouterMessage): void
  /** Packets that are being worked on. */
  readonly running: number
  readonly draining: boolean
  /** Takes nothing new, finishes what runs, then leaves. */
  drain(): Promise<void>
  /** Stops everything at once, without a word: what ran is interrupted for whoever finds it. */
  halt(): void
  /** Closes what an earlier process left open, so that nobody waits for its lease. */
  closeInterrupted(): Promise<void>
}

export interface LoopOptions {
  /** Packets at once, those that wait for the engine included. More go back to the router. */
  readonly maxRunning: number
  /** Resolves when keys and statement are logged: nothing is worked on before. */
  readonly ready: Promise<unknown>
  /** Ends the link. */
  leave(): Promise<void>
}

export function createLoop(desk: Desk, { maxRunning, ready, leave }: LoopOptions): Loop {
  const runs = new Map<string, Run>()
  let draining = false
  let idle = Promise.withResolvers<void>()
  idle.resolve()

  const goBack = (lease: string, why: string) => {
    desk.log(`returned: ${why}`)
    desk.send({ type: 'returned', lease })
  }

  function runOf(received: Uint8Array, lease: string): Run | undefined {
    try {
      const candidate = readCandidate(received)
      const fresh = { leases: new Set([lease]), later: [], stop: new AbortController() }
      return { ...candidate, ...fresh, cancelCode: undefined, hasOpened: false }
    } catch (error) {
      goBack(lease, reasonOf(error))
      return undefined
    }
  }

  function deliver(message: Extract<RouterMessage, { type: 'deliver' }>): void {
    const { lease, leaseMs, packet } = message
    const run = runOf(packet, lease)
    if (run === undefined) return
    const id = toHex(run.packet.id)
    const already = runs.get(id)
    if (already !== undefined) {
      if (already.attempt === run.attempt) already.leases.add(lease)
      else already.later.push(message)
      return
    }
    const why = draining ? 'DRAINING' : runs.size >= maxRunning ? 'AGENT_BUSY' : undefined
    if (why !== undefined) {
      goBack(lease, why)
      return
    }
    if (runs.size === 0) idle = Promise.withResolvers()
    runs.set(id, run)
    void work(run, id, leaseMs)
  }

  async function work(run: Run, id: string, leaseMs: number): Promise<void> {
    const all = (type: 'progress' | 'finished' | 'returned') => {
      for (const lease of run.leases) desk.send({ type, lease })
    }
    const keep = () => {
      all('progress')
      for (const { lease } of run.later) desk.send({ type: 'progress', lease })
    }
    const keeping = setInterval(keep, Math.max(1, leaseMs / 3))
    try {
      await ready
      await handle(desk, run)
      all('finished')
    } catch (error) {
      desk.log(`returned ${id}: ${reasonOf(error)}`)
      all('returned')
    } finally {
      clearInterval(keeping)
      runs.delete(id)
      for (const message of run.later) deliver(message)
      if (runs.size === 0) idle.resolve()
    }
  }

  const find = (request: Uint8Array): Run | undefined => runs.get(toHex(request))
  const drain = async () => {
    draining = true
    // At once: the next sign of life might come too late for what is on its way.
    desk.pulse.announce()
    await idle.promise
    await leave()
  }

  return {
    take(message) {
      switch (message.type) {
        case 'deliver':
          return deliver(message)
        case 'cancel':
          cancel(desk, message.packet, message.senderKeys, find).catch((error: unknown) =>
            desk.log(`CANCEL refused: ${reasonOf(error)}`),
          )
          return
        case 'abandon': {
          const run = find(message.request)
          if (run === undefined) return
          desk.log(`abandoned ${toHex(message.request)}: nobody has read it for ${ABANDON_MS} ms`)
          return stopRun(run, CODES.CANCELLED.wire)
        }
        case 'done':
        case 'refused':
          return desk.calls.settle(message)
        case 'drain':
          drain().catch((error: unknown) => desk.log(`drain: ${reasonOf(error)}`))
          return
      }
    },
    get running() {
      return runs.size
    },
    get draining() {
      return draining
    },
    drain,
    halt() {
      draining = true
      for (const run of runs.values()) run.stop.abort()
    },
    async closeInterrupted() {
      for (const entry of await desk.attempts.running()) {
        const closed = await abort(desk, entry)
        repeat(desk, closed).catch((error: unknown) => desk.log(`CLOSE ${toHex(entry.packetId)}: ${reasonOf(error)}`))
      }
    },
  }
}
