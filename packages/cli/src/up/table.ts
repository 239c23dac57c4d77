/**
 * The routing table of an all-in-one: one rule a tag, its candidates the agents of the house, signed by the operator's key, which the router does
 * not hold.
 *
 * @module
 */
import type { Nexus } from '@mystranet/router'
import { equalBytes } from '@mystranet/sdk/bytes'
import type { Signer } from '@mystranet/sdk/keys/signer'
import { type RoutingTable, type Rule, signRoutingTable } from '@mystranet/sdk/proof/routing-table'

const DAY_MS = 86_400_000
/** How long a table stays in force. */
export const TABLE_MS = 30 * DAY_MS
/** What is left of it when the next one is signed. */
export const RENEW_MS = 10 * DAY_MS
/** Clocks of agents and clients may be behind ours. */
const CLOCK_MS = 60_000

export interface TableWish {
  readonly network: Uint8Array
  readonly tags: readonly string[]
  /** Instance ids of the agents. */
  readonly agents: readonly Uint8Array[]
}

/** A table in force with its digest, as the router knows it. */
export interface TableInForce {
  readonly table: RoutingTable
  readonly digest: Uint8Array
}

/** The table to be signed next, or undefined when the one in force does what is wished for long enough. */
export function nextTable(wish: TableWish, inForce: TableInForce | undefined, nowMs: number): RoutingTable | undefined {
  const rules: Rule[] = wish.tags.map((tag) => ({
    id: `tag ${tag}`.slice(0, 128),
    tag,
    senders: [],
    candidates: wish.agents.map((instance) => ({ instance, weight: 1 })),
  }))
  const isEnough =
    inForce !== undefined &&
    inForce.table.expiresMs > nowMs + RENEW_MS &&
    inForce.table.notBeforeMs <= nowMs &&
    sameRules(inForce.table.rules, rules)
  if (isEnough) return undefined
  return {
    network: wish.network,
    version: (inForce?.table.version ?? 0n) + 1n,
    previous: inForce?.digest,
    rules,
    createdMs: nowMs,
    notBeforeMs: nowMs - CLOCK_MS,
    expiresMs: nowMs + TABLE_MS,
  }
}

function sameRules(a: readonly Rule[], b: readonly Rule[]): boolean {
  return (
    a.length === b.length &&
    a.every((rule, at) => {
      const other = b[at] as Rule
      const [mine, theirs] = [rule.candidates, other.candidates]
      const sameCandidates =
        mine.length === theirs.length &&
        mine.every(({ instance }, n) => equalBytes(instance, theirs[n]?.instance as Uint8Array))
      return rule.tag === other.tag && !rule.deny && rule.senders.length === 0 && sameCandidates
    })
  )
}

/** The agents of the table in force if that names these tags: then the router may serve before they are back. */
export function agentsInForce(
  inForce: TableInForce | undefined,
  tags: readonly string[],
  network: Uint8Array,
  nowMs: number,
): readonly Uint8Array[] | undefined {
  const agents = inForce?.table.rules[0]?.candidates.map(({ instance }) => instance) ?? []
  if (inForce === undefined || agents.length === 0 || inForce.table.expiresMs <= nowMs) return undefined
  return nextTable({ network, tags, agents }, inForce, nowMs) === undefined ? agents : undefined
}

/** Signs and publishes a table if one is due. @returns its version, or undefined when none was due. */
export async function keepTable(
  nexus: Pick<Nexus, 'tables' | 'publishTable'>,
  wish: TableWish,
  operator: Signer,
  nowMs: number,
): Promise<bigint | undefined> {
  const table = nextTable(wish, (await nexus.tables.shown())?.known, nowMs)
  if (table === undefined) return undefined
  await nexus.publishTable(await signRoutingTable(table, operator))
  return table.version
}
