import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { collect, describeEngine, failureOf } from '../engine.contract.ts'
import type { Engine, EngineEvent, Generation } from '../engine.ts'
import { openaiEngine } from './openai-engine.ts'
import { readChunks } from './openai-wire.ts'

interface Asked {
  readonly model: string
  readonly messages: { content: string }[]
  readonly max_tokens?: number
  readonly stop?: string[]
}

interface ChatServer {
  readonly url: string
  /** Connections that the client closed before the answer was whole. */
  readonly hungUp: () => number
  readonly asked: Record<string, unknown>[]
  close(): Promise<void>
}

type Behaviour = (response: ServerResponse, asked: Asked) => Promise<void> | void

const CONTEXT_WORDS = 512
const event = (response: ServerResponse, document: unknown) => response.write(`data: ${JSON.stringify(document)}\n\n`)
const piece = (content: string, finish_reason: string | null = null) => ({
  choices: [{ delta: { content }, finish_reason }],
})

/** Behaves as llama-server does: one piece per token, usage at the end, 400 when the prompt is too long. */
const wellBehaved: Behaviour = async (response, { messages, max_tokens = 1_000, stop = [] }) => {
  const content = messages.at(-1)?.content ?? ''
  const words = content.split(' ').length
  if (words > CONTEXT_WORDS) {
    const error = { code: 400, type: 'exceed_context_size_error', message: `request (${words} tokens) exceeds 512` }
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    return
  }
  const colours = ['Red', ', gr', 'een', ', bl', 'ue', ' and', ' a ', '🌈', ' rainbow', '.']
  const tokens = content === 'colours' ? colours : Array.from({ length: 200 }, (_, index) => `${index} `)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let said = ''
  let sampled = 0
  let reason = 'stop'
  for (const token of tokens) {
    if (sampled === max_tokens) reason = 'length'
    if (sampled === max_tokens || response.destroyed) break
    if (content !== 'colours') await sleep(10)
    said += token
    sampled++
    event(response, piece(token))
    if (stop.some((each) => said.includes(each))) break
  }
  event(response, piece('', reason))
  event(response, { choices: [], usage: { prompt_tokens: words, completion_tokens: sampled } })
  response.end('data: [DONE]\n\n')
}

const open: ChatServer[] = []
const engines: Engine[] = []
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()))
  await Promise.all(open.splice(0).map((server) => server.close()))
})

