/** The proxy of `weave up` from outside, through OpenAI's own clients, unmodified. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ended, type Place, place, slowly, type Up, until } from './weave.ts'

const MODEL = 'misty.weave'
const ask = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] })
const PYTHON =
  process.env['WEAVE_PYTHON_OPENAI'] ??
  fileURLToPath(new URL('../../../.cache/python-openai-3.54.0/bin/python', import.meta.url))
const PYTHON_CLIENT = fileURLToPath(new URL('openai-client.py', import.meta.url))

describe('a scripted model', () => {
  let here: Place
  let up: Up
  let openai: OpenAI
  beforeAll(async () => {
    here = await place({
      canary: { pieces: ['ok'] },
      slow: slowly(400, 50),
      late: { pieces: [{ text: 'At last.', delayMs: 6_000 }] },
      broken: { pieces: ['Half', ' an', { fault: 'fail' }] },
      '*': { pieces: ['One', ' two', ' three', ' four.'] },
    })
    up = await here.up([], { env: { WEAVE_AGENT_SLOTS: '4' } })
    openai = new OpenAI({ baseURL: up.proxyUrl, apiKey: up.token, maxRetries: 0 })
  })
  afterAll(() => here.remove())
  const count = async (what: string) => (await here.journal()).filter((line) => line.endsWith(what)).length

  test('lists its tags as models', async () => {
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual([MODEL])
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model' })
    await expect(openai.models.retrieve('other')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  test('answers whole, verified, with usage and the packet in a header', async () => {
    const { data, response } = await openai.chat.completions.create(ask('Count.')).withResponse()
    expect(data.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'One two three four.' },
      finish_reason: 'stop',
    })
    expect(data.usage).toEqual({ prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 })
    expect(response.headers.get('x-weave-packet-id')).toMatch(/^[0-9a-f]{64}$/)
    expect(response.headers.get('x-weave-verdict')).toBe('VERIFIED under "local"')
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('streams, and ends with finish_reason, usage, the verdict and [DONE]', async () => {
    const stream = await openai.chat.completions.create({
      ...ask('Count.'),
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('One two three four.')
    expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(['stop'])
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } })
    const raw = await rawStream('Count.')
    expect(raw).toMatch(/: weave packet=[0-9a-f]{64} verdict=VERIFIED under "local"\n\ndata: \[DONE\]\n\n$/)
  })

  test('max_tokens, stop and text parts are heeded; a cut answer says length', async () => {
    const cut = await openai.chat.completions.create({ ...ask('Count.'), max_completion_tokens: 2 })
    expect(cut.choices[0]).toMatchObject({ message: { content: 'One two' }, finish_reason: 'length' })
    const stopped = await openai.chat.completions.create({
      ...ask('Count.'),
      stop: ' three',
      seed: 7,
      temperature: 0,
      top_p: 0.5,
    })
    expect(stopped.choices[0]).toMatchObject({ message: { content: 'One two' }, finish_reason: 'stop' })
    const content = [
      { type: 'text' as const, text: 'Co' },
      { type: 'text' as const, text: 'unt.' },
    ]
    const parts = await openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }] })
    expect(parts.usage?.prompt_tokens).toBe(1)
  })

  test.each([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['tools', { tools: [{ type: 'function' as const, function: { name: 'f' } }] }],
    ['response_format', { response_format: { type: 'json_object' as const } }],
    ['presence_penalty', { presence_penalty: 1 }],
    ['store', { store: true }],
    ['reasoning_effort', { reasoning_effort: 'high' as const }],
  ])('%s is refused by its name, and nothing runs', async (param, more) => {
    const before = await count('start')
    await expect(openai.chat.completions.create({ ...ask('Count.'), ...more })).rejects.toMatchObject({
      status: 400,
      param,
      code: 'unsupported_parameter',
      type: 'invalid_request_error',
    })
    expect(await count('start')).toBe(before)
  })

  test('an unknown model is 404; a wrong key 401', async () => {
    await expect(openai.chat.completions.create({ ...ask('Hi'), model: 'nobody' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    })
    const stranger = new OpenAI({ baseURL: up.proxyUrl, apiKey: `${up.token}x`, maxRetries: 0 })
    await expect(stranger.chat.completions.create(ask('Hi'))).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    })
  })

  test('a model that breaks gives an error, streamed or not, and never a short answer', async () => {
    await expect(openai.chat.completions.create(ask('broken'))).rejects.toMatchObject({
      status: 502,
      code: 'engine_failed',
    })
    const { error, finishes } = await readToError(ask('broken'))
    expect(error).toBeInstanceOf(APIError)
    expect(finishes).toEqual([])
    const raw = await rawStream('broken')
    expect(raw).toContain('"code":"engine_failed"')
    expect(raw).not.toContain('[DONE]')
    expect(raw).not.toMatch(/"finish_reason":"/)
  })

  // The best of three: a busy machine may stand still for a moment.
  test('a client that hangs up stops the model within 250 ms, streamed and whole', { retry: 2 }, async () => {
    for (const stream of [true, false]) {
      const [before, startsBefore] = [await count('cancelled'), await count('start')]
      const leave = new AbortController()
      const asked = openai.chat.completions.create({ ...ask('slow'), stream }, { signal: leave.signal })
      await until('it runs', async () => (await count('start')) > startsBefore)
      if (stream) await asked
      const leftMs = performance.now()
      leave.abort()
      await asked.then(
        () => {},
        () => {},
      )
      await until('the engine stopped', async () => (await count('cancelled')) > before)
      expect(performance.now() - leftMs).toBeLessThan(250)
    }
  })

  test('while nothing comes, the stream is kept open with pings', async () => {
    expect(await rawStream('late')).toMatch(/: ping\n\n[\s\S]*At last\.[\s\S]*\[DONE\]/)
  })

  test('OpenAI’s client for Python: models, whole, streamed, refused, aborted', async () => {
    const { document } = await python('all', up)
    expect(document).toMatchObject({
      models: [MODEL],
      whole: ['One two three four.', 'stop'],
      streamed: ['One two three four.', ['stop']],
      refused: [400, 'n'],
      broken: { raised: true, finishes: [] },
    })
    const before = await count('cancelled')
    await python('abort', up)
    await until('the engine stopped', async () => (await count('cancelled')) > before, 2_000)
  }, 60_000)

  // The last one: it takes the agent away.
  test('the agent is killed in the middle: an error, no finish_reason, no [DONE], whole or streamed', async () => {
    const whole = openai.chat.completions.create(ask('slow')).then(
      () => undefined,
      (error: unknown) => error,
    )
    const raw = rawStream('slow')
    const streamed = readToError(ask('slow'))
    const { agentPid } = JSON.parse((await here.weave('status', '--json')).stdout) as { agentPid: number }
    await until(
      'three run',
      async () =>
        (await count('start')) - (await count('finish')) - (await count('cancelled')) - (await count('failed')) >= 3,
    )
    process.kill(agentPid, 'SIGKILL')
    expect(await whole).toMatchObject({ code: 'interrupted' })
    expect((await streamed).error).toBeInstanceOf(APIError)
    expect((await streamed).finishes).toEqual([])
    expect(await raw).toContain('"code":"interrupted"')
    expect(await raw).not.toContain('[DONE]')
    expect(await raw).not.toMatch(/"finish_reason":"/)
    // And it is back.
    expect((await openai.chat.completions.create(ask('Count.'))).choices[0]?.finish_reason).toBe('stop')
  }, 60_000)

  async function rawStream(content: string): Promise<string> {
    const response = await fetch(`${up.proxyUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${up.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask(content), stream: true }),
    })
    return response.text()
  }
  async function readToError(body: ReturnType<typeof ask>): Promise<{ error: unknown; finishes: string[] }> {
    const finishes: string[] = []
    try {
      for await (const chunk of await openai.chat.completions.create({ ...body, stream: true })) {
        finishes.push(...chunk.choices.flatMap(({ finish_reason }) => finish_reason ?? []))
      }
      return { error: undefined, finishes }
    } catch (error) {
      return { error, finishes }
    }
  }
})

async function python(what: string, up: Up): Promise<{ document: unknown }> {
  if (!existsSync(PYTHON))
    throw new Error(
      `Cannot test OpenAI's client for Python: there is no ${PYTHON}; scripts/prepare.mjs makes it, or name one in WEAVE_PYTHON_OPENAI`,
    )
  const { code, stdout, stderr } = await ended(
    spawn(PYTHON, [PYTHON_CLIENT, what, up.proxyUrl, up.token], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return { document: JSON.parse(stdout) as unknown }
}
