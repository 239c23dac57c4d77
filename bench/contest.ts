/**
 * Two ways of doing the same, in turns: what slows the machine down for a while slows both. Each pair of batches gives one
 * ratio, and the medians of many pairs count. Everything is sequential and in one thread.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Measured } from './table.ts'

export interface Contest {
  readonly ours: () => unknown
  readonly theirs: () => unknown
  /** Operations of one batch. */
  readonly ourBatch: number
  readonly theirBatch: number
  readonly pairs: number
}

/** Median, least and greatest of some samples. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
}

export interface Outcome {
  /** Our rate divided by theirs, of each pair. */
  readonly ratio: Spread
  /** Microseconds of one operation. */
  readonly oursUs: Spread
  readonly theirsUs: Spread
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, n: sorted.length }
}

/** Microseconds of one operation. Promises are awaited one by one. */
async function timed(operation: () => unknown, count: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const result = operation()
    if (result instanceof Promise) await result
  }
  return ((performance.now() - start) / count) * 1000
}

/** By time, and not by count: a small batch would leave the compiler of the runtime at work in the measured pairs. */
const WARM_UP_MS = 250

async function warmUp(operation: () => unknown): Promise<void> {
  const start = performance.now()
  while (performance.now() - start < WARM_UP_MS) await timed(operation, 1)
}

/**
 * Interleaved pairs; who begins changes from pair to pair. Batches of a few milliseconds, and more pairs of them, are
 * better than long ones: what else runs on the machine then meets some pairs, and not one side of each.
 */
export async function contest({ ours, theirs, ourBatch, theirBatch, pairs }: Contest): Promise<Outcome> {
  await warmUp(ours)
  await warmUp(theirs)
  const [our, their, ratios]: [number[], number[], number[]] = [[], [], []]
  for (let pair = 0; pair < pairs; pair++) {
    const oursFirst = pair % 2 === 0
    const before = oursFirst ? await timed(ours, ourBatch) : await timed(theirs, theirBatch)
    const after = oursFirst ? await timed(theirs, theirBatch) : await timed(ours, ourBatch)
    const [ourUs, theirUs] = oursFirst ? [before, after] : [after, before]
    our.push(ourUs)
    their.push(theirUs)
    ratios.push(theirUs / ourUs)
  }
  return { ratio: spreadOf(ratios), oursUs: spreadOf(our), theirsUs: spreadOf(their) }
}

/** Four digits: the fifth is noise. */
export const round = (value: number): number => Number(value.toPrecision(4))

/** A spread as the table wants it. */
export const measured = ({ median, min, max, n }: Spread): Pick<Measured, 'value' | 'n' | 'min' | 'max'> => ({
  value: round(median),
  n,
  min: round(min),
  max: round(max),
})

/** The row of a ratio. The peer's value is microseconds of one operation. */
export const ratioOf = (
  { ratio, oursUs, theirsUs }: Outcome,
  peer: readonly [string, string],
  what: string,
): Measured => ({
  ...measured(ratio),
  peer: { name: peer[0], version: peer[1], value: round(theirsUs.median) },
  note: `${what}; ours ${round(oursUs.median)} µs, peer ${round(theirsUs.median)} µs, sequential, one thread`,
})

export const NODE_CRYPTO = ['node:crypto', process.version] as const

/** Version of a package among the dependencies of the workspace's root. */
export function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}
