import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ALL_PARAMETERS,
  checkContext,
  checkSampling,
  type Engine,
  type EngineDescription,
  EngineError,
  type EngineEvent,
  type FinishReason,
  type Generation,
} from '../engine.ts'
import { canaryOf, createWork } from '../engine-canary.ts'
import { cancelled, slotsOf } from '../engine-slots.ts'
import { textGate } from '../engine-text.ts'

/** What the model "samples": one piece is one token. */
export interface ScriptedRun {
  readonly pieces: readonly ScriptedPiece[]
  /** Default `stop`. */
  readonly finish?: FinishReason
}

/**
 * - A string comes at once; `delayMs` waits first.
 * - `fail` throws `ENGINE_FAILED` in place of the piece.
 * - `hang` says nothing more, until it is aborted.
 * - `exit` ends the process at once with code 70, as a crash of the engine would.
 */
export type ScriptedPiece =
  | string
  | { readonly text: string; readonly delayMs: number }
  | { readonly fault: 'fail' | 'hang' | 'exit'; readonly delayMs?: number }

/** A table by the content of the last message (`*` for any other), or a function of the request. */
export type Script = Readonly<Record<string, ScriptedRun>> | ((request: Generation) => ScriptedRun)

export interface ScriptedEngineOptions {
  readonly script: Script
  /** Default 1. */
  readonly slots?: number
  /** Default 4,096. */
  readonly contextTokens?: number
  /**
   * A file that gets the line `⟨label⟩ start` before the first piece and `⟨label⟩ finish`, `… failed` or `… cancelled` at
   * the end of each run: one write with O_APPEND each, so that several processes may share it and a test can count runs.
   * A canary plays the script too (its message is `canary`), and leaves no line.
   */
  readonly journal?: string
  /** Overrides of what it says of itself. */
  readonly description?: Partial<EngineDescription>
}

/**
 * An {@link Engine} that plays a script: the same request gives the same events. For tests and for trying the fabric
 * without a model. A token is a piece of the script, or a word of a message.
 */
export function scriptedEngine(options: ScriptedEngineOptions): Engine {
  const slots = slotsOf(Array.from({ length: options.slots ?? 1 }, (_, index) => index))
  const work = createWork()
  const closing = new AbortController()
  const description: EngineDescription = {
    engine: 'scripted',
    engineVersion: '1',
    runtime: 'scripted 1',
    model: 'scripted',
    contextTokens: options.contextTokens ?? 4_096,
    threads: 1,
    slots: options.slots ?? 1,
    supported: ALL_PARAMETERS,
    ...options.description,
  }

  async function* generate(
    request: Generation,
    signal: AbortSignal,
    journal: string | undefined,
  ): AsyncGenerator<EngineEvent, void, void> {
    const note = async (what: string) => {
      if (journal !== undefined) await appendLine(journal, `${request.label ?? '-'} ${what}`)
    }
    checkSampling(request.sampling, description.supported)
    const promptTokens = countWords(request)
    checkContext(promptTokens, request.sampling.maxTokens ?? 1, description.contextTokens)
    const limit = Math.min(
      request.sampling.maxTokens ?? Number.POSITIVE_INFINITY,
      description.contextTokens - promptTokens,
    )
    const slot = await slots.acquire(signal)
    let outcome = 'cancelled'
    const stop = AbortSignal.any([signal, closing.signal])
    try {
      await note('start')
      for await (const event of play(runOf(options.script, request), request, promptTokens, limit, stop)) {
        // Its reader asks for nothing after this one, so what stands behind the loop would never be reached.
        if (event.type === 'finish') outcome = 'finish'
        work.done()
        yield event
      }
    } catch (error) {
      if (signal.aborted) throw cancelled(signal)
      outcome = 'failed'
      if (error instanceof EngineError) throw error
      const state = closing.signal.aborted ? 'the engine was closed' : 'the script broke'
      throw new EngineError('ENGINE_FAILED', `Cannot finish the generation: ${state}`, { cause: error })
    } finally {
      slots.release(slot)
      await note(outcome)
    }
  }

  return {
    description,
    load: slots.load,
    generate: (request, signal) => generate(request, signal, options.journal),
    canary: canaryOf({
      slots: description.slots,
      load: slots.load,
      generate: (request, signal) => generate(request, signal, undefined),
      busy: work.next,
    }),
    close: async () => {
      slots.close()
      closing.abort()
    },
  }
}

async function* play(
  run: ScriptedRun,
  request: Generation,
  promptTokens: number,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, void> {
  const gate = textGate(request.sampling.stop)
  let completionTokens = 0
  let reason = run.finish ?? 'stop'
  for (const piece of run.pieces) {
    if (completionTokens >= limit) {
      reason = 'length'
      break
    }
    const text = gate.push(await take(piece, signal))
    completionTokens++
    if (text !== '') yield { type: 'text', text }
    if (gate.stopped) {
      reason = 'stop'
      break
    }
  }
  signal.throwIfAborted()
  const rest = gate.flush()
  if (rest !== '') yield { type: 'text', text: rest }
  yield { type: 'finish', reason, usage: { promptTokens, completionTokens } }
}

async function take(piece: ScriptedPiece, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  if (typeof piece === 'string') return piece
  if (piece.delayMs !== undefined && piece.delayMs > 0) await sleep(piece.delayMs, undefined, { signal })
  if (!('fault' in piece)) return piece.text
  if (piece.fault === 'exit') process.exit(70)
  if (piece.fault === 'hang') await sleep(2 ** 31 - 1, undefined, { signal })
  throw new EngineError('ENGINE_FAILED', 'Cannot finish the generation: the script fails here')
}

function runOf(script: Script, request: Generation): ScriptedRun {
  if (typeof script === 'function') return script(request)
  const run = script[request.messages.at(-1)?.content ?? ''] ?? script['*']
  if (run === undefined) {
    throw new EngineError('ENGINE_FAILED', 'Cannot run the request: no row in the script, wanted its last message or *')
  }
  return run
}

function countWords(request: Generation): number {
  return request.messages.reduce((sum, { content }) => sum + content.split(/\s+/).filter(Boolean).length, 0)
}

/** One `write` with O_APPEND: lines of several processes never mix. */
async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    await file.write(`${line}\n`)
  } finally {
    await file.close()
  }
}
