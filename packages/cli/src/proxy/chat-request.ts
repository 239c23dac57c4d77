/**
 * A chat completion request as OpenAI's clients send it, read strictly: a parameter is heeded, or known to change
 * nothing, or refused by its name. None is ignored.
 *
 * @module
 */
import type { Message, Sampling } from '@mystranet/sdk'
import { badRequest, type ProxyError } from './error.ts'

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Message[]
  readonly sampling: Sampling
  readonly stream: boolean
  readonly includeUsage: boolean
}

/** Says why a value cannot be had, or undefined when it changes nothing. */
type Harmless = (value: unknown) => string | undefined

const only =
  (...allowed: readonly unknown[]): Harmless =>
  (value) =>
    allowed.includes(value) ? undefined : `wanted ${allowed.map((each) => JSON.stringify(each)).join(' or ')}`
const anything: Harmless = () => undefined
const emptyList: Harmless = (value) => (Array.isArray(value) && value.length === 0 ? undefined : 'not supported')
const emptyObject: Harmless = (value) =>
  isObject(value) && Object.keys(value).length === 0 ? undefined : 'not supported'

/**
 * Parameters that are taken as long as they ask for nothing; `null` always does. What is neither here nor in
 * {@link readChatRequest} is refused. `packages/cli/README.md` shows the table.
 */
export const HARMLESS: Readonly<Record<string, Harmless>> = {
  // Labels for a service that keeps accounts: this one does not, and they reach no model.
  user: anything,
  metadata: anything,
  safety_identifier: anything,
  prompt_cache_key: anything,
  // Nothing is stored beyond what the log and the agent keep anyway.
  store: only(false),
  service_tier: only('auto', 'default'),
  n: only(1),
  logprobs: only(false),
  presence_penalty: only(0),
  frequency_penalty: only(0),
  logit_bias: emptyObject,
  tools: emptyList,
  functions: emptyList,
  tool_choice: only('none', 'auto'),
  parallel_tool_calls: only(true, false),
  modalities: (value) =>
    Array.isArray(value) && value.length === 1 && value[0] === 'text' ? undefined : 'wanted ["text"]',
  response_format: (value) =>
    isObject(value) && value['type'] === 'text' && Object.keys(value).length === 1
      ? undefined
      : 'wanted {"type":"text"}',
}

const HEEDED = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'temperature',
  'top_p',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'seed',
])

/** @throws {ProxyError} 400, naming the parameter. */
export function readChatRequest(body: unknown): ChatRequest {
  if (!isObject(body)) throw badRequest('body', 'The body is no JSON object.')
  // What is null was not asked for.
  const given = new Map(Object.entries(body).filter(([, value]) => value !== null && value !== undefined))
  for (const [name, value] of given) {
    if (HEEDED.has(name)) continue
    const judge = Object.hasOwn(HARMLESS, name) ? HARMLESS[name] : undefined
    const fault = judge === undefined ? 'not supported' : judge(value)
    if (fault !== undefined) throw unsupported(name, fault)
  }
  const model = given.get('model')
  if (typeof model !== 'string' || model === '') throw badRequest('model', '"model" is missing: wanted a tag.')
  const stream = booleanOf(given.get('stream'), 'stream')
  return {
    model,
    messages: messagesOf(given.get('messages')),
    sampling: samplingOf(given),
    stream,
    includeUsage: usageWanted(given.get('stream_options'), stream),
  }
}

