/**
 * From what was seen to signed findings, and back: observations → incidents → signed drafts → outbox → topics → leaf, and
 * people's words → thresholds.
 *
 * Under pressure, in this order: observations are merged (`incident.ts`); waiting findings of the lowest severity are given
 * up, and counted (`outbox.ts`). What the outbox fails to take is held and tried again, up to 64; more is counted as lost. A finding that can never be published becomes a dead one, kept and listed.
 *
 * @module
 */
import { toHex } from '@mystranet/sdk/bytes'
import { type FeedbackDeps, type FeedbackDesk, type FeedbackStore, feedbackDesk } from './feedback.ts'
import { createIncidents, type IncidentCounts, type IncidentOptions } from './incident.ts'
import { anomalyOf, type FindingDraft, type IncidentReport, type Observation } from './observation.ts'
import type { OutboxLimits } from './outbox.ts'
import { codeOf, type PublishDeps, seal, sendOne } from './publish.ts'
import { type Bound, STANDING, standingOf, thresholdOf, tuningSince } from './tuning.ts'

export type { FeedbackStore, Taken } from './feedback.ts'
export { memoryFeedback } from './memory-feedback.ts'
export { memoryOutbox } from './memory-outbox.ts'
export {
  anomalyOf,
  evidenceOf,
  type FindingDraft,
  type FindingTopic,
  INCIDENT_FORMAT,
  type Observation,
  parseObservation,
  policyOf,
} from './observation.ts'
export {
  floodObservation,
  flowObservation,
  httpObservation,
  logObservation,
  peObservation,
  scanObservation,
} from './observed.ts'
export type { BookedFinding, FindingState, Outbox, OutboxLimits } from './outbox.ts'
export type { FindingSigner, LoopMetrics } from './publish.ts'
export { type Bound, boundsOf, type Tunable, type Vote } from './tuning.ts'

export interface LoopDeps extends PublishDeps {
  /** Those of the outbox. */
  readonly limits: OutboxLimits
  readonly feedback: FeedbackStore
  readonly isLogged: FeedbackDeps['isLogged']
  /** The bound of a threshold, of the signed manifest in force; undefined when no model has it. */
  boundOf(tunes: string): Bound | undefined
  readonly incidents?: Omit<IncidentOptions, 'patience'>
}

export interface Loop {
  /** Takes an observation in. Returns at once; never throws. */
  observe(observation: Observation): void
  /** Takes a finding in as it is: evidence, policy. Resolves when it is in the outbox, with its id. */
  tell(draft: FindingDraft): Promise<string>
  /** Publishes what is due. Never rejects. @returns how many were published. */
  pump(): Promise<number>
  /** Takes feedback in that was admitted. */
  readonly desk: FeedbackDesk
  /** Where a threshold stands now, within its bound; undefined when no model has it. */
  threshold(tunes: string): Promise<number | undefined>
  /** Where a source or producer stands now. */
  standing(subject: string): number
  /** Tells what is open, and tries to publish it, for so long. Nothing is taken in after. */
  close(graceMs: number): Promise<void>
  readonly counts: Readonly<IncidentCounts>
}

const BATCH = 16
/** Findings that wait in memory for an outbox that fails. */
const MAX_HELD = 64

export function createLoop(deps: LoopDeps): Loop {
  const { outbox, feedback, metrics, onFault, nowMs, limits } = deps
  const self = toHex(deps.signer.producerId)
  const standings = new Map<string, number>()
  const standing = (subject: string) => standings.get(subject) ?? STANDING.standard
  const incidents = createIncidents({
    ...deps.incidents,
    // Who was often overruled is told of less often: 0.56 to 5 times the window.
    patience: (source) => STANDING.standard / standing(source),
  })
  let isPressed = false
  let isClosed = false
  // One after the other; a failure is reported, and stops nothing.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(run: () => Promise<T>): Promise<T | undefined> => {
    const done = last.then(run).catch((error: unknown) => {
      onFault(error)
      return undefined
    })
    last = done
    return done
  }

  const tell = async (draft: FindingDraft): Promise<string> => {
    const entry = await seal(deps, draft)
    const result = await outbox.put(entry)
    metrics.count('weave_findings_total', { topic: draft.topic, result })
    return entry.id
  }
  const held: FindingDraft[] = []
  const tellHeld = async () => {
    for (let draft = held[0]; draft !== undefined; draft = held[0]) {
      // Its id follows from its name: one that was kept although its write failed is known.
      await tell(draft)
      held.shift()
    }
  }
  const tellOrHold = async (report: IncidentReport) => {
    const draft = anomalyOf(report)
    try {
      await tell(draft)
    } catch (error) {
      // Another failure is the draft's own, and would come again.
      if (codeOf(error) !== 'STORE_FAILED') throw error
      if (held.length < MAX_HELD) held.push(draft)
      else metrics.count('weave_findings_total', { topic: draft.topic, result: 'lost' })
      throw error
    }
  }
  const tellAll = (reports: readonly IncidentReport[]) => {
    for (const report of reports) void inTurn(() => tellOrHold(report))
  }
  const refresh = async () => {
    const { states, bytes } = await outbox.counts()
    isPressed = states.waiting * 2 > limits.waiting || bytes * 2 > limits.bytes
    const scores = await feedback.scores(tuningSince(nowMs()))
    for (const [subject, own] of Map.groupBy(scores, (score) => score.subject))
      standings.set(subject, standingOf(subject, own, nowMs()))
  }
  const pump = async (): Promise<number> => {
    tellAll(incidents.due(nowMs()))
    await inTurn(tellHeld)
    const sent = await inTurn(async () => {
      await refresh()
      const due = await outbox.due(BATCH, nowMs())
      // One that the outbox could not settle is tried again, and keeps no other.
      return Promise.all(due.map((each) => sendOne(deps, each).catch(onFault)))
    })
    return sent?.filter((each) => each === true).length ?? 0
  }
  return {
    desk: feedbackDesk({
      outbox,
      store: feedback,
      isLogged: deps.isLogged,
      isKnown: async (subject) => subject === self || outbox.hasSource(subject),
      onConfirmed: ({ atMs }) => metrics.observe('weave_finding_pipeline_seconds', Math.max(0, nowMs() - atMs) / 1_000),
    }),
    counts: incidents.counts,
    tell,
    pump,
    standing,
    observe(observation) {
      if (!isClosed) tellAll(incidents.add(observation, isPressed))
    },
    async threshold(tunes) {
      const bound = deps.boundOf(tunes)
      return bound && thresholdOf(bound, await feedback.votes(tunes, tuningSince(nowMs())), nowMs())
    },
    async close(graceMs) {
      isClosed = true
      tellAll(incidents.end())
      const untilMs = nowMs() + graceMs
      do await pump()
      while (nowMs() < untilMs && ((await inTurn(() => outbox.due(1, nowMs()))) ?? []).length > 0)
    },
  }
}
