import { type Answer, type AnswerEvent, type Client, examine } from '@mystranet/sdk'
import { PacketError } from '@mystranet/sdk/errors'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { proxyApp } from './app.ts'
import { HARMLESS, readChatRequest } from './chat-request.ts'
import { ProxyError } from './error.ts'
import { sameToken } from './token.ts'

const TOKEN = 'weave-token'
const trust = { name: 'local', required: new Set(), firstUse: false } as unknown as Parameters<
  typeof proxyApp
>[0]['trust']

/** Answers with these events and then a saved answer that nobody can verify, or throws. */
function unverifiableClient(events: readonly (AnswerEvent | PacketError)[]): Client {
  const answer: Answer = {
    packetId: Promise.resolve(new Uint8Array(32)),
    async *events() {
      for (const event of events) {
        if (event instanceof PacketError) throw event
        yield event
      }
    },
    async *[Symbol.asyncIterator]() {},
    verified: new Promise(() => {}),
    saved: Promise.resolve(new Uint8Array([8, 1])),
    examined: async () => examine(await answer.saved, trust),
    log: async () => ({ result: 'pass', reason: '' }),
    evidence: [],
    cancel: async () => {},
  }
  const notAsked = () => {
    throw new TypeError('not asked here')
  }
  return { ask: () => answer, askAll: notAsked, session: notAsked, enrol: async () => {}, routes: notAsked }
}

const post = (client: Client, body: unknown, token = TOKEN) =>
  proxyApp({ client, trust, token: TOKEN }).request('/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const asked = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const closed: AnswerEvent[] = [
  { type: 'open', attempt: 1, agent: new Uint8Array(32) },
  { type: 'text', text: 'Sky.' },
  { type: 'close', finish: 'STOP', usage: undefined },
  { type: 'end' },
]

describe('an answer that does not verify', () => {
  test('is not shown when it was asked for whole', async () => {
    const response = await post(unverifiableClient(closed), asked)
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'verdict_failed' } })
    expect(text).not.toContain('Sky.')
  })

  test('ends its stream with an error: no finish_reason, no [DONE]', async () => {
    const text = await (await post(unverifiableClient(closed), { ...asked, stream: true })).text()
    expect(text).toContain('"content":"Sky."')
    expect(text).toContain('"code":"verdict_failed"')
    expect(text).not.toContain('[DONE]')
    expect(text).not.toMatch(/"finish_reason":"/)
  })
})

test('what has run is not to be tried again by a client library; what has not may be', async () => {
  const refused = (code: 'INTERRUPTED' | 'LOG_BUSY') => post(unverifiableClient([new PacketError(code, 'x')]), asked)
  expect((await refused('INTERRUPTED')).headers.get('x-should-retry')).toBe('false')
  const busy = await refused('LOG_BUSY')
  expect([busy.status, busy.headers.get('x-should-retry'), busy.headers.get('retry-after')]).toEqual([503, 'true', '1'])
})

test('a refusal before the first word has its own status, streamed too', async () => {
  const overflow = new PacketError('CONTEXT_OVERFLOW', 'x')
  const response = await post(unverifiableClient([{ type: 'progress', text: 'waiting' }, overflow]), {
    ...asked,
    stream: true,
  })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded' } })
})

test('a fault of the proxy’s own is reported, and not shown', async () => {
  const faults: unknown[] = []
  const client = unverifiableClient([])
  const app = proxyApp({ client, trust, token: TOKEN, onFault: (error) => faults.push(error) })
  const response = await app.request('/v1/models', { headers: { authorization: `Bearer ${TOKEN}` } })
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('not asked here')
  expect(faults).toHaveLength(1)
})

