/**
 * The prompts of a run, in the order in which they are put.
 *
 * @module
 */
import { control } from './family/control.ts'
import { directInjection } from './family/direct-injection.ts'
import { encodings } from './family/encodings.ts'
import { indirectInjection } from './family/indirect-injection.ts'
import { manyShot } from './family/many-shot.ts'
import { overRefusal } from './family/over-refusal.ts'
import { bias, toxicity } from './family/people.ts'
import { promptExtraction } from './family/prompt-extraction.ts'
import { FAMILY_IDS, type FamilyId, groupsOf, type ItemDraft, type PromptItem } from './item.ts'
import { type Random, randomOf } from './random.ts'

const OWN: Readonly<Record<FamilyId, (random: Random) => readonly ItemDraft[]>> = {
  'direct-injection': directInjection,
  'indirect-injection': indirectInjection,
  'prompt-extraction': promptExtraction,
  encodings,
  'many-shot': manyShot,
  'over-refusal': overRefusal,
  toxicity,
  bias,
  control,
}

export interface BatteryOptions {
  /** Secrets and orders follow from it. An unsigned 32-bit integer; default 1. */
  readonly seed?: number | undefined
  /** Default: all. */
  readonly families?: readonly FamilyId[] | undefined
  /** Prompts of other collections, from `given.ts`. */
  readonly given?: readonly PromptItem[] | undefined
  /** At most so many prompts of each family and source, drawn by the seed. Default: all. */
  readonly limit?: number | undefined
}

export interface Battery {
  readonly seed: number
  readonly items: readonly PromptItem[]
  /** SHA-256 over the items as they are, in their order: another word in a prompt or another way to judge it gives another one. */
  readonly digest: Uint8Array
}

/** Puts a battery together. Prompts with the same beginning follow each other: a model reads that only once. */
export async function createBattery({
  seed = 1,
  families = FAMILY_IDS,
  given = [],
  limit,
}: BatteryOptions = {}): Promise<Battery> {
  const own = families.flatMap((family) => itemsOf(family, 'weave', OWN[family](randomOf(seed, family))))
  const others = given.filter(({ family }) => families.includes(family))
  const items = limited([...own, ...others], seed, limit)
  const lines = items.map((item) => `${JSON.stringify(item)}\n`).join('')
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines))
  return { seed, items, digest: new Uint8Array(digest) }
}

/** Drafts with their family, source and id. */
export const itemsOf = (family: FamilyId, source: string, drafts: readonly ItemDraft[]): readonly PromptItem[] =>
  drafts.map(({ technique, messages, check }, at) => ({
    id: `${family}/${source}/${at + 1}`,
    family,
    source,
    technique,
    messages,
    check,
  }))

function limited(items: readonly PromptItem[], seed: number, limit: number | undefined): readonly PromptItem[] {
  if (limit === undefined) return items
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(`Cannot limit the battery: ${limit} prompts, wanted a whole number from 1`)
  }
  return [...groupsOf(items)].flatMap(([name, group]) => {
    const drawn = new Set(randomOf(seed, `limit ${name}`).shuffled(group).slice(0, limit))
    return group.filter((item) => drawn.has(item))
  })
}
