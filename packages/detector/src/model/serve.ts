/**
 * A model that serves, and its successor beside it: the new one scores what the old one scores, in its shadow, until enough
 * rows show that they differ no more than the old one's signed manifest allows. Otherwise the old one goes on as before.
 *
 * @module
 */
import { DetectorError } from '../errors.ts'
import { type ExpectedModel, type LoadedModel, type LoadOptions, loadModel, type ModelArtifact } from './load.ts'
import type { ModelManifest, ShadowBound, Threshold } from './manifest.ts'
import type { Scores } from './scorer.ts'

/** What became of an offered artifact. `version` is known of what passed every check of `loadModel`. */
export type ModelEvent =
  | { readonly kind: 'shadowed' | 'served'; readonly version: string; readonly serving: string }
  | {
      /** `refused` before it saw a live row, `rolled-back` after. The model that served goes on. */
      readonly kind: 'refused' | 'rolled-back'
      readonly version?: string
      readonly serving: string
      readonly error: Error
    }

export interface ModelServerOptions extends LoadOptions {
  /** Called for each step, in order. It must not throw. */
  readonly onEvent?: (event: ModelEvent) => void
}

/** Scores, and the manifest of the model that gave them: thresholds of another are not theirs. */
export interface ServedScores extends Scores {
  readonly manifest: ModelManifest
}

export interface ModelServer {
  /** Of the model that serves. */
  readonly manifest: ModelManifest
  /** As `Scorer.score`. A candidate costs time, and can neither delay nor change what this gives. */
  score(rows: Float32Array, rowCount: number): Promise<ServedScores>
  /**
   * Takes a candidate into the shadow; one that is there already is given up for it. It serves, or is rolled back, while
   * `score` is called.
   *
   * @throws {DetectorError} as `loadModel`; the model that serves and a candidate in the shadow stay as they are.
   */
  offer(artifact: ModelArtifact): Promise<void>
  /** Fulfilled when all rows that were scored so far were compared. */
  settled(): Promise<void>
}

/** One candidate in the shadow. */
interface Trial {
  readonly model: LoadedModel
  readonly bound: ShadowBound
  rows: number
  difference: number
  flips: number
}

/** @param first What serves until a candidate has proven itself. */
export function modelServer(
  first: LoadedModel,
  expected: ExpectedModel,
  options: ModelServerOptions = {},
): ModelServer {
  const { onEvent = () => {}, ...loading } = options
  let serving = first
  let trial: Trial | undefined
  let compared: Promise<void> = Promise.resolve()

  /** Ends the trial that runs. */
  function end(ended: Trial, error?: Error): void {
    trial = undefined
    const { version } = ended.model.manifest
    const old = serving
    if (error === undefined) serving = ended.model
    const loser = error === undefined ? old : ended.model
    void loser.scorer.release().catch(() => {}) // It serves no more, whether or not its memory is freed.
    if (error === undefined) onEvent({ kind: 'served', version, serving: version })
    else onEvent({ kind: 'rolled-back', version, serving: old.manifest.version, error })
  }

  async function compare(running: Trial, ours: Promise<Scores>, theirs: Promise<Scores>): Promise<void> {
    const [old, shadow] = await Promise.allSettled([ours, theirs])
    if (trial !== running) return // Another took its place meanwhile.
    if (old.status === 'rejected') return // What the old one cannot score shows nothing of the new one.
    if (shadow.status === 'rejected') return end(running, diverged('it fails on a live row', shadow.reason))
    addDifferences(running, serving.manifest, old.value, shadow.value)
    const error = verdictOf(running)
    if (error !== undefined || running.rows >= running.bound.rows) end(running, error)
  }

  return {
    get manifest() {
      return serving.manifest
    },
    async score(rows, rowCount) {
      const { scorer, manifest } = serving
      const scores = scorer.score(rows, rowCount)
      if (trial !== undefined) {
        const comparison = compare(trial, scores, trial.model.scorer.score(rows, rowCount))
        compared = compared.then(() => comparison)
      }
      return { ...(await scores), manifest }
    },
    async offer(artifact) {
      let version: string | undefined
      try {
        const model = await loadModel(artifact, expected, loading)
        version = model.manifest.version
        checkCovers(model.manifest, serving.manifest)
        const replaced = trial
        trial = { model, bound: serving.manifest.shadow, rows: 0, difference: 0, flips: 0 }
        void replaced?.model.scorer.release().catch(() => {})
        onEvent({ kind: 'shadowed', version, serving: serving.manifest.version })
      } catch (error) {
        const known = version === undefined ? {} : { version }
        if (error instanceof Error) onEvent({ kind: 'refused', ...known, serving: serving.manifest.version, error })
        throw error
      }
    },
    settled: () => compared,
  }
}

/** A successor decides at least what its predecessor does. */
function checkCovers(next: ModelManifest, { thresholds }: ModelManifest): void {
  const lost = thresholds.find((threshold) => counterpart(threshold, next) === undefined)
  if (lost === undefined) return
  const state = `it has no threshold ${lost.name} for ${lost.class}, wanted those of the model that serves`
  throw new DetectorError('MODEL_THRESHOLDS_INVALID', `Cannot serve the new model: ${state}`)
}

function addDifferences(trial: Trial, { thresholds }: ModelManifest, old: Scores, shadow: Scores): void {
  const pairs = thresholds.map((before) => [before, counterpart(before, trial.model.manifest)!] as const)
  for (let row = 0; row < old.probability.length; row++) {
    trial.difference += Math.abs(old.probability[row]! - shadow.probability[row]!)
    const isFlip = pairs.some(
      ([before, after]) => old[before.output][row]! >= before.at !== shadow[after.output][row]! >= after.at,
    )
    if (isFlip) trial.flips++
  }
  trial.rows += old.probability.length
}

const counterpart = ({ class: of, name }: Threshold, { thresholds }: ModelManifest): Threshold | undefined =>
  thresholds.find((one) => one.class === of && one.name === name)

/** Wrong as soon as no rows that are still to come could set it right. */
function verdictOf({ rows, difference, flips, bound }: Trial): DetectorError | undefined {
  const whole = Math.max(rows, bound.rows)
  if (!(difference <= bound.meanDifference * whole))
    return diverged(`its probabilities differ by ${difference / rows} on ${rows} rows, wanted ${bound.meanDifference}`)
  if (flips > bound.flips * whole)
    return diverged(`it decides otherwise on ${flips} of ${rows} rows, wanted at most the share ${bound.flips}`)
  return undefined
}

const diverged = (state: string, cause?: unknown) =>
  new DetectorError('MODEL_SHADOW_DIVERGED', `Cannot serve the new model: ${state}`, { cause })
