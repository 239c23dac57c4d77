/**
 * An answer as OpenAI's clients read it: whole, or as server-sent events. A `finish_reason` leaves here only once the
 * verdict on the saved answer is known to hold; until then, and if it does not, the client has an unfinished stream or
 * an error, which it can tell from a short answer.
 *
 * @module
 */
import type { Answer, AnswerEvent, Verdict } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { PacketError } from '@mystranet/sdk/errors'
import { type ProxyError, proxyErrorOf } from './error.ts'

export interface Told {
  readonly model: string
  readonly createdMs: number
  readonly includeUsage: boolean
  /** Between two `: ping` comments while nothing comes. */
  readonly pingMs: number
}

type FinishReason = 'stop' | 'length'
interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

/** An answer that may be handed on. */
interface Finished {
  readonly verdict: Verdict
  readonly text: string
  readonly reason: FinishReason
  readonly usage: Usage
}

/**
 * A verdict on an answer, if it may be handed on: VERIFIED, or VERIFIED but for `completeness` where the answer
 * stopped at the length that the client asked for, which its `finish_reason` says.
 *
 * @throws {PacketError} `VERDICT_FAILED`, `VERDICT_PARTIAL`
 */
export function finished(verdict: Verdict): Finished {
  const { answer, checks } = verdict
  const bad = checks.filter(({ result, required }) => result === 'fail' || (result === 'skipped' && required))
  const isCutAtLength = answer?.finish === 'LENGTH' && bad.every(({ name }) => name === 'completeness')
  if (answer === undefined || !(verdict.status === 'VERIFIED' || isCutAtLength)) {
    const why = bad.map(({ name, reason }) => `${name}: ${reason}`).join('; ') || 'the answer is not disclosed'
    const code = verdict.status === 'FAILED' ? 'VERDICT_FAILED' : 'VERDICT_PARTIAL'
    throw new PacketError(code, `Cannot hand on the answer: ${verdict.line} (${why}), wanted VERIFIED`)
  }
  const { promptTokens, completionTokens } = answer.usage
  return {
    verdict,
    text: answer.text,
    reason: isCutAtLength ? 'length' : 'stop',
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  }
}

/** Reads to the end, verifies, and only then answers. @throws {PacketError} why there is no answer. */
export async function wholeAnswer(answer: Answer, told: Told): Promise<Response> {
  for await (const _ of answer.events());
  const { verdict, text, reason, usage } = await finished(await answer.examined())
  const id = toHex(await answer.packetId)
  const body = {
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created: Math.floor(told.createdMs / 1_000),
    model: told.model,
    choices: [
      { index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: reason },
    ],
    usage,
  }
  return new Response(JSON.stringify(body), {
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-weave-packet-id': id,
      'x-weave-verdict': headerSafe(verdict.line),
    },
  })
}

/** The head of a stream is held back so long for a refusal to come with its own status. */
const HOLD_MS = 2_000

/**
 * The answer as server-sent events.
 *
 * @param leave Called when the client hung up: stops the model.
 * @throws {PacketError} why there is no answer, as long as nothing of it was sent.
 */
export async function streamedAnswer(answer: Answer, told: Told, leave: () => void): Promise<Response> {
  const id = toHex(await answer.packetId)
  const events = answer.events()[Symbol.asyncIterator]()
  let next = firstOpened(events)
  // Waits for the stream to open or to be refused, but not for ever: a queue may be long.
  await Promise.race([next, pause(HOLD_MS)])
  const chunk = chunksOf(id, told)

  async function* lines(): AsyncGenerator<string> {
    yield chunk({
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
    })
    try {
      for (;;) {
        const settled = await Promise.race([next, pause(told.pingMs)])
        if (settled === undefined) {
          yield ': ping\n\n'
          continue
        }
        if (settled.done) break
        next = events.next()
        next.catch(() => {})
        if (settled.value.type !== 'text') continue
        yield chunk({
          choices: [{ index: 0, delta: { content: settled.value.text }, logprobs: null, finish_reason: null }],
        })
      }
      const { verdict, reason, usage } = await finished(await answer.examined())
      yield chunk({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: reason }] })
      if (told.includeUsage) yield chunk({ choices: [], usage })
      yield `: weave packet=${id} verdict=${headerSafe(verdict.line)}\n\n`
      yield 'data: [DONE]\n\n'
    } catch (error) {
      yield errorEvent(proxyErrorOf(error), id)
    }
  }

  return new Response(bodyOf(lines(), leave), {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-weave-packet-id': id,
      'x-accel-buffering': 'no',
    },
  })
}

/** Skips what comes before the agent's first word. */
async function firstOpened(events: AsyncIterator<AnswerEvent>): Promise<IteratorResult<AnswerEvent>> {
  for (;;) {
    const result = await events.next()
    if (result.done || result.value.type !== 'progress') return result
  }
}

function chunksOf(id: string, { model, createdMs, includeUsage }: Told) {
  const head = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: Math.floor(createdMs / 1_000), model }
  return (rest: { readonly choices: readonly unknown[]; readonly usage?: Usage }) =>
    // OpenAI's own streams say `usage: null` in every chunk but the last when it was asked for.
    `data: ${JSON.stringify({ ...head, ...(includeUsage && { usage: null }), ...rest })}\n\n`
}

/** The clients of OpenAI throw on `error` in a chunk; there is no `[DONE]` after it. */
function errorEvent(error: ProxyError, id: string): string {
  return `data: ${JSON.stringify(error.body)}\n\n: weave packet=${id} no verdict: ${headerSafe(error.code)}\n\n`
}

function bodyOf(lines: AsyncGenerator<string>, leave: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    cancel: leave,
  })
}

/** Undefined after so long. */
const pause = (ms: number) => new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref())

/** One line of printable ASCII. */
const headerSafe = (text: string) => text.replace(/[^\x20-\x7e]/g, '?')
