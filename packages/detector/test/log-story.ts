// A coherent log of a few requests, to be tampered with by tests.

import type { LogEntry, PacketFact } from '../src/anomaly/entry.ts'
import { type LeafDraft, leafWriter } from '../src/anomaly/simulator/leaves.ts'
import { seededRandom } from '../src/anomaly/simulator/random.ts'

export const START_MS = Date.UTC(2026, 0, 5, 9)
const random = seededRandom('log story')

export interface Party {
  readonly instance: Uint8Array
  readonly key: Uint8Array
}

export const partyOf = (name: string): Party => {
  const own = random.fork(name)
  return { instance: own.bytes(32), key: own.bytes(32) }
}
export const sender = partyOf('sender')
export const agent = partyOf('agent')
export const table = random.fork('table').bytes(32)
export const partitionOf = (name: string) => random.fork(`partition ${name}`).bytes(32)
export const packetOf = (name: string) => random.fork(`packet ${name}`).bytes(32)
export const controlPartition = partitionOf('routing-table')

export interface Story {
  readonly entries: LogEntry[]
  /** Milliseconds since the start; grows by itself. */
  atMs: number
  add(draft: Omit<LeafDraft, 'timeMs'> & { readonly timeMs?: number }): LogEntry
  table(digest?: Uint8Array): LogEntry
  request(name: string, addendum?: Partial<LogEntry['addendum']>): LogEntry
  attempt(
    name: string,
    number: number,
    decision?: Partial<{ tableVersion: bigint; agent: Uint8Array; acceptByMs: number }>,
  ): LogEntry
  reply(name: string, kind: string, attempt: number, code?: number, by?: Party): LogEntry
  end(name: string, kind: 'dead-letter' | 'void' | 'cancel' | 'replay', attempt: number): LogEntry
}

/** @param seed Hashes of one story are not those of another. */
export function story(seed = 'a'): Story {
  const writer = leafWriter(random.fork(`hashes ${seed}`))
  const entries: LogEntry[] = []
  let sent = 0n
  let replied = 0n
  const own: Story = {
    entries,
    atMs: 0,
    add(draft) {
      own.atMs += 100
      const entry = writer.write({ timeMs: START_MS + own.atMs, ...draft })
      entries.push(entry)
      return entry
    },
    table: (digest = table) => own.add({ kind: 'routing-table', partition: controlPartition, subject: digest }),
    request(name, addendum = {}) {
      sent += 1n
      return own.add({
        kind: 'request',
        partition: partitionOf(name),
        subject: packetOf(name),
        addendum: { sender: sender.instance, senderKey: sender.key, epoch: 5n, seq: sent, ...addendum },
      })
    },
    attempt: (name, number, decision = {}) =>
      own.add({
        kind: 'attempt',
        partition: partitionOf(name),
        subject: packetOf(name),
        attempt: number,
        commitment: table,
        addendum: {
          decision: { tableVersion: 3n, agent: agent.instance, acceptByMs: START_MS + own.atMs + 10_000, ...decision },
        },
      }),
    reply(name, kind, attempt, code, by = agent) {
      replied += 1n
      return own.add({
        kind,
        partition: partitionOf(name),
        subject: packetOf(`${name} ${kind} ${attempt} ${replied}`),
        attempt,
        code,
        addendum: { sender: by.instance, senderKey: by.key, epoch: 9n, seq: replied },
      })
    },
    end: (name, kind, attempt) =>
      own.add({
        kind,
        partition: partitionOf(name),
        subject: kind === 'cancel' ? packetOf(`${name} cancel`) : packetOf(name),
        attempt,
      }),
  }
  return own
}

/** A question that was answered. */
export function answered(own: Story, name: string, attempt = 1): void {
  own.request(name)
  own.attempt(name, attempt)
  own.reply(name, 'ack', attempt, 1)
  own.reply(name, 'stream-open', attempt)
  own.reply(name, 'stream-close', attempt, 3)
}

/** What the router saw of a request that is in the story. */
export const factOf = (entry: LogEntry, outcome = 'taken'): PacketFact => ({
  timeMs: entry.timeMs - 5,
  kind: 'REQUEST',
  id: entry.subject,
  sender: entry.addendum?.sender as Uint8Array,
  senderKey: entry.addendum?.senderKey as Uint8Array,
  epoch: entry.addendum?.epoch as bigint,
  seq: entry.addendum?.seq as bigint,
  target: 'misty.weave',
  bytes: 4_096,
  outcome,
})
