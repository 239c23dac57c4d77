/**
 * One request through router, log and agents, as leaves and facts. ACKs are left out: nothing is learned from them here.
 *
 * @module
 */
import type { LogAudit } from '../audit.ts'
import type { EntryAddendum, PacketFact } from '../entry.ts'
import type { Agenda } from './agenda.ts'
import type { Change } from './injection.ts'
import type { LeafWriter } from './leaves.ts'
import type { Sender } from './people.ts'
import type { Random } from './random.ts'

/** Takes what is simulated; a watch does. */
export type Sink = Pick<LogAudit, 'leaf' | 'packet' | 'flow' | 'tick'>

export interface Agent extends Sender {
  /** Until then it refuses everything: it starts again. */
  awayUntilMs: number
  /** Bytes that it moved and that flows have not shown yet. */
  movedBytes: number
}

export interface Network {
  readonly random: Random
  readonly agenda: Agenda
  readonly writer: LeafWriter
  readonly sink: Sink
  readonly agents: readonly Agent[]
  readonly table: Uint8Array
  /** Of the minute that is on. */
  change: Change
}

export interface Ask {
  readonly sender: Sender
  readonly target: string
  readonly bytes: number
}

/** Shares of a usual day. */
const FAILING = 0.008
const DYING = 0.001
const ACCEPT_MS = 10_000
const EXPIRY_MS = 300_000
const MEAN_ANSWER_MS = 12_000

interface Running {
  readonly id: Uint8Array
  readonly partition: Uint8Array
  readonly bytes: number
  readonly isUnended: boolean
}

function factOf(ask: Ask, kind: PacketFact['kind'], id: Uint8Array, timeMs: number, outcome: string): PacketFact {
  const { sender, target, bytes } = ask
  const { instance, key, epoch, seq } = sender
  return { timeMs, kind, id, sender: instance, senderKey: key, epoch, seq, target, bytes, outcome }
}

/** A packet that the router does not take. */
export function refuse({ sink, random }: Network, ask: Ask, timeMs: number, code: string): void {
  ask.sender.seq += 1n
  sink.packet(factOf(ask, 'REQUEST', random.bytes(32), timeMs, code))
}

/** A packet that the router takes, and all that follows from it. */
export function ask(network: Network, asked: Ask, timeMs: number): void {
  const { random, writer, sink, change } = network
  const { sender, bytes } = asked
  sender.seq += 1n
  const id = random.bytes(32)
  sink.packet(factOf(asked, 'REQUEST', id, timeMs, 'taken'))
  if (random.unit() < change.unlogged) return
  const partition = random.bytes(32)
  const addendum: EntryAddendum = {
    sender: sender.instance,
    senderKey: sender.key,
    epoch: sender.epoch,
    seq: sender.seq,
  }
  sink.leaf(writer.write({ kind: 'request', timeMs, partition, subject: id, addendum }))
  const isUnended = random.unit() < change.unended
  attempt(network, { id, partition, bytes, isUnended }, 1, timeMs)
}

function attempt(network: Network, running: Running, number: number, timeMs: number): void {
  const { random, agenda, writer, sink, agents, table, change } = network
  const { id, partition } = running
  const agent = agents[(random.below(agents.length) + number) % agents.length] as Agent
  const decision = { tableVersion: 1n, agent: agent.instance, acceptByMs: timeMs + ACCEPT_MS }
  const addendum = { decision }
  sink.leaf(
    writer.write({ kind: 'attempt', timeMs, partition, subject: id, attempt: number, commitment: table, addendum }),
  )
  agent.movedBytes += running.bytes
  if (running.isUnended) return
  if (random.unit() < Math.max(DYING, change.dying)) {
    agenda.at(timeMs + EXPIRY_MS, (atMs) =>
      sink.leaf(writer.write({ kind: 'dead-letter', timeMs: atMs, partition, subject: id, attempt: number })),
    )
    return
  }
  const fails = timeMs < agent.awayUntilMs || random.unit() < Math.max(FAILING, change.failing)
  const soonMs = timeMs + random.between(100, 1_500)
  agenda.at(soonMs, (atMs) => {
    if (!fails) return answer(network, running, agent, number, atMs)
    reply(network, running, agent, 'nack', number, atMs)
    if (number < 3)
      agenda.at(atMs + random.between(200, 3_000), (againMs) => attempt(network, running, number + 1, againMs))
    else sink.leaf(writer.write({ kind: 'dead-letter', timeMs: atMs, partition, subject: id, attempt: number }))
  })
}

function answer(network: Network, running: Running, agent: Agent, number: number, timeMs: number): void {
  const { random, agenda, sink, change } = network
  const bytes = Math.round(60_000 * Math.exp(0.9 * random.normal()) * change.answerBytes)
  agenda.at(timeMs + random.between(200, 900), (atMs) => {
    reply(network, running, agent, 'stream-open', number, atMs)
  })
  agenda.at(timeMs + 1_000 + random.exponential(MEAN_ANSWER_MS), (atMs) => {
    agent.seq += 1n
    const id = random.bytes(32)
    sink.packet(factOf({ sender: agent, target: 'sender', bytes }, 'STREAM_CLOSE', id, atMs, 'taken'))
    agent.movedBytes += bytes
    reply(network, running, agent, 'stream-close', number, atMs, id)
  })
}

function reply(
  { random, writer, sink }: Network,
  { partition }: Running,
  agent: Agent,
  kind: 'nack' | 'stream-open' | 'stream-close',
  number: number,
  timeMs: number,
  id?: Uint8Array,
): void {
  if (id === undefined) agent.seq += 1n
  const code = { nack: 70, 'stream-open': undefined, 'stream-close': 3 }[kind]
  const addendum = { sender: agent.instance, senderKey: agent.key, epoch: agent.epoch, seq: agent.seq }
  sink.leaf(writer.write({ kind, timeMs, partition, subject: id ?? random.bytes(32), attempt: number, code, addendum }))
}
