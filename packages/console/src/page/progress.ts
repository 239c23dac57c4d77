/**
 * How far a question has come, for the eye (steps and words) and for the ear (whole sentences, now and then).
 *
 * @module
 */
import { element, part } from '../parts/element.ts'

const STEPS = ['Sealed', 'In the log', 'Accepted', 'Answering', 'Complete', 'Checked'] as const
export type Step = (typeof STEPS)[number]

/** A screen reader is told at most this often. */
const SPEAK_MS = 1_500

export interface Progress {
  /** The step that goes on now; those before it are done. */
  at(step: Step): void
  /** What the router says meanwhile. Unauthenticated. */
  note(text: string): void
  /** More of the answer. */
  add(text: string): void
  /** It has ended: whole, or cut. */
  end(whole: boolean): void
}

/** Empties the card of the answer and shows it. */
export function showProgress(question: string): Progress {
  const steps = part('steps')
  const words = part('words')
  const spoken = part('spoken')
  const items = STEPS.map((step) => element('li', {}, step))
  let current = 0
  let waiting = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  steps.replaceChildren(...items)
  words.replaceChildren()
  spoken.replaceChildren()
  part('asked').textContent = question
  part('unverified').hidden = false
  part('answer').hidden = false
  words.setAttribute('aria-busy', 'true')

  const paint = (last: string) => {
    for (const [index, item] of items.entries()) {
      item.className = index < current ? 'done' : index === current ? last : ''
      item.toggleAttribute('aria-current', index === current && last === 'now')
    }
  }
  const speak = (all: boolean) => {
    clearTimeout(timer)
    timer = undefined
    const end = all ? waiting.length : waiting.search(/[.!?:\n][^.!?:\n]*$/) + 1
    if (end > 0) spoken.append(element('p', {}, waiting.slice(0, end)))
    waiting = waiting.slice(end)
  }
  paint('now')
  return {
    at(step) {
      const index = STEPS.indexOf(step)
      if (index < current) return
      current = index
      paint('now')
    },
    note(text) {
      part('progress').textContent = text
    },
    add(text) {
      words.append(text)
      waiting += text
      timer ??= setTimeout(() => speak(false), SPEAK_MS)
    },
    end(whole) {
      speak(true)
      if (whole) current = STEPS.length
      paint('cut')
      words.setAttribute('aria-busy', 'false')
      part('unverified').hidden = whole
      if (!whole) part('unverified').textContent = '– cut, not verified'
      part('progress').textContent = ''
    },
  }
}