async function chatServer(behaviour: Behaviour, about: Record<string, unknown> = {}): Promise<ChatServer> {
  let hungUp = 0
  const asked: Record<string, unknown>[] = []
  const documents: Record<string, unknown> = about
  documents['/v1/models'] ??= { data: [{ id: 'small:latest' }] }
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    response.on('close', () => {
      if (!response.writableFinished) hungUp++
    })
    const known = documents[request.url ?? '']
    if (request.url !== '/v1/chat/completions') {
      if (known === undefined) response.writeHead(404).end()
      else response.end(JSON.stringify(known))
      return
    }
    let body = ''
    for await (const bytes of request) body += bytes
    asked.push({ ...JSON.parse(body), authorization: request.headers.authorization })
    await behaviour(response, JSON.parse(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url, asked, hungUp: () => hungUp, close }
}

const engineOn = async (
  behaviour: Behaviour,
  options: Partial<Parameters<typeof openaiEngine>[0]> = {},
  about: Record<string, unknown> = {},
) => {
  const server = await chatServer(behaviour, about)
  open.push(server)
  const engine = await openaiEngine({ url: server.url, slots: 2, ...options })
  engines.push(engine)
  return { server, engine }
}

const ask = (content: string): Generation => ({ messages: [{ role: 'user', content }], sampling: {} })

describeEngine('openai', async () => {
  const server = await chatServer(wellBehaved)
  const engine = await openaiEngine({ url: server.url, slots: 2 })
  return {
    // The server belongs to the engine here, and ends with it.
    engine: { ...engine, close: () => engine.close().then(server.close) },
    short: ask('colours'),
    long: ask('count'),
    overflowing: ask('word '.repeat(600)),
  }
})

describe('openaiEngine', () => {
  it('never takes a stream that broke for a short answer', async () => {
    const endings: Behaviour[] = [
      (response) => void response.end(`data: ${JSON.stringify(piece('half'))}\n\n`),
      (response) => void response.end(`data: ${JSON.stringify(piece('half'))}\n\ndata: [DONE]\n\n`),
      (response) => void response.end(`data: ${JSON.stringify(piece('half'))}\n\ndata: {"choices":[{"del`),
      (response) => {
        event(response, piece('half'))
        setTimeout(() => response.destroy(), 20)
      },
      (response) => {
        event(response, piece('half'))
        event(response, { error: { message: 'out of memory' } })
        response.end()
      },
      (response) => {
        event(response, piece('half'))
        event(response, piece('', 'content_filter'))
        response.end('data: [DONE]\n\n')
      },
    ]
    for (const ending of endings) {
      const { engine } = await engineOn(ending)
      const seen: EngineEvent[] = []
      const error = await failureOf(collect(engine, ask('x'), new AbortController().signal, seen))
      expect(error.code).toBe('ENGINE_FAILED')
      expect(seen.some(({ type }) => type === 'finish')).toBe(false)
    }
  })

  it.each([
    [400, { error: { code: 'context_length_exceeded', message: 'maximum is 5' } }, 'CONTEXT_OVERFLOW'],
    [400, { error: { message: 'seed is not supported' } }, 'PARAMETER_UNSUPPORTED'],
    [400, { error: { message: 'messages must alternate' } }, 'CONTENT_INVALID'],
    [401, { error: { message: 'no' } }, 'MODEL_UNAVAILABLE'],
    [404, { error: 'model not found' }, 'MODEL_UNAVAILABLE'],
    [503, { error: { message: 'Loading model' } }, 'MODEL_UNAVAILABLE'],
    [500, 'oops', 'ENGINE_FAILED'],
  ])('maps %i %o to %s', async (status, body, code) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { engine } = await engineOn((response) => void response.writeHead(status).end(text))
    expect((await failureOf(collect(engine, ask('x')))).code).toBe(code)
  })

  // The best of three: a busy machine may stand still for a moment.
  it('closes the connection at once when it is aborted', { retry: 2 }, async () => {
    const { engine, server } = await engineOn(wellBehaved)
    await failureOf(collect(engine, ask('count'), AbortSignal.timeout(80)))
    await expect.poll(server.hungUp, { timeout: 200, interval: 5 }).toBe(1)
  })

  it('gives up on a server that falls silent', async () => {
    const { engine } = await engineOn((response) => void event(response, piece('half')), { idleTimeoutMs: 1_000 })
    expect((await failureOf(collect(engine, ask('x')))).code).toBe('ENGINE_FAILED')
  }, 10_000)

  it('takes a server that answers for alive while all slots read long prompts, and no other', async () => {
    const about: Record<string, unknown> = {}
    const { engine } = await engineOn(() => new Promise(() => {}), { slots: 1 }, about)
    const leave = new AbortController()
    const reading = failureOf(collect(engine, ask('a long prompt'), leave.signal))
    await expect.poll(() => engine.load().running).toBe(1)
    await engine.canary(1_000)
    about['/v1/models'] = undefined
    expect((await failureOf(engine.canary(1_000))).message).toMatch(/it answers 404/)
    await Promise.all(open.splice(0).map((server) => server.close()))
    expect((await failureOf(engine.canary(1_000))).code).toBe('ENGINE_FAILED')
    leave.abort()
    await reading
  })

  it('says that nobody is there', async () => {
    const { engine, server } = await engineOn(wellBehaved)
    await server.close()
    expect((await failureOf(collect(engine, ask('x')))).code).toBe('MODEL_UNAVAILABLE')
    expect((await failureOf(openaiEngine({ url: server.url }))).code).toBe('MODEL_UNAVAILABLE')
  })

  it('refuses a model that the server does not list', async () => {
    const server = await chatServer(wellBehaved)
    open.push(server)
    expect((await failureOf(openaiEngine({ url: server.url, model: 'large' }))).message).toMatch(/small:latest/)
    const engine = await openaiEngine({ url: server.url, model: 'small' })
    expect(engine.description.model).toBe('small:latest')
    await engine.close()
  })

  it('sends the key and every parameter, and says the key to nobody', async () => {
    const { engine, server } = await engineOn((response) => void response.writeHead(401).end(), { apiKey: 'k-secret' })
    const sampling = { temperature: 0.5, topP: 0.9, maxTokens: 7, stop: ['x'], seed: 3 }
    const error = await failureOf(collect(engine, { ...ask('hello'), sampling }))
    expect(server.asked[0]).toMatchObject({
      model: 'small:latest',
      authorization: 'Bearer k-secret',
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 7,
      stop: ['x'],
      seed: 3,
    })
    expect(JSON.stringify([error.message, engine.description])).not.toContain('k-secret')
  })

  it('refuses what its operator says the server would ignore', async () => {
    const { engine } = await engineOn(wellBehaved, { supported: new Set(['maxTokens']) })
    const error = await failureOf(collect(engine, { ...ask('colours'), sampling: { seed: 1 } }))
    expect(error.code).toBe('PARAMETER_UNSUPPORTED')
  })

  it('holds to stop strings that the server forgets', async () => {
    const { engine, server } = await engineOn((response) => {
      for (const text of ['one ', 'tw', 'o th', 'ree']) event(response, piece(text))
    })
    const { text, events } = await collect(engine, { ...ask('x'), sampling: { stop: ['two'] } })
    expect(text).toBe('one ')
    expect(events.at(-1)).toMatchObject({ reason: 'stop' })
    await expect.poll(server.hungUp).toBe(1)
  })

  it('says what llama-server tells of itself', async () => {
    const server = await chatServer(wellBehaved, {
      '/props': {
        build_info: 'b9999-abc',
        total_slots: 3,
        chat_template: 'x',
        default_generation_settings: { n_ctx: 777 },
      },
    })
    open.push(server)
    const engine = await openaiEngine({ url: server.url })
    expect(engine.description).toMatchObject({ engineVersion: 'b9999-abc', slots: 3, contextTokens: 777 })
    expect(engine.description.chatTemplateDigest).toHaveLength(32)
    await engine.close()
  })
})

