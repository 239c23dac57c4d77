/**
 * From packets to verdicts of rules and models together. Without models it is `trafficWatch`.
 *
 * @module
 */
import type { Frame } from '../capture/frame.ts'
import type { Packet, SkipReason } from '../capture/packet.ts'
import { type TrafficWatch, trafficWatch, type Verdict, type WatchOptions } from '../flow/watch.ts'
import type { WindowCounts } from '../flow/window.ts'
import type { Scores } from '../model/scorer.ts'
import { classOf, type FloodModel, ROW_LENGTH, type TopFeature, unusualFeatures, writeRow } from './model.ts'
import { type Decision, decide, type FloodClass, limitsOf, MIN_RATE, type Vote, voteOf, WEIGHTS } from './vote.ts'

export { EXPECTED_FLOOD_MODEL, EXPECTED_OUTLIER_MODEL, type FloodModel, type TopFeature } from './model.ts'
export { type FloodClass, type Member, type Vote, WEIGHTS } from './vote.ts'

/** What is said of one window, and why. */
export interface FloodVerdict extends Omit<Verdict, 'verdict' | 'features'>, Decision {
  /** Rules first. Of a window by source, rules only: a flood is what a destination gets. */
  readonly votes: readonly Vote[]
  /** Calibrated, that the window is an attack; undefined when the trees were not asked or failed. */
  readonly probability: number | undefined
  readonly floodClass: FloodClass | undefined
  /** Farthest outside what is usual first; empty where no model was asked. */
  readonly topFeatures: readonly TopFeature[]
}

export interface FloodWatchOptions extends Omit<WatchOptions, 'withFeatures' | 'groups'> {
  readonly trees: FloodModel
  /** Without it, the trees' vote alone can make a window unsure and never an attack. */
  readonly outlier?: FloodModel
  /** Where feedback has moved a threshold, by `⟨model⟩/⟨class⟩/⟨name⟩`. Asked once a batch. */
  readonly thresholdAt?: (key: string) => number | undefined
  /** Told of every error of a model: its vote is then missing, and the others decide. */
  readonly onModelError?: (error: unknown) => void
}

export interface FloodWatch {
  frame(frame: Frame): void
  packet(packet: Packet): void
  /** Closes all windows; fulfilled when each has its verdict. */
  end(): Promise<void>
  /**
   * Fulfilled when all windows that closed so far have their verdicts. Whoever reads a file waits for it between chunks:
   * windows that wait are kept, and nothing else bounds them.
   */
  settled(): Promise<void>
  readonly counts: Readonly<WindowCounts>
  readonly skipped: Readonly<Record<SkipReason, number>>
}

/** Windows that are scored together: the scorers' own block. */
const BATCH = 64

interface Batch {
  readonly rows: Float32Array
  readonly verdicts: Verdict[]
}

const emptyBatch = (): Batch => ({ rows: new Float32Array(BATCH * ROW_LENGTH), verdicts: [] })

/**
 * Watches one place's traffic with rules and models. Verdicts come in the order in which windows close, each as soon as the
 * models have scored it: in the turn after the packet that closed it, or in batches of 64 where many close at once. Never
 * acts. `onVerdict` must not throw.
 */
export function floodWatch(onVerdict: (verdict: FloodVerdict) => void, options: FloodWatchOptions): FloodWatch {
  const { trees, outlier, thresholdAt, onModelError = () => {}, ...watching } = options
  const judge = floodJudge(trees, outlier, thresholdAt, onModelError)
  let batch = emptyBatch()
  let isDue = false
  let last: Promise<void> = Promise.resolve()

  const flush = (): void => {
    isDue = false
    if (batch.verdicts.length === 0) return
    const judged = judge(batch)
    batch = emptyBatch()
    last = last.then(async () => {
      for (const verdict of await judged) onVerdict(verdict)
    })
  }
  const take = (verdict: Verdict): void => {
    if (verdict.features !== undefined) writeRow(verdict.features, batch.rows, batch.verdicts.length * ROW_LENGTH)
    batch.verdicts.push(verdict)
    if (batch.verdicts.length === BATCH) flush()
    else if (!isDue) {
      isDue = true
      queueMicrotask(flush)
    }
  }
  const settled = (): Promise<void> => {
    flush()
    return last
  }
  const watch: TrafficWatch = trafficWatch(take, { ...watching, withFeatures: ['destination'] })
  return {
    counts: watch.counts,
    skipped: watch.skipped,
    frame: watch.frame,
    packet: watch.packet,
    settled,
    end() {
      watch.end()
      return settled()
    },
  }
}

/** A batch to verdicts, in order. Never rejects: a model that fails has no vote. */
function floodJudge(
  trees: FloodModel,
  outlier: FloodModel | undefined,
  thresholdAt: FloodWatchOptions['thresholdAt'],
  onModelError: (error: unknown) => void,
) {
  const explain = new WeakMap<object, ReturnType<typeof unusualFeatures>>()
  const explainer = ({ manifest }: FloodModel) => {
    const known = explain.get(manifest) ?? unusualFeatures(manifest)
    explain.set(manifest, known)
    return known
  }
  const ask = async (model: FloodModel | undefined, { rows, verdicts }: Batch): Promise<Asked | undefined> => {
    if (model === undefined) return undefined
    try {
      const limits = limitsOf(model.manifest, thresholdAt)
      return { limits, scores: await model.score(rows.subarray(0, verdicts.length * ROW_LENGTH), verdicts.length) }
    } catch (error) {
      onModelError(error)
      return undefined
    }
  }
  return async (batch: Batch): Promise<readonly FloodVerdict[]> => {
    const [byTrees, byOutlier] = await Promise.all([ask(trees, batch), ask(outlier, batch)])
    const topFeatures = explainer(trees)
    return batch.verdicts.map((verdict, row) => {
      const isAsked = verdict.group === 'destination'
      const at = row * ROW_LENGTH
      const of = isAsked ? classOf(batch.rows, at) : undefined
      const votes: Vote[] = [ruleVote(verdict)]
      if (of !== undefined) {
        votes.push(modelVote('trees', byTrees, verdict, row, of))
        if (outlier !== undefined) votes.push(modelVote('outlier', byOutlier, verdict, row, of))
      }
      const { features: _, verdict: __, ...seen } = verdict
      return {
        ...seen,
        ...decide(votes),
        votes,
        floodClass: of,
        probability: isAsked ? byTrees?.scores.probability[row] : undefined,
        topFeatures: isAsked ? topFeatures(batch.rows, at) : [],
      }
    })
  }
}

interface Asked {
  readonly limits: ReturnType<typeof limitsOf>
  readonly scores: Scores
}

const ruleVote = ({ rules }: Verdict): Vote => ({
  member: 'rules',
  vote: rules.length > 0 ? 1 : 0,
  weight: WEIGHTS.rules,
  score: rules.length,
})

function modelVote(
  member: 'trees' | 'outlier',
  asked: Asked | undefined,
  { rate, usualLimit }: Verdict,
  row: number,
  of: FloodClass,
): Vote {
  const weight = WEIGHTS[member]
  if (asked === undefined) return { member, vote: 0, weight, score: Number.NaN, abstains: 'it could not be asked' }
  const score = asked.scores.margin[row]!
  const least = Math.max(MIN_RATE, usualLimit ?? 0)
  if (rate < least) {
    const abstains = `${Math.round(rate)} packets/s, and below ${Math.round(least)} this host is not flooded`
    return { member, vote: 0, weight, score, abstains }
  }
  return { member, vote: voteOf(score, asked.limits, of), weight, score }
}
