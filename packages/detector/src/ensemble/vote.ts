/**
 * How rules and models make one verdict of a window: a weighted vote. Pure; `training/flood/members.py` has the same rules,
 * and the evaluation was made with those.
 *
 * @module
 */
import type { ModelManifest, Threshold } from '../model/manifest.ts'

/** What the window mostly is: each kind has thresholds of its own. */
export type FloodClass = 'tcp-flood' | 'udp-flood' | 'icmp-flood' | 'other-flood'

export const FLOOD_CLASSES: readonly FloodClass[] = ['tcp-flood', 'udp-flood', 'icmp-flood', 'other-flood']

export type Member = 'rules' | 'trees' | 'outlier'

/** A sum of 1 is an attack; from a half on nobody knows. Models can do together what one rule does alone. */
export const WEIGHTS: Readonly<Record<Member, number>> = { rules: 1, trees: 0.5, outlier: 0.5 }
const ATTACK = 1
const UNSURE = 0.5

/** Packets per second below which nothing is a flood that only models see. */
export const MIN_RATE = 100

/** A score at or above the first has the whole vote, at or above the second half of it. */
export const STRICT = 'fpr-1e-3'
export const LOOSE = 'fpr-1e-2'

/** What one member says. `vote` is 0, 0.5 or 1. */
export interface Vote {
  readonly member: Member
  readonly vote: number
  readonly weight: number
  /** What the model's threshold is compared with; of rules the number that fired. */
  readonly score: number
  /** Why it abstains, where it does. */
  readonly abstains?: string
}

export interface Decision {
  readonly verdict: 'attack' | 'unsure' | 'clear'
  /** Sum of the weighted votes. */
  readonly sum: number
  /** Why there is no verdict; only when unsure. */
  readonly reason?: string
}

/** The sum of the votes, and what follows from it. */
export function decide(votes: readonly Vote[]): Decision {
  const sum = votes.reduce((total, { vote, weight }) => total + vote * weight, 0)
  if (sum >= ATTACK) return { verdict: 'attack', sum }
  if (sum < UNSURE) return { verdict: 'clear', sum }
  const says = votes.map(({ member, vote }) => `${member} ${vote === 1 ? 'yes' : vote === 0 ? 'no' : 'half'}`)
  return { verdict: 'unsure', sum, reason: `${says.join(', ')}: votes of ${sum}, wanted ${ATTACK} for an attack` }
}

/** Two limits a class, in the order of `FLOOD_CLASSES`: strict, loose. Both of the manifest's `margin`. */
export type Limits = readonly (readonly [strict: number, loose: number])[]

/**
 * Where the thresholds of a model stand.
 *
 * @param thresholdAt Where feedback has moved one, by `⟨model⟩/⟨class⟩/⟨name⟩`; held within the manifest's bounds here too.
 * @throws {RangeError} when the manifest lacks one, or gives one for a probability.
 */
export function limitsOf(manifest: ModelManifest, thresholdAt?: (key: string) => number | undefined): Limits {
  const at = (of: string, name: string): number => {
    const found = manifest.thresholds.find((one) => one.class === of && one.name === name)
    if (found?.output !== 'margin') {
      throw new RangeError(`Cannot vote with ${manifest.id}: no threshold ${name} for the margin of ${of}`)
    }
    return bounded(found, thresholdAt?.(`${manifest.id}/${of}/${name}`))
  }
  return FLOOD_CLASSES.map((of) => [Math.max(at(of, STRICT), at(of, LOOSE)), at(of, LOOSE)] as const)
}

const bounded = ({ at, low, high }: Threshold, moved = at): number => Math.min(high, Math.max(low, moved))

/** What a model's margin is worth: 0, 0.5 or 1. */
export function voteOf(margin: number, limits: Limits, of: FloodClass): number {
  const [strict, loose] = limits[FLOOD_CLASSES.indexOf(of)]!
  return 0.5 * Number(margin >= loose) + 0.5 * Number(margin >= strict)
}