function samplingOf(given: ReadonlyMap<string, unknown>): Sampling {
  const number = (name: string, least: number, most: number, isWhole = false) => {
    const value = given.get(name)
    if (value === undefined) return undefined
    const fits = typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value))
    if (!fits) {
      throw badRequest(
        name,
        `"${name}" is ${show(value)}: wanted a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}.`,
      )
    }
    return value
  }
  const maxTokens = number('max_tokens', 1, 2 ** 31 - 1, true)
  const maxCompletionTokens = number('max_completion_tokens', 1, 2 ** 31 - 1, true)
  if (maxTokens !== undefined && maxCompletionTokens !== undefined && maxTokens !== maxCompletionTokens) {
    throw badRequest('max_tokens', '"max_tokens" and "max_completion_tokens" differ: wanted one of them.')
  }
  return {
    temperature: number('temperature', 0, 2),
    topP: number('top_p', 0.000001, 1),
    maxTokens: maxCompletionTokens ?? maxTokens,
    stop: stopOf(given.get('stop')),
    seed: number('seed', 0, 2 ** 32 - 1, true),
  }
}

function stopOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined
  const list = typeof value === 'string' ? [value] : value
  if (Array.isArray(list) && list.length <= 16 && list.every((each) => typeof each === 'string' && each !== '')) {
    return list.length === 0 ? undefined : list
  }
  throw badRequest('stop', '"stop" is neither a text nor a list of at most 16 texts, none of them empty.')
}

function usageWanted(value: unknown, stream: boolean): boolean {
  if (value === undefined) return false
  if (!isObject(value)) throw badRequest('stream_options', '"stream_options" is no object.')
  if (!stream) throw badRequest('stream_options', '"stream_options" is for "stream": true only.')
  for (const [name, option] of Object.entries(value)) {
    // Padding against those who count bytes: every frame is padded on its way already, and loopback has no reader.
    if (name === 'include_usage' || (name === 'include_obfuscation' && option === false)) continue
    throw unsupported(`stream_options.${name}`, 'not supported')
  }
  return booleanOf(value['include_usage'] ?? undefined, 'stream_options.include_usage')
}

function booleanOf(value: unknown, param: string): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  throw badRequest(param, `"${param}" is ${show(value)}: wanted true or false.`)
}

const ROLES: Readonly<Record<string, Message['role']>> = {
  system: 'system',
  // What newer clients call it.
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/** Fields of a message that OpenAI's own answers carry, and clients send back: nothing to heed while they are empty. */
const EMPTY_IN_MESSAGES = new Set(['refusal', 'audio', 'annotations', 'tool_calls', 'function_call'])

function messagesOf(value: unknown): readonly Message[] {
  if (!Array.isArray(value) || value.length === 0)
    throw badRequest('messages', '"messages" is no list with a message in it.')
  return value.map((message: unknown, at) => messageOf(message, `messages.${at}`))
}

function messageOf(message: unknown, param: string): Message {
  if (!isObject(message)) throw badRequest(param, `"${param}" is no object.`)
  const { role: name, content, ...rest } = message
  const role = typeof name === 'string' && Object.hasOwn(ROLES, name) ? ROLES[name] : undefined
  if (role === undefined)
    throw badRequest(`${param}.role`, `"${param}.role" is ${show(name)}: wanted ${Object.keys(ROLES).join(', ')}.`)
  for (const [field, given] of Object.entries(rest)) {
    const isEmpty = given === null || (Array.isArray(given) && given.length === 0)
    if (!(isEmpty && EMPTY_IN_MESSAGES.has(field))) throw unsupported(`${param}.${field}`, 'not supported')
  }
  return { role, content: textOf(content, `${param}.content`) }
}

function textOf(content: unknown, param: string): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw badRequest(param, `"${param}" is neither a text nor a list of text parts.`)
  return content
    .map((part: unknown, at) => {
      if (isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string') return part['text']
      const type = isObject(part) ? show(part['type']) : 'no object'
      throw unsupported(`${param}.${at}`, `a part of type ${type}, wanted text`)
    })
    .join('')
}

function unsupported(param: string, fault: string): ProxyError {
  return badRequest(param, `Unsupported parameter "${param}": ${fault}.`, 'unsupported_parameter')
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lists and objects are only named: from outside they may nest deeper than they can be written. */
const show = (value: unknown) => {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return (JSON.stringify(value) ?? String(value)).slice(0, 80)
}
