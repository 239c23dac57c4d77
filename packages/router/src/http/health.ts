/**
 * What operators and load balancers ask.
 *
 * @module
 */
import { Hono } from 'hono'
import type { Gauge, Metrics } from '../metrics.ts'
import type { AgentState, DeadLetters, PacketQueue } from '../ports.ts'

export interface HealthDeps {
  readonly queue: PacketQueue
  readonly dead: DeadLetters
  readonly metrics: Metrics
  agents(): readonly AgentState[]
  isLogStopped(): boolean
  nowMs(): number
  /** Greatest age of a canary. */
  readonly canaryMs: number
}

/**
 * - `/health`: the process answers. Says nothing of engines.
 * - `/readyz`: 200 when a question would be answered: the queue answered, the log runs, an agent is linked, and each linked
 *   agent's engine gave a token less than `canaryMs` ago (by default 24 s: one that stops shows within 30 s); else 503 with what is missing.
 * - `/metrics`: Prometheus text.
 */
export function healthRoutes(deps: HealthDeps) {
  return new Hono()
    .get('/health', (c) => c.json({ alive: true }))
    .get('/readyz', async (c) => {
      const missing = await missingOf(deps)
      c.header('cache-control', 'no-store')
      return c.json({ ready: missing.length === 0, missing }, missing.length === 0 ? 200 : 503)
    })
    .get('/metrics', async (c) => {
      const text = deps.metrics.render(await gaugesOf(deps))
      return c.body(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    })
}

async function missingOf({ queue, agents, isLogStopped, nowMs, canaryMs }: HealthDeps): Promise<string[]> {
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

async function gaugesOf({ queue, dead, agents, nowMs, isLogStopped }: HealthDeps): Promise<Gauge[]> {
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
