import { EngineError, type EngineEvent, type Generation } from './engine.ts'

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
export async function runCanary(
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
