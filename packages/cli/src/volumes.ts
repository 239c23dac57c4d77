/**
 * `weave collect --tell`: flow records to bytes of agents, and those to the `weave up` in the state folder.
 *
 * Memory is bounded by the agents that were named, whatever comes: what cannot be told yet is added up.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { FlowRecord } from '@mystranet/detector/flow/export'
import { addressOf, readAddress } from './address.ts'
import type { VolumeBatch, VolumesTaken } from './admin/volumes.ts'
import { UsageError } from './exit.ts'

const HOUR_MS = 3_600_000
/** What is further from now than this is nobody's to judge; and a flow that is longer is counted where it ended. */
const NEAR_MS = 2 * HOUR_MS
/** As many as the watch of a `weave up` follows. */
const MAX_AGENTS = 1_024

export interface VolumeTeller {
  /** Never throws for what is in it. */
  take(record: FlowRecord): void
  /**
   * Hands over what was added up; one batch at a time, the same until it is taken.
   *
   * @throws {PacketError} what asking throws: nothing is lost, the next call tells it.
   */
  flush(): Promise<void>
  readonly counts: Readonly<VolumeCounts>
}

export interface VolumeCounts {
  /** Records from or to an agent. */
  ofAgents: number
  /** Of those, without bytes. */
  withoutBytes: number
  /** Of those, whose times are hours from now. */
  farFromNow: number
  /** Sums of an agent and an hour that the `weave up` took, and those that it refused: too late, or too early after its start. */
  told: number
  refused: number
}

type Ask = (batch: VolumeBatch) => Promise<VolumesTaken>

/** @param agents Instance ids by address, as {@link readAgents} gives them. */
export function volumeTeller(agents: ReadonlyMap<string, string>, ask: Ask, nowMs: () => number): VolumeTeller {
  const counts: VolumeCounts = { ofAgents: 0, withoutBytes: 0, farFromNow: 0, told: 0, refused: 0 }
  const teller = randomUUID()
  let sums = new Map<string, { readonly agent: string; timeMs: number; bytes: number }>()
  let pending: VolumeBatch | undefined
  let batch = 0
  const add = (agent: string, timeMs: number, bytes: number) => {
    const name = `${agent} ${Math.floor(timeMs / HOUR_MS)}`
    const sum = sums.get(name) ?? { agent, timeMs, bytes: 0 }
    sums.set(name, sum)
    sum.timeMs = Math.min(sum.timeMs, timeMs)
    sum.bytes = Math.min(sum.bytes + bytes, Number.MAX_SAFE_INTEGER)
  }
  const agentOf = (address: Uint8Array | undefined) => address && agents.get(addressOf(address))
  return {
    counts,
    take(record) {
      const ends = new Set([agentOf(record.source), agentOf(record.destination)])
      ends.delete(undefined)
      if (ends.size === 0) return
      counts.ofAgents++
      if (record.bytes === undefined) counts.withoutBytes++
      const now = nowMs()
      let isFar = false
      for (const { timeMs, bytes } of portionsOf(record, now)) {
        if (Math.abs(timeMs - now) <= NEAR_MS) for (const agent of ends) add(agent as string, timeMs, bytes)
        else isFar = true
      }
      if (isFar) counts.farFromNow++
    },
    async flush() {
      if (pending === undefined) {
        if (sums.size === 0) return
        pending = { teller, batch: ++batch, volumes: [...sums.values()] }
        sums = new Map()
      }
      const { taken, refused } = await ask(pending)
      pending = undefined
      counts.told += taken
      counts.refused += refused
    },
  }
}

/** Bytes of a flow, by the hours in which it ran: as if they had come evenly. Whole bytes, times the sampling. */
export function portionsOf(
  { startMs, endMs, bytes, samplingEvery = 1 }: Pick<FlowRecord, 'startMs' | 'endMs' | 'bytes' | 'samplingEvery'>,
  nowMs: number,
): { readonly timeMs: number; readonly bytes: number }[] {
  if (bytes === undefined) return []
  const all = Math.min(Math.round(Number(bytes) * samplingEvery), Number.MAX_SAFE_INTEGER)
  const end = Math.floor(endMs ?? nowMs)
  const start = Math.floor(startMs ?? end)
  const isLong = !(end > start && end - start <= NEAR_MS)
  if (isLong) return [{ timeMs: end, bytes: all }]
  const portions: { timeMs: number; bytes: number }[] = []
  for (let from = start; from < end; ) {
    const to = Math.min(end, (Math.floor(from / HOUR_MS) + 1) * HOUR_MS)
    portions.push({ timeMs: from, bytes: Math.round((all * (to - from)) / (end - start)) })
    from = to
  }
  return portions
}

/** @param given Each `ADDRESS=INSTANCE`. @throws {UsageError} */
export function readAgents(given: readonly string[]): ReadonlyMap<string, string> {
  const agents = new Map<string, string>()
  for (const text of given) {
    const [, typed = '', instance = ''] = /^(.+)=([0-9a-f]{64})$/.exec(text) ?? []
    const address = readAddress(typed)
    if (address === undefined) {
      throw new UsageError([
        `--agent is ${JSON.stringify(text)}, wanted ADDRESS=INSTANCE, the instance as weave status shows it: 64 hex digits`,
      ])
    }
    agents.set(address, instance)
  }
  if (agents.size > MAX_AGENTS)
    throw new UsageError([`--agent is given ${agents.size} times, wanted ${MAX_AGENTS} at most`])
  return agents
}
