import { basename } from 'node:path'
import { digestFile } from '@mystranet/detector/node'
import type { LlamaContext, LlamaModel } from 'node-llama-cpp'
import {
  ALL_PARAMETERS,
  checkContext,
  checkSampling,
  type Engine,
  type EngineDescription,
  EngineError,
  type EngineEvent,
  type Generation,
} from '../engine.ts'
import { canaryOf, createWork, type Work } from '../engine-canary.ts'
import { cancelled, type Slots, slotsOf } from '../engine-slots.ts'
import { inspectModel, scanLine } from '../models/inspect.ts'
import { type ModelFacts, readModelFacts } from '../models/model-facts.ts'
import { type PromptTemplate, promptTemplate } from './llama-prompt.ts'
import { runSequence, type Seat } from './llama-run.ts'
import { type LlamaRuntime, loadRuntime } from './llama-runtime.ts'
import { type Tuning, tune } from './llama-threads.ts'

export interface LlamaEngineOptions {
  /** A GGUF file. It is digested whole, at about 1 GB/s, before it is loaded. */
  readonly modelPath: string
  /** What it is called in answers; default the file's own `general.name`, else its file name. */
  readonly name?: string
  /** Loading is refused if the file has another SHA-256. */
  readonly expectedDigest?: Uint8Array | undefined
  /** Where measured thread counts are remembered. */
  readonly cacheDir?: string | undefined
  /** Default: measured. */
  readonly threads?: number | undefined
  /** Requests at once, each with a context of its own in memory. Default 2. */
  readonly slots?: number | undefined
  /** Default: what the model was trained on, at most 4,096. */
  readonly contextTokens?: number | undefined
  /** Default `auto`: a GPU where one works. */
  readonly gpu?: 'auto' | false | undefined
  readonly onProgress?: (progress: LlamaLoadProgress) => void
  readonly signal?: AbortSignal | undefined
}

const STAGES = ['digest', 'load', 'threads', 'ready'] as const

/** `done` of the stage, from 0 to 1. */
export interface LlamaLoadProgress {
  readonly stage: (typeof STAGES)[number]
  readonly done: number
}

const DEFAULT_SLOTS = 2
const DEFAULT_CONTEXT_TOKENS = 4_096

interface Loaded {
  readonly runtime: LlamaRuntime
  readonly model: LlamaModel
  readonly context: LlamaContext
  readonly template: PromptTemplate
  readonly tuning: Tuning
  readonly description: EngineDescription
}

/**
 * An {@link Engine} on llama.cpp inside this process, through a prebuilt back end of node-llama-cpp.
 *
 * The prompt is made with the chat template of the file. Requests that begin alike share what was computed of their prompt
 * (a reader could tell from the time to the first token that somebody asked the same before). With a temperature of 0, or
 * with a seed, a request that runs alone gives the same text each time; beside others it may differ in the last bits.
 *
 * The digest is of the file as it was read just before loading. Who can change the file in between can change what runs:
 * the folder has to belong to the agent.
 *
 * @throws {EngineError} `MODEL_UNAVAILABLE` if the file cannot be read, is no GGUF, has no chat template or another digest,
 *   is refused by its scan, or does not load; `CANCELLED`.
 */
