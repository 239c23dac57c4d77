/**
 * What `weave eval` and the engine that it starts say to each other: one JSON object a line.
 *
 * What the engine says is the word of a process that a hostile model may have taken over.
 *
 * @module
 */
import type { PromptRequest } from '@mystranet/detector/prompt/target'

/** Down, on its standard input. */
export type EngineOrder = { readonly type: 'generate'; readonly request: PromptRequest }

export interface EngineFacts {
  readonly engine: string
  readonly runtime: string
  readonly model: string
  readonly threads: number
  /** Lower-case hex of 32 bytes; absent means "not known". */
  readonly fileDigest?: string
  readonly chatTemplateDigest?: string
  readonly runtimeDigest?: string
}

/** Up, on its descriptor 3. */
export type EngineWord =
  | { readonly type: 'ready'; readonly facts: EngineFacts }
  | { readonly type: 'text'; readonly text: string }
  /** `cpuSeconds` of the engine's whole life: what an answer costs on a machine with others on it. */
  | { readonly type: 'finish'; readonly reason: 'stop' | 'length' | 'tool_calls'; readonly cpuSeconds: number }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

const MAX_TEXT = 4_096
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_TEXT
const isDigest = (value: unknown) => value === undefined || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value))

type Fields = Readonly<Record<string, unknown>>

const SHAPES: { readonly [T in EngineWord['type']]: (word: Fields) => boolean } = {
  ready: ({ facts }) => isFacts(facts),
  text: ({ text }) => isText(text),
  finish: ({ reason, cpuSeconds }) =>
    (reason === 'stop' || reason === 'length' || reason === 'tool_calls') && Number.isFinite(cpuSeconds),
  error: ({ code, message }) => isText(code) && isText(message),
}

/** One line, or undefined when it is nothing that an engine says. Never throws. */
export function parseWord(line: string): EngineWord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const word = value as Fields
  const type = word['type']
  if (typeof type !== 'string' || !Object.hasOwn(SHAPES, type)) return undefined
  return SHAPES[type as EngineWord['type']](word) ? (word as EngineWord) : undefined
}

function isFacts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { engine, runtime, model, threads, fileDigest, chatTemplateDigest, runtimeDigest } = value as Fields
  const texts = [engine, runtime, model].every(isText)
  return texts && Number.isInteger(threads) && [fileDigest, chatTemplateDigest, runtimeDigest].every(isDigest)
}
