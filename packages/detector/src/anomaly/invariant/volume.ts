/**
 * Bytes that flow exports show of an agent against bytes of packets that are logged and carried for it.
 *
 * @module
 */

import type { LogEntry, PacketFact, VolumeFact } from '../entry.ts'
import { hexOf, keyOf, short } from '../key.ts'
import { recentMap } from '../recent.ts'
import type { Say } from './table.ts'

interface Account {
  readonly agent: string
  hour: number
  flowBytes: number
  carriedBytes: number
}

export interface VolumeLimits {
  /** Bytes of TCP, TLS, receipts and retransmissions for each byte of a packet, as a factor. */
  readonly overhead?: number
  /** Bytes an hour of an agent that does nothing: heartbeats, key events, updates. */
  readonly idleBytes?: number
}

export interface VolumeCheck {
  entry(entry: LogEntry): void
  packet(fact: PacketFact): void
  flow(fact: VolumeFact): void
  tick(nowMs: number): void
}

const HOUR_MS = 3_600_000
/** Flows and packets are accounted by the hour; an exporter may be this late. */
const LATE_MS = 600_000
/** Below this many bytes in a block of hours, traffic that is missing is not asked for. */
const MIN_CARRIED = 1_048_576
/** Missing traffic is judged by blocks of so many hours: what is carried in one may show in the next. */
const BLOCK = 6
/** Share of the carried bytes that must show in the flows. */
const MIN_SHOWN = 0.5

export function volumeCheck(say: Say, maxAgents: number, limits: VolumeLimits = {}): VolumeCheck {
  const { overhead = 1.5, idleBytes = 4 * 1_048_576 } = limits
  const accounts = recentMap<Account>(maxAgents * 4)
  const blocks = recentMap<Account>(maxAgents * 4)
  /** Bytes of requests until an attempt says who gets them. */
  const requests = recentMap<number>(65_536)
  const shownSinceMs = recentMap<number>(maxAgents)
  let judgedHour = Number.NEGATIVE_INFINITY

  const accountOf = (agent: string, timeMs: number) => {
    const hour = Math.floor(timeMs / HOUR_MS)
    const name = `${agent} ${hour}`
    const account = accounts.get(name) ?? { agent, hour, flowBytes: 0, carriedBytes: 0 }
    accounts.set(name, account)
    return account
  }
  const judge = (agent: string, { hour, flowBytes, carriedBytes }: Account) => {
    const allowed = Math.round(carriedBytes * overhead + idleBytes)
    const atMs = (hour + 1) * HOUR_MS
    const evidence = { hour: new Date(hour * HOUR_MS).toISOString(), flowBytes: Math.round(flowBytes), carriedBytes }
    if (flowBytes > allowed) {
      const message = `Agent ${short(agent)} moved ${mib(flowBytes)} in an hour; its packets account for ${mib(allowed)}.`
      say('flow-unlogged', { source: hexOf(agent), atMs, message, evidence: { ...evidence, allowed } })
    }
    const block = Math.floor(hour / BLOCK)
    const name = `${agent} ${block}`
    const sum = blocks.get(name) ?? { agent, hour: block * BLOCK, flowBytes: 0, carriedBytes: 0 }
    sum.flowBytes += flowBytes
    sum.carriedBytes += carriedBytes
    blocks.set(name, sum)
  }
  const judgeBlock = ({ agent, hour, flowBytes, carriedBytes }: Account) => {
    // An agent whose traffic nobody exported when the block began is none that went missing.
    const isShown = (shownSinceMs.get(agent) ?? Number.POSITIVE_INFINITY) <= hour * HOUR_MS
    if (carriedBytes < MIN_CARRIED || !isShown || flowBytes >= carriedBytes * MIN_SHOWN) return
    const message = `Packets of ${mib(carriedBytes)} are logged for agent ${short(agent)}; its traffic shows ${mib(flowBytes)}.`
    const evidence = { from: new Date(hour * HOUR_MS).toISOString(), flowBytes: Math.round(flowBytes), carriedBytes }
    say('log-unflowed', { source: hexOf(agent), atMs: (hour + BLOCK) * HOUR_MS, message, evidence })
  }
  const tick = (nowMs: number) => {
    const closed = Math.floor((nowMs - LATE_MS) / HOUR_MS)
    if (closed <= judgedHour) return
    judgedHour = closed
    for (const [name, account] of accounts.entries()) {
      if (account.hour >= closed) continue
      accounts.delete(name)
      judge(account.agent, account)
    }
    for (const [name, sum] of blocks.entries()) {
      if (sum.hour + BLOCK > closed) continue
      blocks.delete(name)
      judgeBlock(sum)
    }
  }
  return {
    entry({ kind, subject, addendum, timeMs }) {
      tick(timeMs)
      const agent = kind === 'attempt' ? addendum?.decision?.agent : undefined
      if (agent !== undefined) accountOf(keyOf(agent), timeMs).carriedBytes += requests.get(keyOf(subject)) ?? 0
    },
    packet({ id, kind, sender, bytes, outcome, timeMs }) {
      if (outcome !== 'taken') return
      if (kind === 'REQUEST') requests.set(keyOf(id), bytes)
      else if (kind !== 'CANCEL') accountOf(keyOf(sender), timeMs).carriedBytes += bytes
    },
    flow({ agent, timeMs, bytes }) {
      tick(timeMs)
      const name = keyOf(agent)
      accountOf(name, timeMs).flowBytes += bytes
      shownSinceMs.set(name, Math.min(shownSinceMs.get(name) ?? timeMs, timeMs))
    },
    tick,
  }
}

const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`
