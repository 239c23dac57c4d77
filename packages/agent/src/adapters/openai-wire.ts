/**
 * What an OpenAI-compatible server says, read with suspicion: it is another program, maybe on another machine.
 *
 * @module
 */
import { EngineError, type FinishReason, type Usage } from '../engine.ts'

/** Characters of one line of a stream, and bytes of a document that is no stream. */
export const MAX_SAID = 4 * 1024 * 1024

export interface ChatChunk {
  readonly text: string
  readonly finish?: FinishReason
  readonly usage?: Usage
}

/**
 * The chunks of a streamed chat completion (server-sent events with one JSON document each), up to `[DONE]` or the end.
 *
 * @throws {EngineError} `ENGINE_FAILED` for a line that is too long, no JSON, or an error of the server.
 */
export async function* readChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<ChatChunk, void, void> {
  for await (const line of readLines(body)) {
    if (!line.startsWith('data:')) continue
    const data = line.slice(5).trim()
    if (data === '[DONE]') return
    if (data !== '') yield parseChunk(data)
  }
}

async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held = ''
  let isReturnHeld = false
  try {
    for await (const bytes of body) {
      const text = decoder.decode(bytes, { stream: true })
      held += text
      // Looked through only when a line may end in it: a long line in small pieces must not cost the square of its length.
      const mayEnd: boolean = isReturnHeld || /[\r\n]/.test(text)
      const lines = mayEnd ? held.split(/\r\n|\n|\r(?!$)/) : [held]
      held = lines.pop() ?? ''
      isReturnHeld = mayEnd && held.endsWith('\r')
      if (held.length > MAX_SAID) throw broken(`a line is longer than ${MAX_SAID} characters`)
      yield* lines
    }
    held += decoder.decode()
  } catch (error) {
    if (error instanceof TypeError && /encoded|utf/i.test(error.message)) throw broken('it is not UTF-8', error)
    throw error
  }
  if (held !== '') yield held
}

function parseChunk(data: string): ChatChunk {
  const chunk = asObject(parseJson(data))
  if (chunk['error'] !== undefined) throw broken(`the server says: ${errorText(chunk)}`)
  const choice = asObject(asArray(chunk['choices'])[0])
  const content = asObject(choice['delta'])['content']
  const finish = finishOf(choice['finish_reason'])
  const usage = usageOf(chunk['usage'])
  return {
    text: typeof content === 'string' ? content : '',
    ...(finish !== undefined && { finish }),
    ...(usage !== undefined && { usage }),
  }
}

function finishOf(reason: unknown): FinishReason | undefined {
  if (reason === null || reason === undefined) return undefined
  if (reason === 'stop' || reason === 'length' || reason === 'tool_calls') return reason
  if (reason === 'function_call') return 'tool_calls'
  // `content_filter` and whatever comes after it: the text was cut for a reason that we cannot name as an end.
  throw broken(`the server ended it with ${JSON.stringify(reason)}, wanted stop, length or tool_calls`)
}

function usageOf(usage: unknown): Usage | undefined {
  const { prompt_tokens: promptTokens, completion_tokens: completionTokens } = asObject(usage)
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  return isCount(promptTokens) && isCount(completionTokens) ? { promptTokens, completionTokens } : undefined
}

/** What an error answer means for the packet. The server's own words are quoted, shortened. */
export function errorOf(status: number, body: string): EngineError {
  const said = errorText(asObject(parseJson(body, {}))) || body.slice(0, 200) || `status ${status}`
  const { code, type } = asObject(asObject(parseJson(body, {}))['error'])
  const kind = `${String(code)} ${String(type)} ${said}`
  const row = ERRORS.find(([statuses, pattern]) => statuses.includes(status) && pattern.test(kind))
  return new EngineError(row?.[2] ?? 'ENGINE_FAILED', `Cannot run the request: the server says ${status}: ${said}`)
}

/** First match wins; anything else is `ENGINE_FAILED`. */
const ERRORS: readonly (readonly [readonly number[], RegExp, EngineError['code']])[] = [
  [
    [400, 413, 422, 500],
    /context_length|exceed_context|context (length|size|window)|too many tokens/i,
    'CONTEXT_OVERFLOW',
  ],
  [[400, 422], /unsupported|unknown (parameter|field)|not supported|unrecognized/i, 'PARAMETER_UNSUPPORTED'],
  [[400, 413, 422], /./, 'CONTENT_INVALID'],
  [[401, 403, 404, 429, 502, 503], /./, 'MODEL_UNAVAILABLE'],
]

function errorText(document: Readonly<Record<string, unknown>>): string {
  const { error } = document
  const text = typeof error === 'string' ? error : asObject(error)['message']
  return typeof text === 'string' ? text.slice(0, 300) : ''
}

/** Names of the models that `GET /v1/models` lists. */
export function modelNames(body: string): readonly string[] {
  const names = asArray(asObject(parseJson(body))['data']).map((each) => asObject(each)['id'])
  return names.filter((name) => typeof name === 'string')
}

export function parseJson(text: string, otherwise?: unknown): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (otherwise !== undefined) return otherwise
    throw broken('it is not JSON', error)
  }
}

export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function broken(state: string, cause?: unknown): EngineError {
  const options = cause === undefined ? undefined : { cause }
  return new EngineError('ENGINE_FAILED', `Cannot read what the model server sent: ${state}`, options)
}
