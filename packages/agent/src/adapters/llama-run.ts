import { randomInt } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'
import type { LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp'
import type { EngineEvent, FinishReason, Sampling } from '../engine.ts'
import { textGate } from '../engine-text.ts'

/** One place in the context, and what it still holds of the last prompt. */
export interface Seat {
  readonly sequence: LlamaContextSequence
  /** Leading tokens of its context that were evaluated as whole chunks of a prompt. */
  reusable: number
}

export interface RunPlan {
  readonly model: LlamaModel
  readonly prompt: readonly Token[]
  readonly turnEnds: ReadonlySet<Token>
  readonly sampling: Sampling
  /** Tokens to sample at most. */
  readonly limit: number
  readonly promptChunk: number
  /** A piece of work ended: a chunk of the prompt, a token. */
  worked(): void
}

/** Tokens before a new one that the detokenizer looks at, for the spaces between words. */
const TRAIL_TOKENS = 4
/** A character has at most four bytes, so at most four tokens; what is still broken then stays so. */
const MAX_PENDING_TOKENS = 4

/**
 * Evaluates the prompt and samples until the turn ends. Runs at the speed of the model, whoever reads: a token is made into
 * text and handed to `emit` while the next one is already computed. So a stop string costs one token more than needed.
 *
 * @param stopped Asked after each piece of work (a chunk of the prompt, a token); then the run ends without `finish`.
 */
export async function runSequence(
  seat: Seat,
  plan: RunPlan,
  stopped: () => boolean,
  emit: (event: EngineEvent) => void,
): Promise<void> {
  const rest = await evaluatePrompt(seat, plan, stopped)
  if (stopped()) return
  const text = textOf(plan, (shown) => emit({ type: 'text', text: shown }))
  const tokens = seat.sequence.evaluate(rest, samplerOptions(plan.sampling))
  let completionTokens = 0
  let reason: FinishReason = 'length'
  let next = tokens.next()
  try {
    for (;;) {
      const { value: token } = await next
      plan.worked()
      if (stopped()) return
      if (token === undefined) throw new Error('the sequence ended before its turn did')
      completionTokens++
      if (plan.model.isEogToken(token) || plan.turnEnds.has(token)) {
        reason = 'stop'
        break
      }
      const isLast = completionTokens >= plan.limit
      if (!isLast) {
        next = tokens.next()
        // The library hands the next token to its thread in this round of the event loop; what is done now would delay it.
        await immediate()
      }
      text.add(token)
      if (isLast || text.stopped) break
    }
  } finally {
    await next.catch(() => undefined)
    await tokens.return()
  }
  text.end()
  if (text.stopped) reason = 'stop'
  emit({ type: 'finish', reason, usage: { promptTokens: plan.prompt.length, completionTokens } })
}

interface TokenText {
  add(token: Token): void
  end(): void
  readonly stopped: boolean
}

/** Text of tokens, a character at least at a time: some tokens are only a part of one. */
function textOf({ model, prompt, sampling }: RunPlan, show: (text: string) => void): TokenText {
  const gate = textGate(sampling.stop)
  const trail: Token[] = prompt.slice(-TRAIL_TOKENS)
  let pending: Token[] = []
  const pass = (text: string) => {
    trail.push(...pending)
    trail.splice(0, trail.length - TRAIL_TOKENS)
    pending = []
    const shown = gate.push(text)
    if (shown !== '') show(shown)
  }
  return {
    get stopped() {
      return gate.stopped
    },
    add(token) {
      pending.push(token)
      const text = model.detokenize(pending, false, trail)
      if (pending.length >= MAX_PENDING_TOKENS || !text.endsWith('\ufffd')) pass(text)
    },
    end() {
      if (pending.length > 0 && !gate.stopped) pass(model.detokenize(pending, false, trail))
      const held = gate.flush()
      if (held !== '') show(held)
    },
  }
}

/**
 * Evaluates the prompt but for its tail, in chunks that begin at multiples of `promptChunk`. What the seat
 * holds of an earlier prompt is kept, but only whole chunks: then every token is computed in a batch of the same shape as
 * without the cache, and the same request gives the same bits.
 *
 * @returns The tail: one token or more, at most one and a half chunks, because a short batch costs nearly as much as a
 *   long one. Sampling starts with it.
 */
async function evaluatePrompt(seat: Seat, plan: RunPlan, stopped: () => boolean): Promise<Token[]> {
  const { prompt, promptChunk } = plan
  const { sequence } = seat
  const same = sequence.compareContextTokens([...prompt]).firstDifferentIndex
  const whole = Math.max(0, Math.floor((prompt.length - 1 - promptChunk / 2) / promptChunk)) * promptChunk
  let at = Math.min(whole, Math.floor(Math.min(same, seat.reusable) / promptChunk) * promptChunk)
  seat.reusable = at
  if (sequence.nextTokenIndex > at) {
    await sequence.eraseContextTokenRanges([{ start: at, end: sequence.nextTokenIndex }])
  }
  // Some models can only be cut where they were saved; then there is less left than asked for.
  at = Math.min(at, sequence.nextTokenIndex)
  if (at % promptChunk !== 0) {
    await sequence.clearHistory()
    at = 0
  }
  for (; at < whole && !stopped(); at += promptChunk) {
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + promptChunk))
    seat.reusable = at + promptChunk
    plan.worked()
  }
  return prompt.slice(at)
}

/** llama.cpp's own defaults where the request says nothing. A seed is drawn if none is given. */
function samplerOptions(sampling: Sampling) {
  return {
    temperature: sampling.temperature ?? 0.8,
    topP: sampling.topP ?? 0.95,
    topK: 40,
    minP: 0.05,
    seed: sampling.seed ?? randomInt(2 ** 32),
    yieldEogToken: true,
  }
}
