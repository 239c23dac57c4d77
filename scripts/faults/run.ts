/** @module All series of a run, one after the other. */
import { type Killed, runSeries, type Series, type SeriesOptions } from './series.ts'

export interface FaultsOptions {
  readonly parts: readonly Killed[]
  /** Of each part. */
  readonly kills: number
  readonly seed: number
  progress(line: string): void
}

/** Agents over the broker: the one that is killed has another beside it. */
const REMOTE_AGENTS = 2

/** The agent is killed as a child and over a broker, half of the times each. */
function planOf(part: Killed, kills: number): Pick<SeriesOptions, 'part' | 'remoteAgents' | 'kills'>[] {
  if (part === 'up' || part === 'client') return [{ part, remoteAgents: 0, kills }]
  if (part === 'broker') return [{ part, remoteAgents: 1, kills }]
  const half = Math.ceil(kills / 2)
  return [
    { part, remoteAgents: 0, kills: half },
    { part, remoteAgents: REMOTE_AGENTS, kills: Math.max(1, kills - half) },
  ]
}

export async function runFaults({ parts, kills, seed, progress }: FaultsOptions): Promise<Series[]> {
  const all: Series[] = []
  for (const plan of parts.flatMap((part) => planOf(part, kills))) {
    all.push(await runSeries({ ...plan, seed, progress }))
  }
  return all
}
