/**
 * What a client is asked to ask.
 *
 * @module
 */
import type { ChatRequest, Sampling as WireSampling } from '@mystranet/schemas/messages'

export interface Question {
  /** A tag such as `misty.weave`, or an instance id. */
  readonly to: string | Uint8Array
  readonly messages: readonly Message[]
  readonly sampling?: Sampling | undefined
  /** Milliseconds for which the packet may wait for an agent. Default 5 minutes. */
  readonly lifetimeMs?: number | undefined
  readonly maxAttempts?: number | undefined
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
