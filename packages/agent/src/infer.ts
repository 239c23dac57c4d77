/**
 * Stage 3, infer: what was asked, in the engine's words. What the engine cannot honour is refused, never ignored.
 *
 * @module
 */
import type { Code } from '@mystranet/schemas/codes'
import type { ChatMessage, ChatRequest, Sampling as WireSampling } from '@mystranet/schemas/messages'
import { PacketError } from '@mystranet/sdk/errors'
import {
  checkSampling,
  type Engine,
  EngineError,
  type EngineEvent,
  type Generation,
  type Message,
  type Sampling,
} from './engine.ts'

const ROLES: ReadonlySet<string> = new Set<Message['role']>(['system', 'user', 'assistant', 'tool'])
const MICRO = 1_000_000

/**
 * The generation that a chat request asks for.
 *
 * @param chat Attacker-controlled.
 * @throws {PacketError} `PARAMETER_UNSUPPORTED` for tools, a response schema, tool calls, and sampling that the engine does not do
 *   or that is out of range; `CONTENT_INVALID` for an unknown role.
 */
export function generationOf(chat: ChatRequest, engine: Engine, label: string): Generation {
  if (chat.tools.length > 0) throw refuse('PARAMETER_UNSUPPORTED', 'tools are not supported here')
  if (chat.responseSchema !== undefined) throw refuse('PARAMETER_UNSUPPORTED', 'response_schema is not supported here')
  const sampling = samplingOf(chat.sampling)
  try {
    checkSampling(sampling, engine.description.supported)
  } catch (error) {
    if (error instanceof EngineError) throw new PacketError(error.code, error.message, { cause: error })
    throw error
  }
  return { messages: chat.messages.map(messageOf), sampling, label }
}

function messageOf({ role, content = '', toolCalls, toolCallId }: ChatMessage): Message {
  if (!ROLES.has(role)) throw refuse('CONTENT_INVALID', `a message of role ${JSON.stringify(role)}`)
  if (toolCalls.length > 0 || toolCallId !== undefined) {
    throw refuse('PARAMETER_UNSUPPORTED', 'tool calls are not supported here')
  }
  return { role: role as Message['role'], content }
}

function samplingOf(wire: WireSampling | undefined): Sampling {
  if (wire === undefined) return {}
  const { temperatureMicro, topPMicro, maxTokens, stop, seed } = wire
  return {
    ...(temperatureMicro !== undefined && { temperature: temperatureMicro / MICRO }),
    ...(topPMicro !== undefined && { topP: topPMicro / MICRO }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stop.length > 0 && { stop }),
    // Above 2^53 it loses digits, and is refused for its size.
    ...(seed !== undefined && { seed: Number(seed) }),
  }
}

/** A generation that has begun. */
export interface Running {
  /** Events in order; can be read once. */
  readonly events: AsyncIterable<EngineEvent>
  /** Stops the engine, if nobody reads the events to their end. */
  stop(): Promise<void>
}

/**
 * Begins a generation at once, so that the prompt is read while OPEN is committed.
 *
 * @throws {PacketError} what the engine refuses at once: `CONTEXT_OVERFLOW`, `MODEL_UNAVAILABLE` and the like. Nothing ran.
 */
export async function infer(engine: Engine, generation: Generation, signal: AbortSignal): Promise<Running> {
  const iterator = engine.generate(generation, signal)[Symbol.asyncIterator]()
  const first = iterator.next()
  // Engines refuse within the turn of the event loop in which they are asked; a model needs longer for a token.
  const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
  try {
    await Promise.race([first, turn])
  } catch (error) {
    if (error instanceof EngineError) throw new PacketError(error.code, error.message, { cause: error })
    throw error
  }
  // Who reads the events hears of it later; until then it is nobody's unhandled rejection.
  first.catch(() => {})
  return {
    events: replay(first, iterator),
    stop: async () => {
      await iterator.return?.(undefined)
    },
  }
}

async function* replay<T>(first: Promise<IteratorResult<T>>, rest: AsyncIterator<T>): AsyncGenerator<T, void, void> {
  try {
    for (let next = await first; next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.(undefined)
  }
}

const refuse = (code: Code, why: string) => new PacketError(code, `Cannot run the request: ${why}`)