export async function llamaEngine(options: LlamaEngineOptions): Promise<Engine> {
  const loaded = await load(options)
  const { description, context } = loaded
  const seats = Array.from(
    { length: description.slots },
    (): Seat => ({ sequence: context.getSequence(), reusable: 0 }),
  )
  const slots = slotsOf(seats)
  const work = createWork()
  const closing = new AbortController()
  const pumps = new Set<Promise<void>>()
  const generate = (request: Generation, signal: AbortSignal) =>
    generateWith({ ...loaded, work }, slots, pumps, closing.signal, request, signal)
  let closed: Promise<void> | undefined
  const close = async () => {
    slots.close()
    closing.abort()
    await Promise.all(pumps)
    await context.dispose()
    await loaded.model.dispose()
    await loaded.runtime.llama.dispose()
  }
  return {
    description,
    load: slots.load,
    generate,
    canary: canaryOf({ slots: description.slots, load: slots.load, generate, busy: work.next }),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

async function* generateWith(
  { model, template, tuning, description, work }: Loaded & { readonly work: Work },
  slots: Slots<Seat>,
  pumps: Set<Promise<void>>,
  closing: AbortSignal,
  request: Generation,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, void> {
  checkSampling(request.sampling, description.supported)
  // A disposed model cannot tokenize; it says so in words of its own.
  if (closing.aborted) throw gone('MODEL_UNAVAILABLE')
  if (signal.aborted) throw cancelled(signal)
  const prompt = template.tokenize(request.messages)
  checkContext(prompt.length, request.sampling.maxTokens ?? 1, description.contextTokens)
  const seat = await slots.acquire(signal, (free) => closestSeat(free, prompt))
  const limit = Math.min(
    request.sampling.maxTokens ?? Number.POSITIVE_INFINITY,
    description.contextTokens - prompt.length,
  )
  const { sampling } = request
  const { promptChunk } = tuning
  const plan = { model, prompt, turnEnds: template.turnEnds, sampling, limit, promptChunk, worked: work.done }
  const events: EngineEvent[] = []
  let failure: unknown
  let left = false
  let wake = () => {}
  const rouse = () => wake()
  const stopped = () => left || signal.aborted || closing.aborted
  const pump = runSequence(seat, plan, stopped, (event) => {
    events.push(event)
    wake()
  })
    .catch((error: unknown) => {
      failure = error ?? new Error('the engine failed without a word')
      // What the sequence holds now is not known.
      seat.reusable = 0
      wake()
    })
    .finally(() => {
      pumps.delete(pump)
      slots.release(seat)
    })
  pumps.add(pump)
  signal.addEventListener('abort', rouse)
  closing.addEventListener('abort', rouse)
  try {
    for (;;) {
      if (signal.aborted) throw cancelled(signal)
      if (closing.aborted) throw gone('ENGINE_FAILED')
      const event = events.shift()
      if (event !== undefined) {
        yield event
        if (event.type === 'finish') return
      } else if (failure !== undefined) {
        throw new EngineError('ENGINE_FAILED', 'Cannot finish the generation: llama.cpp failed', { cause: failure })
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    left = true
    signal.removeEventListener('abort', rouse)
    closing.removeEventListener('abort', rouse)
  }
}

/** The free seat that holds most of this prompt; of those that hold nothing of it, the first. */
function closestSeat(free: readonly Seat[], prompt: readonly number[]): Seat {
  const held = ({ sequence, reusable }: Seat) =>
    Math.min(
      reusable,
      sequence.compareContextTokens([...prompt] as Parameters<typeof sequence.compareContextTokens>[0])
        .firstDifferentIndex,
    )
  return free.reduce((best, seat) => (held(seat) > held(best) ? seat : best))
}

function gone(code: 'MODEL_UNAVAILABLE' | 'ENGINE_FAILED'): EngineError {
  return new EngineError(code, 'Cannot generate: the engine is closed, wanted open')
}

async function load(options: LlamaEngineOptions): Promise<Loaded> {
  let reached = 0
  const report = (stage: LlamaLoadProgress['stage'], done: number) => {
    // The library tells of its loading a little late, sometimes after the next stage has begun.
    if (STAGES.indexOf(stage) < reached) return
    reached = STAGES.indexOf(stage)
    options.onProgress?.({ stage, done })
  }
  const undo: (() => Promise<void>)[] = []
  try {
    const facts = await readModelFacts(options.modelPath)
    if (facts.chatTemplate === undefined)
      throw new Error('the file has no chat template, wanted tokenizer.chat_template')
    report('digest', 0)
    const fileDigest = await digestFile(options.modelPath, { signal: options.signal })
    if (options.expectedDigest !== undefined && Buffer.compare(fileDigest, options.expectedDigest) !== 0) {
      const hex = (digest: Uint8Array) => Buffer.from(digest).toString('hex')
      throw new Error(`the file has SHA-256 ${hex(fileDigest)}, wanted ${hex(options.expectedDigest)}`)
    }
    report('digest', 1)
    const runtime = await loadRuntime(options.gpu ?? 'auto')
    undo.unshift(() => runtime.llama.dispose())
    const scan = await inspectModel(options.modelPath, { name: 'llama.cpp', version: runtime.release })
    const model = await runtime.llama.loadModel({
      modelPath: options.modelPath,
      onLoadProgress: (done) => report('load', done),
      ...(options.signal && { loadSignal: options.signal }),
    })
    undo.unshift(() => model.dispose())
    report('threads', 0)
    const measured = await tune(
      model,
      `${Buffer.from(fileDigest).toString('hex')} | ${runtime.build}`,
      options.cacheDir,
    )
    const tuning = options.threads === undefined ? measured : { ...measured, threads: options.threads }
    report('threads', 1)
    const slots = options.slots ?? DEFAULT_SLOTS
    const contextTokens = Math.min(model.trainContextSize, options.contextTokens ?? DEFAULT_CONTEXT_TOKENS)
    const context = await model.createContext({ contextSize: contextTokens, sequences: slots, threads: tuning.threads })
    undo.unshift(() => context.dispose())
    const template = promptTemplate(model, facts.chatTemplate)
    const measuredHere = { fileDigest, contextTokens, slots, threads: tuning.threads, scan: scanLine(scan) }
    const description = describe(options, facts, runtime, measuredHere)
    options.signal?.throwIfAborted()
    report('ready', 1)
    return { runtime, model, context, template, tuning, description }
  } catch (error) {
    for (const step of undo) await step().catch(() => undefined)
    if (options.signal?.aborted) throw cancelled(options.signal)
    const state = error instanceof Error ? error.message : String(error)
    throw new EngineError('MODEL_UNAVAILABLE', `Cannot load ${options.modelPath}: ${state}`, { cause: error })
  }
}

function describe(
  options: LlamaEngineOptions,
  facts: ModelFacts,
  runtime: LlamaRuntime,
  measured: Pick<EngineDescription, 'contextTokens' | 'slots' | 'threads'> & { fileDigest: Uint8Array; scan: string },
): EngineDescription {
  const { chatTemplateDigest, tokenizerDigest, quantisation, architecture, licence } = facts
  return {
    engine: 'llama',
    engineVersion: runtime.version,
    runtime: runtime.build,
    model: options.name ?? facts.name ?? basename(options.modelPath, '.gguf'),
    ...measured,
    ...(runtime.digest !== undefined && { runtimeDigest: runtime.digest }),
    ...(chatTemplateDigest !== undefined && { chatTemplateDigest }),
    ...(tokenizerDigest !== undefined && { tokenizerDigest }),
    ...(quantisation !== undefined && { quantisation }),
    ...(architecture !== undefined && { architecture }),
    ...(licence !== undefined && { licence }),
    supported: ALL_PARAMETERS,
  }
}
