/**
 * The port to the model that is tried. The agent's `Engine` is one as it stands.
 *
 * @module
 */

export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface PromptRequest {
  readonly messages: readonly PromptMessage[]
  readonly sampling: {
    /** Always the likeliest token: two runs of one model are to agree. */
    readonly temperature: 0
    /** An unsigned 32-bit integer. */
    readonly seed: number
    readonly maxTokens: number
  }
  /** The prompt's id, for logs; the model never sees it. */
  readonly label: string
}

export type PromptEvent =
  | { readonly type: 'text'; readonly text: string }
  /** The last event. */
  | { readonly type: 'finish'; readonly reason: 'stop' | 'length' | 'tool_calls' }

/**
 * A model that answers. Tool calls come as its text spells them; `tool-call.ts` reads them.
 *
 * An iteration ends after exactly one `finish`, or throws. An error whose `code` is one of {@link REFUSED_CODES} is about this
 * prompt only, and the next one may be tried; any other one ends the run.
 */
export interface PromptTarget {
  generate(request: PromptRequest, signal: AbortSignal): AsyncIterable<PromptEvent>
}

/** This prompt cannot be put to this model: too long for it, roles that its template lacks. */
export const REFUSED_CODES: ReadonlySet<unknown> = new Set([
  'CONTEXT_OVERFLOW',
  'CONTENT_INVALID',
  'PARAMETER_UNSUPPORTED',
])

/** No model that keeps to its number of tokens says so much. */
const MAX_ANSWER_CHARS = 65_536

/** The whole text of one answer. @throws what the target throws; an `Error` when it ends without `finish`, or does not end. */
export async function answerOf(target: PromptTarget, request: PromptRequest, signal: AbortSignal): Promise<string> {
  let text = ''
  for await (const event of target.generate(request, signal)) {
    if (event.type === 'finish') return text
    text += event.text
    if (text.length > MAX_ANSWER_CHARS) break
  }
  const state = text.length > MAX_ANSWER_CHARS ? 'it goes on without an end' : 'it stopped without an end'
  throw new Error(`Cannot take the answer to ${request.label}: ${state}, wanted a finish`)
}
