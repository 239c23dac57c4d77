/**
 * Stage 5, route: which rule decides, and which agent gets the packet (docs/protocol.md §11). Pure.
 *
 * @module
 */
import { TABLE_GRACE_MS } from '@mystranet/schemas/limits'
import type { HeaderCore } from '@mystranet/schemas/messages'
import { equalBytes, toHex } from '@mystranet/sdk/bytes'
import { chooseRule, isInForce, type RoutingTable, type Rule } from '@mystranet/sdk/proof/routing-table'
import { RouterError } from '../errors.ts'
import type { AgentState } from '../ports.ts'

/** A table as the router holds it. */
export interface KnownTable {
  readonly table: RoutingTable
  readonly digest: Uint8Array
  /** When it came into force here. */
  readonly sinceMs: number
}

/** What the table says of a packet. */
export interface Routed {
  readonly table: KnownTable
  readonly rule: Rule
  /** Instance ids in the order of the rule: candidates then and now that the packet is sealed to. */
  readonly candidates: readonly string[]
}

/**
 * Takes the table that the packet names: the one in force or, for ten minutes, the one before it. Candidates are those
 * that both name and the packet is sealed to.
 *
 * @param tables Newest first.
 * @throws {RouterError} `TABLE_STALE`, `NO_ROUTE` or `NOT_PERMITTED`.
 */
export function route(core: HeaderCore, tables: readonly KnownTable[], nowMs: number): Routed {
  const [current, previous] = tables
  if (current === undefined) throw new RouterError('NO_ROUTE', 'Cannot route the packet: no routing table is in force')
  const named = core.tableDigest as Uint8Array
  const table = equalBytes(named, current.digest)
    ? current
    : previous && equalBytes(named, previous.digest) && nowMs < current.sinceMs + TABLE_GRACE_MS
      ? previous
      : undefined
  if (table === undefined) throw stale(`it names ${toHex(named)}, wanted ${toHex(current.digest)}`)
  if (!isInForce(table.table, nowMs)) throw stale('its table is outside its time window')
  const { rule, candidates } = chooseRule(table.table, core)
  const now = table === current ? candidates : chooseRule(current.table, core).candidates
  const still = candidates.filter((each) => now.some((other) => equalBytes(each, other)))
  if (still.length === 0) throw stale('none of its candidates is one now')
  const sealed = still.filter((each) => core.recipients.some((other) => equalBytes(each, other)))
  if (sealed.length === 0) {
    throw new RouterError(
      'NO_ROUTE',
      `Cannot route the packet: it is sealed to no candidate of rule ${JSON.stringify(rule.id)}`,
    )
  }
  return { table, rule, candidates: sealed.map(toHex) }
}

const stale = (why: string) => new RouterError('TABLE_STALE', `Cannot route the packet: ${why}`)

export interface AgentLoad {
  readonly agent: Pick<AgentState, 'slots' | 'running' | 'queued' | 'draining'>
  /** Packets that wait here for it. */
  readonly waiting: number
}

/**
 * The candidate to try next: connected before absent, not tried before tried, then the least load for its weight, then
 * the order of the rule.
 *
 * @param loads Of the agents that are connected.
 * @param tried Agents of earlier attempts.
 */
export function chooseAgent(
  { candidates, rule }: Pick<Routed, 'candidates' | 'rule'>,
  loads: ReadonlyMap<string, AgentLoad>,
  tried: readonly string[] = [],
): string {
  const weightOf = (agent: string) =>
    Math.max(1, rule.candidates.find(({ instance }) => toHex(instance) === agent)?.weight ?? 1)
  const ranked = candidates.map((candidate, order) => {
    const load = loads.get(candidate)
    const busy =
      load === undefined ? 0 : (load.waiting + load.agent.running + load.agent.queued) / Math.max(1, load.agent.slots)
    const isAway = load === undefined || load.agent.draining
    return { candidate, key: [Number(tried.includes(candidate)), Number(isAway), busy / weightOf(candidate), order] }
  })
  ranked.sort(
    (a, b) => a.key.map((value, i) => value - (b.key[i] as number)).find((difference) => difference !== 0) ?? 0,
  )
  return ranked[0]?.candidate as string
}
