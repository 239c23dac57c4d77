import { createHash } from 'node:crypto'
import { Agent, type Dispatcher, errors, request as httpRequest } from 'undici'
import {
  ALL_PARAMETERS,
  checkSampling,
  type Engine,
  type EngineDescription,
  EngineError,
  type EngineEvent,
  type FinishReason,
  type Generation,
  type SamplingParameter,
  type Usage,
} from '../engine.ts'
import { canaryOf } from '../engine-canary.ts'
import { cancelled, slotsOf } from '../engine-slots.ts'
import { textGate } from '../engine-text.ts'
import { asObject, errorOf, MAX_SAID, modelNames, parseJson, readChunks } from './openai-wire.ts'

export interface OpenaiEngineOptions {
  /** Up to and with `/v1`, e.g. `http://127.0.0.1:11434/v1`. */
  readonly url: string
  /** As the server's `/v1/models` names it. Default: the only one there. */
  readonly model?: string | undefined
  /** Sent as a bearer token; never part of an error or a description. */
  readonly apiKey?: string | undefined
  /** Requests at once; more wait here. Default: what the server says, else 4. */
  readonly slots?: number | undefined
  /** For the description; the server itself checks what fits. */
  readonly contextTokens?: number | undefined
  /** Fewer than all five for a server that would ignore some. */
  readonly supported?: ReadonlySet<SamplingParameter> | undefined
  /** Until the first byte of the answer, reading the prompt included. Default 300,000. */
  readonly headersTimeoutMs?: number | undefined
  /** Between two pieces of a stream. Default 120,000. */
  readonly idleTimeoutMs?: number | undefined
}

const CONNECT_TIMEOUT_MS = 5_000
const ABOUT_TIMEOUT_MS = 10_000
const DEFAULT_SLOTS = 4

/**
 * An {@link Engine} on any server that speaks the OpenAI chat API: llama-server, Ollama, vLLM.
 *
 * It says only what the server told it, so there is no file digest, and whether the named model ran is the server's word.
 * A server that cuts a long prompt short by itself (Ollama does, at its `num_ctx`) cannot be caught at it here.
 * A stream that ends without a finish reason is an error, whatever text came before.
 *
 * @throws {EngineError} `MODEL_UNAVAILABLE` if the server cannot be reached or does not have the model.
 */
export async function openaiEngine(options: OpenaiEngineOptions): Promise<Engine> {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: options.headersTimeoutMs ?? 300_000,
    bodyTimeout: options.idleTimeoutMs ?? 120_000,
    // A connection per request: one that is kept may be dead by the time it is used again, and then nobody can say whether
    // the request ran. Beside an inference it costs nothing.
    pipelining: 0,
  })
  const server: Server = { base: options.url.replace(/\/+$/, ''), apiKey: options.apiKey, dispatcher }
  let description: EngineDescription
  try {
    description = await describe(server, options)
  } catch (error) {
    await dispatcher.destroy()
    throw unavailable(error)
  }
  const slots = slotsOf(Array.from({ length: description.slots }, (_, index) => index))
  const closing = new AbortController()

  async function* generate(request: Generation, signal: AbortSignal): AsyncGenerator<EngineEvent, void, void> {
    checkSampling(request.sampling, description.supported)
    const slot = await slots.acquire(signal)
    // Also aborted when the reader leaves: the connection is closed, and the server stops.
    const leaving = new AbortController()
    const stop = AbortSignal.any([signal, closing.signal, leaving.signal])
    try {
      yield* complete(server, description.model, request, stop)
    } catch (error) {
      if (signal.aborted) throw cancelled(signal)
      if (error instanceof EngineError) throw error
      const state = closing.signal.aborted ? 'the engine was closed' : reasonOf(error)
      const code = neverReached(error) ? 'MODEL_UNAVAILABLE' : 'ENGINE_FAILED'
      throw new EngineError(code, `Cannot finish the generation: ${state}`, { cause: error })
    } finally {
      leaving.abort()
      slots.release(slot)
    }
  }

  return {
    description,
    load: slots.load,
    generate,
    canary: canaryOf({
      slots: description.slots,
      load: slots.load,
      generate,
      busy: (timeoutMs) => answers(server, timeoutMs),
    }),
    close: async () => {
      slots.close()
      closing.abort()
      await dispatcher.destroy()
    },
  }
}

interface Server {
  readonly base: string
  readonly apiKey: string | undefined
  readonly dispatcher: Dispatcher
}

