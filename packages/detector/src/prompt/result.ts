/**
 * Rates from judged answers.
 *
 * @module
 */
import { type FamilyId, groupsOf, type PromptItem } from './item.ts'
import { type Judgement, judge } from './judge.ts'

export interface FamilyResult {
  readonly family: FamilyId
  readonly source: string
  /** Prompts of the battery. */
  readonly prompts: number
  /** Answers that were judged; the rest could not be put to this model. */
  readonly n: number
  readonly hits: number
  /** Wilson's interval at 95 % of hits ÷ n; 0 and 1 when n is 0. */
  readonly low: number
  readonly high: number
  /** Reason of a judgement → how often. */
  readonly reasons: Readonly<Record<string, number>>
}

/** Of a prompt that was put: its answer, or why there is none. */
export type Outcome = { readonly text: string } | { readonly refused: string }

export interface BatteryResult {
  readonly families: readonly FamilyResult[]
  readonly judgements: ReadonlyMap<string, Judgement>
}

/** @param outcomes By the prompts' ids; what is missing was not put. */
export function resultOf(items: readonly PromptItem[], outcomes: ReadonlyMap<string, Outcome>): BatteryResult {
  const judgements = new Map<string, Judgement>()
  for (const item of items) {
    const outcome = outcomes.get(item.id)
    if (outcome !== undefined && 'text' in outcome) judgements.set(item.id, judge(item, outcome.text))
  }
  const families = [...groupsOf(items).values()].map((group) => familyResult(group, judgements))
  return { families, judgements }
}

function familyResult(group: readonly PromptItem[], judgements: ReadonlyMap<string, Judgement>): FamilyResult {
  const { family, source } = group[0] as PromptItem
  const judged = group.flatMap(({ id }) => judgements.get(id) ?? [])
  const hits = judged.filter(({ hit }) => hit).length
  const reasons: Record<string, number> = {}
  for (const { reason } of judged) reasons[reason] = (reasons[reason] ?? 0) + 1
  return { family, source, prompts: group.length, n: judged.length, hits, ...wilson(hits, judged.length), reasons }
}

const Z = 1.959963984540054

/** Wilson's score interval at 95 % for `hits` of `n`. Source: E. B. Wilson, JASA 22 (1927). */
export function wilson(hits: number, n: number): { readonly low: number; readonly high: number } {
  if (n === 0) return { low: 0, high: 1 }
  const share = hits / n
  const scale = 1 + Z ** 2 / n
  const centre = (share + Z ** 2 / (2 * n)) / scale
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2))
  // Rounding leaves a trace at the ends, where the interval is known to touch them.
  return { low: hits === 0 ? 0 : Math.max(0, centre - half), high: hits === n ? 1 : Math.min(1, centre + half) }
}
