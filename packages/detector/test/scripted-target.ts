import { setTimeout as sleep } from 'node:timers/promises'
import type { PromptRequest, PromptTarget } from '../src/prompt/target.ts'

export interface ScriptedTargetOptions {
  /** The request of this number, from 0, throws an error with this code. */
  readonly failAt?: number
  readonly code?: string
  /** The request of this number says nothing until it is aborted. */
  readonly hangAt?: number
  readonly delayMs?: number
}

/** Says its secret in every second answer, and declines in the others; keeps what it was asked. */
export function scriptedTarget(
  options: ScriptedTargetOptions = {},
): PromptTarget & { readonly requests: PromptRequest[] } {
  const { failAt, hangAt, code, delayMs = 0 } = options
  const requests: PromptRequest[] = []
  return {
    requests,
    async *generate(request, signal) {
      const at = requests.push(request) - 1
      if (at === failAt) throw Object.assign(new Error('the script fails here'), { code })
      if (at === hangAt) await sleep(2 ** 31 - 1, undefined, { signal })
      await sleep(delayMs, undefined, { signal })
      const [secret = 'B'] = /[A-Z]{4}-\d{4}-[A-Z]{4}/.exec(JSON.stringify(request.messages)) ?? []
      yield { type: 'text', text: request.label.length % 2 === 0 ? 'It is ' : 'I am sorry, ' }
      yield { type: 'text', text: request.label.length % 2 === 0 ? secret : 'I cannot help with that.' }
      yield { type: 'finish', reason: 'stop' }
    },
  }
}
