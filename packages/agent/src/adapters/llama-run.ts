import { randomInt } from 'node:crypto'
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
}

/** Tokens before a new one that the detokenizer looks at, for the spaces between words. */
const TRAIL_TOKENS = 4
/** A character has at most four bytes, so at most four tokens; what is still broken then stays so. */
const MAX_PENDING_TOKENS = 4

/**
 * Evaluates the prompt and samples until the turn ends. Runs at the speed of the model, whoever reads: each token is
 * handed to `emit` while the next one is already computed.
 *
 * @param stopped Asked after each piece of work (a chunk of the prompt, a token); then the run ends without `finish`.
 */
export async function runSequence(
  seat: Seat,
  plan: RunPlan,
  stopped: () => boolean,
  emit: (event: EngineEvent) => void,
): Promise<void> {
  const last = await evaluatePrompt(seat, plan, stopped)
  if (stopped()) return
  const { model } = plan
  const gate = textGate(plan.sampling.stop)
  const trail: Token[] = plan.prompt.slice(-TRAIL_TOKENS)
  let pending: Token[] = []
  let completionTokens = 0
  let reason: FinishReason = 'length'
  const show = (text: string) => {
    if (text !== '') emit({ type: 'text', text })
  }
  const flushPending = () => {
    const text = model.detokenize(pending, false, trail)
    trail.push(...pending)
    trail.splice(0, trail.length - TRAIL_TOKENS)
    pending = []
    show(gate.push(text))
  }
  for await (const token of seat.sequence.evaluate(last, samplerOptions(plan.sampling))) {
    if (stopped()) return
    completionTokens++
    if (model.isEogToken(token) || plan.turnEnds.has(token)) {
      reason = 'stop'
      break
    }
    pending.push(token)
    if (pending.length >= MAX_PENDING_TOKENS || !model.detokenize(pending, false, trail).endsWith('\ufffd'))
      flushPending()
    if (gate.stopped) {
      reason = 'stop'
      break
    }
    if (completionTokens >= plan.limit) break
  }
  if (pending.length > 0 && !gate.stopped) flushPending()
  show(gate.flush())
  if (gate.stopped) reason = 'stop'
  emit({ type: 'finish', reason, usage: { promptTokens: plan.prompt.length, completionTokens } })
}

/**
 * Evaluates all but the last chunk's rest of the prompt, in chunks that begin at multiples of `promptChunk`. What the seat
 * holds of an earlier prompt is kept, but only whole chunks: then every token is computed in a batch of the same shape as
 * without the cache, and the same request gives the same bits.
 *
 * @returns The tokens that are left: one or more, at most a chunk. Sampling starts with them.
 */
async function evaluatePrompt(seat: Seat, plan: RunPlan, stopped: () => boolean): Promise<Token[]> {
  const { prompt, promptChunk } = plan
  const { sequence } = seat
  const same = sequence.compareContextTokens([...prompt]).firstDifferentIndex
  const whole = Math.floor((prompt.length - 1) / promptChunk) * promptChunk
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
