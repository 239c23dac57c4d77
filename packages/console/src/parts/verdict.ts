/**
 * A verdict as a reader sees it: the word, what was said, who said it, and every check. Both pages use it.
 *
 * @module
 */
import type { Verdict } from '@mystranet/sdk'
import { toHex } from '@mystranet/sdk/bytes'
import { element } from './element.ts'

export type Status = Verdict['status']

/** One check, of an answer or of a receipt. */
export interface Row {
  readonly name: string
  readonly result: 'pass' | 'fail' | 'skipped'
  readonly reason: string
  readonly required: boolean
}

/** A term and what it is; without a value the pair is left out. */
export type Fact = readonly [term: string, value: string | number | bigint | Uint8Array | undefined]

const SIGNS = { VERIFIED: '✓', PARTIAL: '◐', FAILED: '✕' } as const
const RESULT_SIGNS = { pass: '✓ pass', fail: '✕ fail', skipped: '– skipped' } as const

/** The word, under which trust file, and in a sentence why. */
export function banner(of: {
  status: Status
  trustName: string
  firstUse: boolean
  checks: readonly Row[]
}): HTMLElement {
  const { status, trustName, firstUse, checks } = of
  return element(
    'div',
    { class: `verdict ${status}` },
    element('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[status]),
    element('strong', {}, status, element('span', {}, ` under “${trustName}”`)),
    element('p', {}, sentence(status, checks)),
    firstUse &&
      element(
        'p',
        {},
        'First use: this trust file came from the very router that it judges. Compare it with one from elsewhere.',
      ),
  )
}

function sentence(status: Status, checks: readonly Row[]): string {
  const names = (rows: readonly Row[]) => rows.map(({ name }) => name).join(', ')
  const open = checks.filter(({ result }) => result === 'skipped')
  if (status === 'FAILED')
    return `Do not rely on it. Failed: ${names(checks.filter(({ result }) => result === 'fail'))}.`
  if (status === 'PARTIAL')
    return `Not settled. Required and skipped: ${names(open.filter(({ required }) => required))}.`
  return open.length === 0
    ? `All ${checks.length} checks passed.`
    : `All required checks passed. Not required and skipped: ${names(open)}.`
}

/** Every check as a row. */
export function checkTable(checks: readonly Row[]): HTMLElement {
  const head = (text: string) => element('th', { scope: 'col' }, text)
  const row = ({ name, result, reason, required }: Row) =>
    element(
      'tr',
      { class: `${result}${required ? '' : ' free'}` },
      element('th', { scope: 'row', class: 'name' }, name),
      element('td', { class: 'result' }, RESULT_SIGNS[result]),
      element('td', { class: 'why' }, reason),
      element('td', { class: 'wanted' }, required ? 'required' : 'not required'),
    )
  return element(
    'table',
    { class: 'checks' },
    element('caption', {}, `${checks.length} checks, computed in this page`),
    element('thead', {}, element('tr', {}, head('Check'), head('Result'), head('Reason'), head('Trust file'))),
    element('tbody', {}, ...checks.map(row)),
  )
}

/** Terms and values; bytes as hex. */
export function factList(facts: readonly Fact[]): HTMLElement {
  const pairs = facts.flatMap(([term, value]) =>
    value === undefined || value === ''
      ? []
      : [element('dt', {}, term), element('dd', { class: value instanceof Uint8Array && 'id' }, textOf(value))],
  )
  return element('dl', { class: 'facts', hidden: pairs.length === 0 && '' }, ...pairs)
}

const textOf = (value: NonNullable<Fact[1]>): string => (value instanceof Uint8Array ? toHex(value) : `${value}`)

/** Local time with its zone, and the same in UTC for those who compare. */
export const when = (ms: number): string =>
  `${new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' })} (${new Date(ms).toISOString()})`

/** Words that somebody said, with who. */
const said = (who: string, words: string, kind = ''): HTMLElement =>
  element(
    'section',
    { class: `said ${kind}` },
    element('h3', {}, who),
    element('div', { class: 'words', dir: 'auto' }, words),
  )

/** All of a verdict about an answer. Shows of question and answer only what the verdict releases. */
export function verdictView(verdict: Verdict): DocumentFragment {
  const { request, answer, checks } = verdict
  const view = document.createDocumentFragment()
  view.append(banner(verdict))
  for (const { role, content } of request?.messages ?? [])
    view.append(said(role === 'user' ? 'Question' : role, content ?? ''))
  if (request && !request.messages) view.append(said('Question', 'Not disclosed in this file, or not proven.'))
  if (answer) view.append(said(answer.isComplete ? 'Answer' : `Answer, cut (${answer.finish})`, answer.text, 'answer'))
  else view.append(said('Answer', 'Not shown: what was signed and committed to could not be established.'))
  for (const call of answer?.toolCalls ?? []) view.append(said(`Tool call: ${call.name}`, call.arguments ?? ''))
  view.append(factList(factsOf(verdict)), checkTable(checks))
  return view
}

function factsOf({ request, answer }: Verdict): Fact[] {
  const model = answer?.model
  return [
    ['Answered by', answer && (answer.agent ?? 'not proven')],
    ['Model, as it declares', answer && (model?.name ?? 'not proven')],
    ['Architecture', model?.architecture],
    ['Quantisation', model?.quantisation],
    ['Model file, SHA-256', model?.fileDigest],
    ['Chat template, SHA-256', model?.chatTemplateDigest],
    ['Tokenizer, SHA-256', model?.tokenizerDigest],
    ['Engine', model?.engine],
    ['Runtime', model?.runtime],
    ['Runtime, SHA-256', model?.runtimeDigest],
    ['Asked', request && when(request.createdMs)],
    ['Asked by', request && (request.sender ?? 'not proven')],
    ['Asked for', request?.target],
    ['Finish', answer?.finish],
    ['Attempt', answer?.attempt],
    ['Tokens in, out', answer && `${answer.usage.promptTokens}, ${answer.usage.completionTokens}`],
    ['Request, packet id', request?.packetId],
  ]
}
