/**
 * What the agent needs of a language model. The loop calls nothing else; `adapters/` holds what implements it.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'

/**
 * A loaded model that turns messages into text.
 *
 * - **Several at once**: `generate` may be called while others run. What does not fit waits, first come, first served.
 * - **Whole or an error**: an iteration ends after exactly one `finish` event, or throws an {@link EngineError}. It never
 *   just ends. Text that came before an error is no answer.
 * - **Nothing is ignored**: a parameter that the engine cannot honour is refused before the model runs.
 * - **Stopping**: an aborted signal ends the iteration with `CANCELLED` within 250 ms, also while it waits for a slot or
 *   reads the prompt; leaving the loop early (`break`) stops the model the same way. Either frees the slot.
 * - **No side effects**: two runs of one request are two runs. Running once is the loop's duty, not the engine's.
 *
 * Every adapter passes `engine.contract.ts`.
 */
export interface Engine {
  /** Fixed once the engine is made. */
  readonly description: EngineDescription

  /** What runs now. Costs nothing; heartbeats and back-pressure read it. */
  load(): EngineLoad

  /**
   * Starts at the first `next()`; calling it alone runs nothing.
   *
   * @throws {EngineError} From the iteration: `PARAMETER_UNSUPPORTED`, `CONTEXT_OVERFLOW` and `MODEL_UNAVAILABLE` before
   *   anything ran; `ENGINE_FAILED` when the model or its server broke; `CANCELLED` when `signal` was aborted.
   */
  generate(request: Generation, signal: AbortSignal): AsyncIterable<EngineEvent>

  /**
   * Resolves when the model has really generated one token, so that readiness is never claimed for a dead engine. While
   * all slots are taken it waits for no turn: then a piece of the work that goes on is as good (a token, a part of a
   * prompt), or, where a server shows nothing of that, that the server answers.
   *
   * @param timeoutMs Milliseconds after which it is given up.
   * @throws {EngineError} `ENGINE_FAILED` past the timeout or when the model broke, `MODEL_UNAVAILABLE` when it is gone.
   */
  canary(timeoutMs: number): Promise<void>

  /** Stops what runs (those iterations throw `ENGINE_FAILED`) and frees the model. May be called twice. */
  close(): Promise<void>
}

/** What the model statement says of the engine. A digest is 32 bytes of SHA-256; absent means "not known", never "none". */
export interface EngineDescription {
  /** Which adapter it is: `llama`, `openai`, `scripted`. */
  readonly engine: string
  /** Version of the library or server that runs the model; empty if it does not tell. */
  readonly engineVersion: string
  /** The build that computes, e.g. `node-llama-cpp 3.22.1, llama.cpp b1234, cpu`. */
  readonly runtime: string
  /** Of the native code that computes; the adapter says over what. */
  readonly runtimeDigest?: Uint8Array
  readonly model: string
  /** Of the whole model file as it was loaded, if it is a local file. */
  readonly fileDigest?: Uint8Array
  /** Of the bytes of `tokenizer.chat_template`. */
  readonly chatTemplateDigest?: Uint8Array
  /** As `models/model-facts.ts` defines it. */
  readonly tokenizerDigest?: Uint8Array
  /** As llama.cpp names it, e.g. `Q4_1`. */
  readonly quantisation?: string
  readonly architecture?: string
  readonly licence?: string
  /** What the scan of the file found, as the model statement says it: `weave-gguf-scan/1 suspicious G25 G27`. */
  readonly scan?: string
  /** Tokens of prompt and completion together, for one request; 0 if the engine does not tell. */
  readonly contextTokens: number
  /** CPU threads that evaluate; 0 if the engine does not tell. */
  readonly threads: number
  /** Requests that run at the same time; the rest waits. */
  readonly slots: number
  readonly supported: ReadonlySet<SamplingParameter>
}

export interface EngineLoad {
  /** Requests that hold a slot. */
  readonly running: number
  /** Requests that wait for one. */
  readonly queued: number
}

