/**
 * The OpenAI API in front of the SDK: what an unmodified client needs to talk to a model here by changing its base URL.
 * Packets are sealed and answers verified in this process, on the user's machine.
 *
 * No CORS: a page of the web cannot call it. Every request carries the bearer token.
 *
 * @module
 */
import type { Client, TrustFile } from '@mystranet/sdk'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { streamedAnswer, wholeAnswer } from './chat-answer.ts'
import { readChatRequest } from './chat-request.ts'
import { badRequest, ProxyError, proxyErrorOf } from './error.ts'
import { sameToken } from './token.ts'

export interface ProxyOptions {
  readonly client: Client
  readonly trust: TrustFile
  /** What clients send as their API key. */
  readonly token: string
  /** Between two `: ping` comments while nothing comes. Default 5,000. */
  readonly pingMs?: number
  readonly now?: () => number
  /** Told after each answer: a good moment to write down what was seen. */
  readonly onAnswered?: () => void
  /** Told of faults of the proxy's own; refusals are no faults. */
  readonly onFault?: (error: unknown) => void
}

/** A conversation of a few million characters fits; more than a packet may hold does not. */
const MAX_BODY_BYTES = 8 * 1024 * 1024

/** Makes the proxy's app; `app.fetch` serves it. */
export function proxyApp(options: ProxyOptions): Hono {
  const { client, trust, token, pingMs = 5_000, now = Date.now } = options
  const startedMs = now()
  const app = new Hono()

  app.use('/v1/*', async (context, next) => {
    const [scheme, given] = (context.req.header('authorization') ?? '').split(' ')
    if (scheme?.toLowerCase() === 'bearer' && given !== undefined && sameToken(given, token)) return next()
    throw new ProxyError(
      401,
      'invalid_api_key',
      'Wrong API key: wanted the token that weave up or weave proxy printed.',
    )
  })

  const tooLarge = () => {
    throw new ProxyError(413, 'request_too_large', `The body has more than ${MAX_BODY_BYTES} bytes.`)
  }
  app.post('/v1/chat/completions', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }), async (context) => {
    const request = readChatRequest(await jsonOf(context.req.raw))
    const { model, messages, sampling, stream, includeUsage } = request
    const hungUp = new AbortController()
    const leave = () => hungUp.abort()
    context.req.raw.signal.addEventListener('abort', leave, { once: true })
    const answer = client.ask({ to: model, messages, sampling, priority: 'interactive', signal: hungUp.signal })
    answer.packetId.catch(() => {})
    answer.saved.then(options.onAnswered, () => {})
    const told = { model, createdMs: now(), includeUsage, pingMs }
    return stream ? streamedAnswer(answer, told, leave) : wholeAnswer(answer, told)
  })

  const listed = async () => {
    const { table } = (await client.routes()).table
    const tags = table.rules.filter(({ deny, tag }) => !deny && tag).map(({ tag }) => tag as string)
    const created = Math.floor(startedMs / 1_000)
    return [...new Set(tags)].map((id) => ({ id, object: 'model', created, owned_by: trust.name }))
  }
  app.get('/v1/models', async (context) => context.json({ object: 'list', data: await listed() }))
  app.get('/v1/models/:id', async (context) => {
    const found = (await listed()).find(({ id }) => id === context.req.param('id'))
    if (found === undefined) throw new ProxyError(404, 'model_not_found', 'There is no such model.', { param: 'model' })
    return context.json(found)
  })

  app.notFound((context) => {
    const message = `There is no ${context.req.method} ${context.req.path} here: wanted /v1/chat/completions or /v1/models.`
    return new ProxyError(404, 'not_found', message).toResponse()
  })
  app.onError((error) => {
    const refusal = proxyErrorOf(error)
    if (refusal.code === 'internal') options.onFault?.(error)
    return refusal.toResponse()
  })
  return app
}

async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch (cause) {
    if (cause instanceof SyntaxError) throw badRequest('body', 'The body is no JSON.', 'invalid_json')
    throw cause
  }
}
