import { EngineError, type EngineEvent, type EngineLoad, type Generation } from './engine.ts'

const CANARY: Generation = {
  messages: [{ role: 'user', content: 'canary' }],
  sampling: { maxTokens: 1 },
  label: 'canary',
}

/**
 * One token through the same door as every request, so that it fails when they would.
 *
 * @throws {EngineError} `ENGINE_FAILED` past `timeoutMs`, or if the generation ended without a token.
 */
async function runCanary(
  generate: (request: Generation, signal: AbortSignal) => AsyncIterable<EngineEvent>,
  timeoutMs: number,
): Promise<void> {
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    for await (const event of generate(CANARY, deadline)) {
      if (event.type === 'finish' && event.usage.completionTokens >= 1) return
    }
  } catch (error) {
    if (!deadline.aborted) throw error
    throw new EngineError('ENGINE_FAILED', `Cannot generate a canary token: none came, wanted one in ${timeoutMs} ms`, {
      cause: error,
    })
  }
  throw new EngineError('ENGINE_FAILED', 'Cannot generate a canary token: the engine finished without one')
}

/** Pieces of work that the engine ends: a token, a part of a prompt. */
export interface Work {
  /** One more has ended. */
  done(): void
  /** Resolves when the next one ends. @throws {EngineError} `ENGINE_FAILED` past `timeoutMs`. */
  next(timeoutMs: number): Promise<void>
}

export function createWork(): Work {
  let ended = Promise.withResolvers<void>()
  return {
    done() {
      ended.resolve()
      ended = Promise.withResolvers<void>()
    },
    async next(timeoutMs) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<never>((_, reject) => {
        const why = `Cannot see the engine work: nothing came, wanted something in ${timeoutMs} ms`
        timer = setTimeout(() => reject(new EngineError('ENGINE_FAILED', why)), timeoutMs)
      })
      await Promise.race([ended.promise, late]).finally(() => clearTimeout(timer))
    },
  }
}

export interface CanaryOptions {
  readonly slots: number
  load(): EngineLoad
  generate(request: Generation, signal: AbortSignal): AsyncIterable<EngineEvent>
  /** Proof that an engine lives whose slots are all taken. */
  busy(timeoutMs: number): Promise<void>
}

/**
 * `Engine.canary`: a token of its own where a slot is free. Where none is, waiting for one would call an engine dead that is
 * only slow; then what it does for others is the proof.
 */
export const canaryOf =
  ({ slots, load, generate, busy }: CanaryOptions) =>
  (timeoutMs: number): Promise<void> =>
    load().running < slots ? runCanary(generate, timeoutMs) : busy(timeoutMs)