describe('readChunks', () => {
  const stream = `: hi\r\n\r\ndata: ${JSON.stringify(piece('é🌈'))}\r\n\r\ndata: ${JSON.stringify(piece('', 'stop'))}\n\ndata: [DONE]\n\n`
  const bytes = new TextEncoder().encode(stream)
  async function* divided(whole: Uint8Array, cuts: readonly number[]) {
    let at = 0
    for (const cut of [...cuts].sort((one, other) => one - other)) {
      yield whole.subarray(at, cut)
      at = cut
    }
    yield whole.subarray(at)
  }
  const read = async (whole: Uint8Array, cuts: readonly number[]) => {
    const chunks = []
    for await (const chunk of readChunks(divided(whole, cuts))) chunks.push(chunk)
    return chunks
  }

  it('reads the same however the bytes are divided', async () => {
    const cuts = fc.array(fc.nat(bytes.length), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        expect(await read(bytes, at)).toEqual([{ text: 'é🌈' }, { text: '', finish: 'stop' }])
      }),
      { seed: 3 },
    )
  })

  it('reads or refuses whatever comes', async () => {
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const changed = bytes.slice()
        for (const [at, value] of list) changed[at] = value
        const outcome = await read(changed, []).catch((error: unknown) => error)
        if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ name: 'EngineError', code: 'ENGINE_FAILED' })
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})
