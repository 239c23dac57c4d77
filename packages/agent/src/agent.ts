/**
 * An agent on one link: its keys, its model statement, its loop and its pulse, from the first message to the last.
 *
 * @module
 */
import type { TrustFile } from '@mystranet/sdk/proof/trust-file'
import { createCalls } from './calls.ts'
import type { Desk, Signing } from './desk.ts'
import { type EndorsementDocuments, endorse } from './endorse.ts'
import type { Engine } from './engine.ts'
import { createHistory } from './history.ts'
import { type KeyRingOptions, openKeyRing } from './keys/ring.ts'
import { createLoop } from './loop.ts'
import { createSessions } from './open.ts'
import type { AttemptStore, Clock, ForkEvidence, KeyStore, Link } from './ports.ts'
import { createPulse } from './pulse.ts'
import { rememberChains } from './receive.ts'
import { reasonOf } from './reply.ts'
import { logStatement, statementOf } from './statement.ts'

const CALL_MS = 60_000
const MAINTAIN_MS = 60_000
const PRUNE_EVERY = 60
/** Before the end of a delegation that this process cannot renew. */
const WARN_MS = 30 * 86_400_000

export interface AgentOptions extends Pick<KeyRingOptions, 'name' | 'tags' | 'suites' | 'rootSeed' | 'delegated'> {
  readonly engine: Engine
  readonly keys: KeyStore
  readonly attempts: AttemptStore
  /** The agent's own: what a router says counts only under it. */
  readonly trust: TrustFile
  /** What others signed about this model; verified under the trust file, which may require it. */
  readonly documents?: EndorsementDocuments | undefined
  /** Packets at once, those that wait for the engine included. Default: 8 for each of the engine's slots. */
  readonly maxRunning?: number | undefined
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** Milliseconds between signs of presence, and of silence before a canary; defaults 5 s and 8 s. */
  readonly presenceMs?: number | undefined
  readonly canaryAfterMs?: number | undefined
  /** Logs key events by another way than the link, for a router that lets nobody enrol over it. @returns receipts. */
  readonly enrol?: ((events: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>) | undefined
  /** Keeps proof that the log forked, out of the router's reach. May be told the same twice. */
  readonly keepEvidence?: ((evidence: ForkEvidence) => Promise<void>) | undefined
  /** A line for people; it goes to the router too. */
  readonly log?: ((line: string) => void) | undefined
}

export interface Agent {
  readonly instance: Uint8Array
  /** Resolves when keys and statement are logged and packets are worked on; rejects when that failed for good. */
  readonly ready: Promise<void>
  /** Resolves when the link has ended. Then nothing runs any more; what ran is interrupted. */
  readonly ended: Promise<void>
  /** Takes nothing new, finishes what runs, closes the link. */
  drain(): Promise<void>
}

/**
 * Starts an agent. One at a time for its stores. The engine and the stores stay the caller's to close, after `ended`.
 *
 * @param dial The link, or how it is made once the instance is known.
 * @throws {PacketError} `STORE_FAILED` when the keys cannot be read or made; the codes of {@link endorse} when this model may
 *   not run here. Nothing was sent then.
 */
export async function startAgent(
  options: AgentOptions,
  dial: Link | ((instance: Uint8Array) => Promise<Link>),
): Promise<Agent> {
  const { engine, attempts, trust, clock = { now: () => Date.now() } } = options
  const ring = await openKeyRing({ ...options, store: options.keys, clock, trust })
  const engineIs = engine.description
  const history = createHistory(trust, (evidence) => {
    log(`the log forked at size ${evidence.treeSize}`)
    options.keepEvidence?.(evidence).catch((error: unknown) => log(`evidence of a fork not kept: ${reasonOf(error)}`))
  })
  const receiver = { instance: ring.instance, trust, clock, chains: rememberChains(trust), history }
  const endorsement = await endorse(statementOf(engineIs, receiver), options.documents ?? {}, trust, clock.now())
  const link = typeof dial === 'function' ? await dial(ring.instance) : dial
  const send: Link['send'] = (message) => link.send(message)
  const log = (line: string) => {
    options.log?.(line)
    send({ type: 'log', line })
  }
  const calls = createCalls(link)
  const pulse = createPulse({
    ...options,
    clock,
    send,
    log,
    running: () => loop.running,
    draining: () => loop.draining,
  })
  let signing: Signing | undefined
  const desk: Desk = {
    ...receiver,
    ring,
    sessions: createSessions(clock),
    engine,
    attempts,
    calls,
    pulse,
    send,
    log,
    signing() {
      if (signing === undefined) throw new RangeError('Cannot answer: the model statement is not logged yet')
      return signing
    },
  }

  /** Keys that are due, and a statement under each new packet key: both are logged before they are used. */
  async function maintain(): Promise<void> {
    await ring.maintain((events) => options.enrol?.(events) ?? calls.ask({ type: 'keys', events }, CALL_MS))
    const key = ring.packetKey()
    if (key === signing?.key) return
    const ask = (document: Uint8Array) => calls.ask({ type: 'statement', document }, CALL_MS)
    const statement = statementOf(engineIs, desk, endorsement)
    signing = { key, statement: await logStatement(statement, key, desk, ask) }
  }

  async function prepare(): Promise<void> {
    await attempts.prune(clock.now())
    await maintain()
    if (ring.endsMs !== undefined && ring.endsMs - clock.now() < WARN_MS)
      log(`the delegation ends at ${new Date(ring.endsMs).toISOString()}: its root key must make another`)
    await loop.closeInterrupted()
    pulse.start()
  }

  const started = Promise.withResolvers<void>()
  const { slots, model } = engineIs
  const loop = createLoop(desk, {
    maxRunning: options.maxRunning ?? 8 * slots,
    ready: started.promise,
    leave: () => link.close(),
  })
  started.promise.catch((error: unknown) => log(`not ready: ${reasonOf(error)}`))
  const upkeep = startUpkeep(async (round) => {
    await maintain()
    if (round % PRUNE_EVERY === 0) await attempts.prune(clock.now())
  }, log)

  async function read(): Promise<void> {
    send({ type: 'hello', instance: ring.instance, slots, models: [model] })
    prepare().then(started.resolve, started.reject)
    for await (const message of link.messages) loop.take(message)
  }
  const ended = read().finally(() => {
    clearInterval(upkeep)
    pulse.stop()
    calls.end()
    loop.halt()
  })
  return {
    instance: ring.instance,
    ready: started.promise,
    ended,
    drain: () => loop.drain(),
  }
}

function startUpkeep(run: (round: number) => Promise<void>, log: (line: string) => void) {
  let round = 0
  return setInterval(() => {
    round += 1
    run(round).catch((error: unknown) => log(`upkeep: ${reasonOf(error)}`))
  }, MAINTAIN_MS)
}
