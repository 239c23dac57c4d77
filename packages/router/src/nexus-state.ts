/**
 * How the nexus is: whether it would answer a question, and its gauges.
 *
 * @module
 */
import type { Gauge } from './metrics.ts'
import type { AgentState, DeadLetters, PacketQueue } from './ports.ts'

export interface StateDeps {
  readonly queue: Pick<PacketQueue, 'depth'>
  readonly dead: Pick<DeadLetters, 'count'>
  agents(): readonly AgentState[]
  isLogStopped(): boolean
  nowMs(): number
  /** Greatest age of a canary. */
  readonly canaryMs: number
}

/**
 * Why a question would not be answered now: the queue does not answer, the log stopped, no agent is linked, or the engine
 * of a linked agent gave no token for `canaryMs` (by default 24 s: one that stops shows within 30 s).
 */
export async function missingOf(deps: Omit<StateDeps, 'dead'>): Promise<readonly string[]> {
  const { queue, agents, isLogStopped, nowMs, canaryMs } = deps
  const missing: string[] = []
  try {
    await queue.depth(nowMs())
  } catch {
    missing.push('the queue does not answer')
  }
  if (isLogStopped()) missing.push('the log stopped')
  const linked = agents()
  if (linked.length === 0) missing.push('no agent is linked')
  for (const { instance, canaryMs: atMs } of linked) {
    const ageMs = atMs === undefined ? undefined : nowMs() - atMs
    if (ageMs === undefined || ageMs > canaryMs) {
      missing.push(
        `agent ${instance.slice(0, 12)}: its engine gave no token ${ageMs === undefined ? 'yet' : `for ${ageMs} ms`}`,
      )
    }
  }
  return missing
}

export async function gaugesOf({ queue, dead, agents, nowMs, isLogStopped }: StateDeps): Promise<Gauge[]> {
  const { waiting, leased } = await queue.depth(nowMs())
  const linked = agents()
  const each = (name: string, help: string, value: (agent: AgentState) => number): Gauge[] =>
    linked.map((agent) => ({ name, help, value: value(agent), labels: { agent: agent.instance.slice(0, 12) } }))
  return [
    { name: 'weave_queue_waiting', help: 'Packets that are queued or leased.', value: waiting },
    { name: 'weave_queue_leased', help: 'Packets that agents hold.', value: leased },
    { name: 'weave_dead_letters', help: 'Dead letters kept.', value: await dead.count() },
    { name: 'weave_agents', help: 'Agents that are linked.', value: linked.length },
    { name: 'weave_log_stopped', help: '1 when the log stopped for good.', value: Number(isLogStopped()) },
    ...each('weave_agent_running', 'Packets that run.', ({ running }) => running),
    ...each('weave_agent_queued', 'Packets that wait at the agent.', ({ queued }) => queued),
    ...each('weave_agent_tokens_per_second', 'Speed of the engine.', ({ tokensPerSecond }) => tokensPerSecond),
    ...each('weave_agent_canary_age_seconds', 'Age of the last canary.', ({ canaryMs }) =>
      canaryMs === undefined ? Number.NaN : (nowMs() - canaryMs) / 1_000,
    ),
  ]
}