async function* complete(
  server: Server,
  model: string,
  { messages, sampling }: Generation,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, void> {
  const answer = await httpRequest(`${server.base}/chat/completions`, {
    method: 'POST',
    headers: headersOf(server),
    body: JSON.stringify({
      model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      stream: true,
      stream_options: { include_usage: true },
      temperature: sampling.temperature,
      top_p: sampling.topP,
      max_tokens: sampling.maxTokens,
      stop: sampling.stop?.length === 0 ? undefined : sampling.stop,
      seed: sampling.seed,
    }),
    dispatcher: server.dispatcher,
    signal,
  })
  if (answer.statusCode !== 200) throw errorOf(answer.statusCode, await readText(answer.body))
  // The server stops at them too; but some forget to, and a stop string must never be shown.
  const gate = textGate(sampling.stop)
  let pieces = 0
  let finish: FinishReason | undefined
  let usage: Usage | undefined
  for await (const chunk of readChunks(answer.body as AsyncIterable<Uint8Array>)) {
    if (chunk.text !== '' && finish === undefined) pieces++
    const shown = gate.push(chunk.text)
    if (shown !== '') yield { type: 'text', text: shown }
    finish ??= gate.stopped ? 'stop' : chunk.finish
    usage = chunk.usage ?? usage
    if (gate.stopped) break
  }
  signal.throwIfAborted()
  if (finish === undefined) {
    throw new EngineError('ENGINE_FAILED', 'Cannot finish the generation: the stream ended without a finish reason')
  }
  const rest = gate.flush()
  if (rest !== '') yield { type: 'text', text: rest }
  // A server that gives no usage sends about one piece per token; of its prompt we know nothing.
  yield { type: 'finish', reason: finish, usage: usage ?? { promptTokens: 0, completionTokens: pieces } }
}

async function describe(server: Server, options: OpenaiEngineOptions): Promise<EngineDescription> {
  const listed = await get(server, `${server.base}/models`)
  if (listed.status !== 200) throw errorOf(listed.status, listed.body)
  const names = modelNames(listed.body)
  const model = options.model ?? (names.length === 1 ? names[0] : undefined)
  // Ollama lists `name:latest` and answers to `name`.
  const found = names.find((name) => name === model || name === `${model}:latest`)
  if (model === undefined || found === undefined) {
    throw new Error(
      `it has no model ${model ?? 'of its own choice'}, wanted one of ${names.slice(0, 20).join(', ') || 'none'}`,
    )
  }
  const about = await askAbout(server)
  return {
    engine: 'openai',
    engineVersion: about.version,
    runtime: `OpenAI API${about.version === '' ? '' : `, ${about.product} ${about.version}`} (by its own word)`,
    model: found,
    ...(about.chatTemplate !== undefined && {
      chatTemplateDigest: new Uint8Array(createHash('sha256').update(about.chatTemplate).digest()),
    }),
    contextTokens: options.contextTokens ?? about.contextTokens,
    threads: 0,
    slots: options.slots ?? about.slots ?? DEFAULT_SLOTS,
    supported: options.supported ?? ALL_PARAMETERS,
  }
}

interface About {
  readonly product: string
  readonly version: string
  readonly contextTokens: number
  readonly slots?: number
  readonly chatTemplate?: string
}

/** llama-server tells of itself in `/props`, Ollama in `/api/version`. Others need not. */
async function askAbout(server: Server): Promise<About> {
  const origin = new URL(server.base).origin
  const ask = async (path: string) => {
    const { status, body } = await get(server, `${origin}${path}`).catch(() => ({ status: 0, body: '' }))
    return status === 200 ? asObject(parseJson(body, {})) : {}
  }
  const count = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined
  const props = await ask('/props')
  if (typeof props['build_info'] === 'string') {
    const slots = count(props['total_slots'])
    const template = props['chat_template']
    return {
      product: 'llama.cpp',
      version: props['build_info'].slice(0, 100),
      contextTokens: count(asObject(props['default_generation_settings'])['n_ctx']) ?? 0,
      ...(slots !== undefined && { slots }),
      ...(typeof template === 'string' && { chatTemplate: template }),
    }
  }
  const { version } = await ask('/api/version')
  return { product: 'Ollama', version: typeof version === 'string' ? version.slice(0, 100) : '', contextTokens: 0 }
}

/** A server that reads a long prompt sends nothing of it; one that was stopped answers nobody. */
async function answers(server: Server, timeoutMs: number): Promise<void> {
  const { status } = await get(server, `${server.base}/models`, timeoutMs).catch((cause: unknown) => {
    throw new EngineError('ENGINE_FAILED', `Cannot see the model server work: ${reasonOf(cause)}`, { cause })
  })
  if (status !== 200) throw new EngineError('ENGINE_FAILED', `Cannot see the model server work: it answers ${status}`)
}

async function get(
  server: Server,
  url: string,
  timeoutMs = ABOUT_TIMEOUT_MS,
): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(timeoutMs)
  const answer = await httpRequest(url, { headers: headersOf(server), dispatcher: server.dispatcher, signal })
  return { status: answer.statusCode, body: await readText(answer.body) }
}

function headersOf({ apiKey }: Server): Record<string, string> {
  const key = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  return { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...key }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true })
    if (text.length > MAX_SAID)
      throw new EngineError('ENGINE_FAILED', `Cannot read the server's answer: over ${MAX_SAID} characters`)
  }
  return text + decoder.decode()
}

/** The request did not leave this machine, so nothing ran. */
function neverReached(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return error instanceof errors.ConnectTimeoutError || NOT_REACHED.has(String(code))
}

const NOT_REACHED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
])

function unavailable(error: unknown): EngineError {
  return new EngineError('MODEL_UNAVAILABLE', `Cannot use the model server: ${reasonOf(error)}`, { cause: error })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String((error as { code?: unknown }).code ?? error.name)
}
