/**
 * What a client is asked to ask.
 *
 * @module
 */
import type { ChatRequest, Retry, Sampling as WireSampling } from '@mystranet/schemas/messages'

export interface Question {
  /** A tag such as `misty.weave`, or an instance id. */
  readonly to: string | Uint8Array
  readonly messages: readonly Message[]
  readonly sampling?: Sampling | undefined
  /** Milliseconds for which the packet may wait for an agent. Default 5 minutes. */
  readonly lifetimeMs?: number | undefined
  /** Agents that may try it, one after the other: 1 to 8. Default 3. */
  readonly maxAttempts?: number | undefined
  /**
   * Whether another agent may begin anew when one failed in the middle of its answer. Text then comes once its attempt is
   * accepted: what a failed attempt said is void. Default false.
   */
  readonly afterOpen?: boolean | undefined
  /**
   * Seal against quantum computers too, with X25519 and ML-KEM-768 (suite 2): `true` to nobody without such a key, `'prefer'`
   * if every candidate has one. Default: if no candidate has another key.
   */
  readonly postQuantum?: boolean | 'prefer' | undefined
  /** Interactive packets overtake bulk ones. */
  readonly priority?: 'interactive' | 'bulk' | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** Absent: the engine's default. What the engine does not support is refused with `PARAMETER_UNSUPPORTED`. */
export interface Sampling {
  /** 0 to 2, in steps of a millionth. */
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly maxTokens?: number | undefined
  readonly stop?: readonly string[] | undefined
  readonly seed?: number | undefined
}

/** The question as it is sealed. */
export const chatOf = ({ messages, sampling }: Question): ChatRequest => ({
  messages: messages.map(({ role, content }) => ({ role, content, toolCalls: [] })),
  sampling: samplingOf(sampling),
  tools: [],
})

const PRIORITIES = { interactive: 1, bulk: 2 } as const

export const priorityOf = ({ priority }: Question): number | undefined => priority && PRIORITIES[priority]

const DEFAULT_ATTEMPTS = 3

/** Undefined: what the protocol says of packets without it. */
export const retryOf = ({ maxAttempts, afterOpen = false }: Question): Retry | undefined =>
  maxAttempts === undefined && !afterOpen ? undefined : { maxAttempts: maxAttempts ?? DEFAULT_ATTEMPTS, afterOpen }

const micro = (value: number | undefined) => (value === undefined ? undefined : Math.round(value * 1e6))

function samplingOf(sampling: Sampling | undefined): WireSampling | undefined {
  if (sampling === undefined) return undefined
  const { temperature, topP, maxTokens, stop = [], seed } = sampling
  return {
    temperatureMicro: micro(temperature),
    topPMicro: micro(topP),
    maxTokens,
    stop,
    seed: seed === undefined ? undefined : BigInt(seed),
  }
}
