import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, hostname } from 'node:os'
import { join } from 'node:path'
import type { LlamaModel, Token } from 'node-llama-cpp'

/** What was measured to be best for one model on one host. */
export interface Tuning {
  readonly threads: number
  /** Prompt tokens that take {@link CHUNK_MS} at most: an abort has to wait for one batch of up to 1.5 chunks. */
  readonly promptChunk: number
  /** Median milliseconds of one token, for the record. */
  readonly tokenMs: number
}

const CHUNK_MS = 160
const PROMPT_TOKENS = 48
const SAMPLED_TOKENS = 12
const SHORT_PROMPT_TOKENS = 8
const SHORT_SAMPLED_TOKENS = 4
/** More threads have to come down to this part of the time of fewer. */
const WORTHWHILE = 0.8

/**
 * The tuning of this model on this host: remembered in `⟨folder⟩/threads.json`, else measured in about a second.
 *
 * The library takes a thread per core. On shared cores its threads wait for each other in a busy loop, and one thread can
 * be fifteen times as fast; on a host of its own more are faster. Only a measurement tells.
 *
 * @param key What the measurement depends on besides the host: the model's digest and the runtime build.
 * @param folder Without one, it is measured each time.
 */
export async function tune(model: LlamaModel, key: string, folder: string | undefined): Promise<Tuning> {
  const host = `${hostname()} ${cpus()[0]?.model ?? 'cpu'} x${availableParallelism()}`
  const name = `${host} | ${key}`
  const memory = folder === undefined ? undefined : join(folder, 'threads.json')
  const known = memory === undefined ? undefined : (await readMemory(memory))[name]
  if (isTuning(known)) return known
  const tuning = await measure(model)
  if (folder !== undefined && memory !== undefined) await remember(folder, memory, name, tuning)
  return tuning
}

async function measure(model: LlamaModel): Promise<Tuning> {
  const prompt = model
    .tokenize('The quick brown fox jumps over the lazy dog. '.repeat(PROMPT_TOKENS))
    .slice(0, PROMPT_TOKENS)
  // The first run pages the weights in; it would make the first candidate look slow.
  await trial(model, prompt, 1, 0)
  let best: Trial | undefined
  for (const threads of candidates()) {
    let limitMs = Number.POSITIVE_INFINITY
    if (best !== undefined) {
      // On a host that others use too, one good measurement may be luck, and a bad one takes seconds: a short one first.
      const short = prompt.slice(0, SHORT_PROMPT_TOKENS)
      const screened = await trial(
        model,
        short,
        threads,
        WORTHWHILE * best.tokenMs * (short.length + SHORT_SAMPLED_TOKENS),
        SHORT_SAMPLED_TOKENS,
      )
      // What is hardly faster with more threads does not become much faster with still more.
      if (screened === undefined) break
      limitMs = best.totalMs * WORTHWHILE
    }
    const result = await trial(model, prompt, threads, limitMs)
    if (result === undefined) break
    best = result
  }
  if (best === undefined) throw new Error('no thread count could be measured')
  const { threads, promptChunk, tokenMs } = best
  return { threads, promptChunk, tokenMs }
}

type Trial = Tuning & { readonly totalMs: number }

/** 1, 2, 4 … and the number of cores. */
function candidates(): readonly number[] {
  const cores = availableParallelism()
  const powers = Array.from({ length: 8 }, (_, index) => 2 ** index).filter((threads) => threads < cores)
  return [...powers, cores]
}

/** @returns `undefined` once it has taken longer than `limitMs`. */
async function trial(
  model: LlamaModel,
  prompt: Token[],
  threads: number,
  limitMs: number,
  sampledTokens = SAMPLED_TOKENS,
): Promise<Trial | undefined> {
  const context = await model.createContext({ contextSize: 128, sequences: 1, threads })
  try {
    const sequence = context.getSequence()
    const start = performance.now()
    const intervals: number[] = []
    let last = start
    let promptMs = 0
    for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      const now = performance.now()
      if (promptMs === 0) promptMs = now - start
      else intervals.push(now - last)
      last = now
      if (now - start > limitMs) return undefined
      if (intervals.length === sampledTokens) break
    }
    const tokenMs = intervals.sort((one, other) => one - other)[Math.floor(intervals.length / 2)] ?? promptMs
    const fitting = Math.floor((CHUNK_MS / promptMs) * prompt.length)
    const promptChunk = Math.min(512, Math.max(8, fitting - (fitting % 8)))
    return { threads, promptChunk, tokenMs, totalMs: last - start }
  } finally {
    await context.dispose()
  }
}

function isTuning(value: unknown): value is Tuning {
  if (typeof value !== 'object' || value === null) return false
  const { threads, promptChunk, tokenMs } = value as Record<string, unknown>
  const whole = (each: unknown, max: number) =>
    Number.isInteger(each) && (each as number) >= 1 && (each as number) <= max
  return whole(threads, 1_024) && whole(promptChunk, 512) && typeof tokenMs === 'number'
}

/** A memory that is missing or broken is an empty one: it only saves a second. */
async function readMemory(memory: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(memory, 'utf8'))
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

async function remember(folder: string, memory: string, name: string, tuning: Tuning): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    const scratch = `${memory}.${process.pid}`
    await writeFile(scratch, JSON.stringify({ ...(await readMemory(memory)), [name]: tuning }, null, 2))
    await rename(scratch, memory)
  } catch {
    // A folder that cannot be written costs a second at the next load, nothing else.
  }
}
