/**
 * What the figures were found on. Absolute ones mean nothing without it.
 *
 * @module
 */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly os: string
  readonly node: string
  /** Mean number of running programs in the minute before, and in the last minute of it: more than the cores means noise. */
  readonly loadBefore: number
  readonly loadAfter: number
}

const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2))

/** Call what it gives when the measuring is over. */
export function machine(): () => Machine {
  const loadBefore = load()
  return () => ({
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
    node: process.version,
    loadBefore,
    loadAfter: load(),
  })
}