/** One request. Attacker-controlled, but for `label`. */
export interface Generation {
  readonly messages: readonly Message[]
  readonly sampling: Sampling
  /** Names the run in logs and journals; the model never sees it. */
  readonly label?: string
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** Absent means the engine's own default. */
export interface Sampling {
  /** 0 to 2; 0 always takes the likeliest token. */
  readonly temperature?: number
  /** Above 0, at most 1. */
  readonly topP?: number
  /** Tokens to generate at most, 1 or more. */
  readonly maxTokens?: number
  /** The text ends before the first of these; 1 to {@link MAX_STOP_STRINGS} strings, none of them empty. */
  readonly stop?: readonly string[]
  /** An unsigned 32-bit integer. */
  readonly seed?: number
}

export type SamplingParameter = keyof Sampling

export type EngineEvent =
  /** At least one character. Joined, the pieces are the answer; no piece splits a character (a surrogate pair). */
  | { readonly type: 'text'; readonly text: string }
  /** The last event. `stop` also stands for a stop string. */
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly usage: Usage }

export type FinishReason = 'stop' | 'length' | 'tool_calls'

export interface Usage {
  /** Tokens of the prompt as the chat template rendered it. */
  readonly promptTokens: number
  /** Tokens that were sampled, also the one that ended the turn. */
  readonly completionTokens: number
}

/** The codes of `@mystranet/schemas` that an engine may raise. */
export type EngineCode = Extract<
  Code,
  'PARAMETER_UNSUPPORTED' | 'CONTEXT_OVERFLOW' | 'CONTENT_INVALID' | 'MODEL_UNAVAILABLE' | 'ENGINE_FAILED' | 'CANCELLED'
>

/** The one error class of engines. `cause` is kept and never sent. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: EngineCode

  constructor(code: EngineCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const MAX_STOP_STRINGS = 16
export const MAX_STOP_CHARS = 256

const wanted: { readonly [P in SamplingParameter]: readonly [(value: unknown) => boolean, string] } = {
  temperature: [(value) => isNumber(value) && value >= 0 && value <= 2, '0 to 2'],
  topP: [(value) => isNumber(value) && value > 0 && value <= 1, 'above 0, at most 1'],
  maxTokens: [(value) => Number.isSafeInteger(value) && (value as number) >= 1, 'a whole number from 1'],
  stop: [isStopList, `at most ${MAX_STOP_STRINGS} strings of 1 to ${MAX_STOP_CHARS} characters`],
  seed: [
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32,
    'an unsigned 32-bit integer',
  ],
}

/**
 * Refuses what the engine would otherwise have to ignore or guess. Every adapter calls it first.
 *
 * @throws {EngineError} `PARAMETER_UNSUPPORTED` for a parameter outside `supported` or outside its range.
 */
export function checkSampling(sampling: Sampling, supported: ReadonlySet<SamplingParameter>): void {
  for (const [name, value] of Object.entries(sampling)) {
    if (value === undefined) continue
    if (!supported.has(name as SamplingParameter)) {
      const list = [...supported].join(', ') || 'none'
      throw new EngineError(
        'PARAMETER_UNSUPPORTED',
        `Cannot sample with ${name}: not supported here, wanted one of ${list}`,
      )
    }
    const [fits, range] = wanted[name as SamplingParameter]
    if (!fits(value)) {
      throw new EngineError('PARAMETER_UNSUPPORTED', `Cannot sample with ${name}: ${show(value)}, wanted ${range}`)
    }
  }
}

/** @throws {EngineError} `CONTEXT_OVERFLOW`, with the numbers, if prompt and completion do not fit together. */
export function checkContext(promptTokens: number, maxTokens: number, contextTokens: number): void {
  if (promptTokens + maxTokens <= contextTokens) return
  throw new EngineError(
    'CONTEXT_OVERFLOW',
    `Cannot run the request: ${promptTokens} prompt tokens and ${maxTokens} to generate make ` +
      `${promptTokens + maxTokens}, wanted at most ${contextTokens}`,
  )
}

/** All five, for engines that can do everything. */
export const ALL_PARAMETERS: ReadonlySet<SamplingParameter> = new Set(Object.keys(wanted) as SamplingParameter[])

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isStopList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_STOP_STRINGS) return false
  return value.every((text) => typeof text === 'string' && text.length >= 1 && text.length <= MAX_STOP_CHARS)
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80)
}