test.each([
  ['no token', { headers: {} }, 401],
  ['another token', { headers: { authorization: 'Bearer x' } }, 401],
  ['another scheme', { headers: { authorization: `Basic ${TOKEN}` } }, 401],
  ['a preflight of a page', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }, 401],
])('%s is refused', async (_, init, status) => {
  const response = await proxyApp({ client: unverifiableClient([]), trust, token: TOKEN }).request('/v1/models', init)
  expect(response.status).toBe(status)
  expect(response.headers.get('access-control-allow-origin')).toBeNull()
})

test('tokens of any length are compared', () => {
  expect([sameToken('a', 'a'), sameToken('a', 'b'), sameToken('a', 'aa'), sameToken('', '')]).toEqual([
    true,
    false,
    false,
    true,
  ])
})

describe('readChatRequest', () => {
  const read = (more: object) => readChatRequest({ ...asked, ...more })
  const paramOf = (more: object) => {
    try {
      read(more)
    } catch (error) {
      if (error instanceof ProxyError) return error.param
      throw error
    }
    return undefined
  }

  test.each(['stream', 'temperature', 'seed', 'modalities', 'messages', 'stop', 'tools'])(
    'refuses a %s that nests deeper than it could be written, by its name',
    (name) => {
      const deep: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)
      expect(paramOf({ [name]: deep })).toMatch(name)
    },
  )

  test('maps what is heeded', () => {
    const more = {
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 9,
      stop: 'x',
      seed: 3,
      stream: true,
      stream_options: { include_usage: true },
    }
    expect(read(more)).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      sampling: { temperature: 0.5, topP: 0.9, maxTokens: 9, stop: ['x'], seed: 3 },
      stream: true,
      includeUsage: true,
    })
  })

  test.each([
    ['n', { n: 2 }],
    ['tools', { tools: [{}] }],
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 1 }],
    ['response_format', { response_format: { type: 'json_object' } }],
    ['store', { store: true }],
    ['logit_bias', { logit_bias: { 5: 1 } }],
    ['frequency_penalty', { frequency_penalty: 0.1 }],
    ['audio', { audio: {} }],
    ['reasoning_effort', { reasoning_effort: 'low' }],
    ['made_up', { made_up: 1 }],
    ['temperature', { temperature: 3 }],
    ['top_p', { top_p: 0 }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_tokens', { max_tokens: 1, max_completion_tokens: 2 }],
    ['seed', { seed: -1 }],
    ['stop', { stop: [''] }],
    ['stream', { stream: 'yes' }],
    ['stream_options', { stream_options: { include_usage: true } }],
    ['stream_options.x', { stream: true, stream_options: { x: 1 } }],
    ['model', { model: '' }],
    ['messages', { messages: [] }],
    ['messages.0.role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['messages.0.name', { messages: [{ role: 'user', content: 'x', name: 'Ann' }] }],
    ['messages.0.tool_calls', { messages: [{ role: 'assistant', content: 'x', tool_calls: [{}] }] }],
    ['messages.0.content', { messages: [{ role: 'user' }] }],
    ['messages.0.content.0', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
  ])('%s is refused by its name', (param, more) => {
    expect(paramOf(more)).toBe(param)
  })

  test('null was not asked for, whatever it is', () => {
    for (const name of [...Object.keys(HARMLESS), 'temperature', 'stop', 'anything'])
      expect(paramOf({ [name]: null })).toBeUndefined()
  })

  test('an answer of ours, sent back as history, is taken', () => {
    const history = { role: 'assistant', content: 'Sky.', refusal: null, annotations: [] }
    expect(read({ messages: [...asked.messages, history, ...asked.messages] }).messages).toHaveLength(3)
  })

  test('any JSON is a request or a refusal with a parameter', () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.record({ model: fc.jsonValue(), messages: fc.jsonValue(), stop: fc.jsonValue() }),
    )
    fc.assert(
      fc.property(json, (body) => {
        try {
          readChatRequest(body)
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyError)
          expect((error as ProxyError).param).toBeTypeOf('string')
        }
      }),
      { seed: 11, numRuns: 1_000 },
    )
  })
})
