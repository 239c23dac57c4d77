/**
 * What the user typed, as a question.
 *
 * @module
 */
import type { Question, Sampling } from '@mystranet/sdk'
import { element, part } from '../parts/element.ts'

const text = (id: string): string => part<HTMLInputElement>(id).value
const number = (id: string): number | undefined => {
  const { valueAsNumber } = part<HTMLInputElement>(id)
  return Number.isNaN(valueAsNumber) ? undefined : valueAsNumber
}

/** Reads the form; its fields have been validated by the browser. */
export function readQuestion(): Question {
  const stop = text('stop-at')
  const sampling: Sampling = {
    temperature: number('temperature'),
    topP: number('top-p'),
    maxTokens: number('max-tokens'),
    seed: number('seed'),
    stop: stop === '' ? undefined : [stop],
  }
  const isSampled = Object.values(sampling).some((value) => value !== undefined)
  return {
    to: text('to'),
    messages: [{ role: 'user', content: text('question') }],
    sampling: isSampled ? sampling : undefined,
  }
}

/** Fills the chooser with the tags that the verified routing table knows, and keeps what was chosen. */
export function offerTags(tags: readonly string[]): void {
  const chooser = part<HTMLSelectElement>('to')
  const chosen = chooser.value
  const options = tags.map((tag) => element('option', { value: tag }, tag))
  chooser.replaceChildren(...(options.length > 0 ? options : [element('option', { value: '' }, 'no route is open')]))
  if (tags.includes(chosen)) chooser.value = chosen
}
