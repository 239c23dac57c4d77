/**
 * The loop of one target. The same seed makes the same choices; what a target seals with fresh keys differs from run to run,
 * so that an input is replayed from its bytes.
 *
 * @module
 */
import { mutate } from './mutate/manner.ts'
import { createRandom, type Random } from './random.ts'
import type { Subject, Target, Twist } from './target.ts'

export interface Crash {
  readonly target: string
  readonly seed: string
  /** Number of the input in its run. */
  readonly index: number
  readonly what: string
  readonly base64: string
}

export interface Outcome {
  readonly target: string
  readonly inputs: number
  /** `ok` and every refusal, with how often each came. */
  readonly counts: Readonly<Record<string, number>>
  readonly slowestMs: number
  /** The most that one of the inputs that were measured took from the heap. Zero when none were. */
  readonly mostBytes: number
  readonly peakRssBytes: number
  readonly crashes: readonly Crash[]
}

export interface LoopOptions {
  readonly seed: string
  readonly inputs: number
  /** Performance-clock milliseconds at which it stops, whatever is left. */
  readonly untilMs?: number
  /** Told each input before it runs, and `undefined` when none runs: who watches from outside can then name it. */
  watch?(input: Uint8Array | undefined): void
}

const MAX_CRASHES = 5
/** An input of at most 1 MiB may not take more than this: JSON of that size is a tree of objects some 70 times as large. */
const MAX_ALLOCATION = 96 * 1024 * 1024
const MEASURED = 48
const RSS_EVERY = 512

/** Input `index` of a run. The first ones are the seeds and the twists themselves, each once. */
async function inputOf(subject: Subject, random: Random, index: number): Promise<Uint8Array> {
  const { seeds, twists = [], manner } = subject
  if (index < seeds.length) return seeds[index] as Uint8Array
  const first = twists[index - seeds.length]
  if (first !== undefined) return first.make(random)
  const twist = twists.length > 0 && random.chance(0.45) ? weighed(twists, random) : undefined
  if (twist === undefined) return mutate(manner, random.pick(seeds), random, seeds)
  const made = await twist.make(random)
  return random.chance(0.4) ? mutate(manner, made, random, seeds) : made
}

function weighed(twists: readonly Twist[], random: Random): Twist {
  for (;;) {
    const twist = random.pick(twists)
    if (random.chance(twist.weight ?? 1)) return twist
  }
}

export async function fuzz(target: Target, { seed, inputs, untilMs, watch }: LoopOptions): Promise<Outcome> {
  const subject = await target.open()
  const counts: Record<string, number> = {}
  const crashes: Crash[] = []
  const measured: Uint8Array[] = []
  let slowestMs = 0
  let peakRssBytes = process.memoryUsage.rss()
  let index = 0
  const crash = (input: Uint8Array, error: unknown) => {
    const what = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
    crashes.push({ target: target.name, seed, index, what, base64: Buffer.from(input).toString('base64') })
  }
  for (; index < inputs && crashes.length < MAX_CRASHES; index++) {
    if (untilMs !== undefined && performance.now() > untilMs) break
    await subject.renew?.(index)
    const input = await inputOf(subject, createRandom(`${seed}/${target.name}/${index}`), index)
    watch?.(input)
    const startMs = performance.now()
    try {
      const found = await subject.run(input)
      if (found !== 'ok' && !target.codes.includes(found))
        throw new Error(`refused with ${found}, which it does not declare`)
      counts[found] = (counts[found] ?? 0) + 1
    } catch (error) {
      crash(input, error)
    }
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
    if (index % RSS_EVERY === 0) peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss())
    if (measured.length < MEASURED && index % Math.ceil(inputs / MEASURED) === 0) measured.push(input)
  }
  watch?.(undefined)
  const mostBytes = globalThis.gc === undefined ? 0 : await mostAllocated(subject, measured, crash, watch)
  await subject.close?.()
  peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss())
  return { target: target.name, inputs: index, counts, slowestMs, mostBytes, peakRssBytes, crashes }
}

/** Some inputs of the run, and the seeds blown up to 1 MiB. What a collection takes meanwhile is missing: a lower bound. */
async function mostAllocated(
  subject: Subject,
  inputs: readonly Uint8Array[],
  crash: (input: Uint8Array, error: unknown) => void,
  watch: LoopOptions['watch'],
): Promise<number> {
  const blown = subject.seeds.slice(0, 4).flatMap((seed) => [repeated(seed), padded(seed)])
  let most = 0
  for (const input of [...inputs.filter(({ length }) => length <= 1 << 20), ...blown]) {
    await subject.renew?.(-1)
    globalThis.gc?.()
    const before = held()
    watch?.(input)
    try {
      await subject.run(input)
    } catch (error) {
      crash(input, error)
    }
    const bytes = held() - before
    most = Math.max(most, bytes)
    if (bytes > MAX_ALLOCATION)
      crash(input, new Error(`it took ${bytes} bytes to read ${input.length}, wanted at most ${MAX_ALLOCATION}`))
  }
  watch?.(undefined)
  return most
}

const held = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const BLOWN = 1 << 20

function repeated(seed: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOWN)
  for (let at = 0; at < BLOWN && seed.length > 0; at += seed.length) out.set(seed.subarray(0, BLOWN - at), at)
  return out
}

function padded(seed: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOWN).fill(0x61)
  const half = Math.floor(seed.length / 2)
  out.set(seed.subarray(0, Math.min(half, BLOWN)))
  out.set(seed.subarray(half).subarray(0, BLOWN - half), Math.max(half, BLOWN - (seed.length - half)))
  return out
}
