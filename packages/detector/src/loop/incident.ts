/**
 * Many observations, few findings: what is alike is told once when it begins, and then once a window with its count.
 *
 * What is merged, and when: observations of one type, source and model always are. Beyond so many new incidents a minute,
 * and when the outbox is half full for those of low severity, they are merged over all sources too. Nothing goes uncounted.
 *
 * @module
 */
import type { IncidentReport, Observation } from './observation.ts'

export interface IncidentOptions {
  /** Time between two reports of an incident; one that was quiet for so long is over. Default 60,000. */
  readonly windowMs?: number
  /** Incidents that are kept apart; then the oldest is told and closed. Default 4,096. */
  readonly maxOpen?: number
  /** Incidents that may begin a minute, with as many at once. Default 60. */
  readonly maxNewPerMinute?: number
  /** What a source's window is multiplied by. Default 1. */
  readonly patience?: (source: string) => number
}

export interface Incidents {
  /** @param isPressed The outbox fills: what is of low severity is merged over all sources. @returns reports to publish now. */
  add(observation: Observation, isPressed: boolean): readonly IncidentReport[]
  /** What is to be told by now. */
  due(nowMs: number): readonly IncidentReport[]
  /** Closes all incidents. */
  end(): readonly IncidentReport[]
  readonly counts: Readonly<IncidentCounts>
}

export interface IncidentCounts {
  observations: number
  reports: number
  /** Observations that were told as a number only, or as a sample. */
  merged: number
}

/** The source of an incident that is of more than one. */
export const VARIOUS = 'various'
const LOW_SEVERITY = 3
const MAX_SAMPLES = 3
const MAX_SOURCES = 1_024

interface Incident {
  readonly key: string
  readonly openedMs: number
  readonly windowMs: number
  part: number
  /** When it is told next, or over. */
  dueMs: number
  told: Told | undefined
}

interface Told {
  worst: Observation
  firstMs: number
  lastMs: number
  count: number
  readonly sources: Set<string>
  readonly samples: unknown[]
}

/** Times are the observations' own, and `due`'s. */
export function createIncidents(options: IncidentOptions = {}): Incidents {
  const { windowMs = 60_000, maxOpen = 4_096, maxNewPerMinute = 60, patience = () => 1 } = options
  const counts: IncidentCounts = { observations: 0, reports: 0, merged: 0 }
  // In the order in which they began.
  const open = new Map<string, Incident>()
  const begins = bucket(maxNewPerMinute)

  const reportOf = (incident: Incident, told: Told): IncidentReport => {
    const { openedMs, part } = incident
    const { sources, ...rest } = told
    incident.part += 1
    incident.told = undefined
    counts.reports += 1
    counts.merged += told.count - 1
    return { openedMs, part, ...rest, sources: sources.size }
  }
  const keyOf = ({ type, source, modelVersion }: Observation) => JSON.stringify([type, modelVersion, source])

  return {
    counts,
    add(given, isPressed) {
      counts.observations += 1
      if (given.once !== undefined) return [reportOf(begun('', given.atMs, windowMs), toldOf(given))]
      let observation = given
      let incident = open.get(keyOf(given))
      if (incident === undefined && ((isPressed && given.severity <= LOW_SEVERITY) || !begins(given.atMs))) {
        observation = { ...given, source: VARIOUS }
        incident = open.get(keyOf(observation))
      }
      if (incident !== undefined) {
        merge(incident, observation, given.source)
        return []
      }
      const closed: IncidentReport[] = []
      if (open.size >= maxOpen) {
        const [oldest] = open.values()
        open.delete(oldest?.key as string)
        if (oldest?.told !== undefined) closed.push(reportOf(oldest, oldest.told))
      }
      const fresh = begun(keyOf(observation), given.atMs, windowMs * patience(observation.source))
      open.set(fresh.key, fresh)
      return [...closed, reportOf(fresh, toldOf(observation, given.source))]
    },
    due(nowMs) {
      const reports: IncidentReport[] = []
      for (const incident of open.values()) {
        if (incident.dueMs > nowMs) continue
        if (incident.told === undefined) open.delete(incident.key)
        else reports.push(reportOf(incident, incident.told))
        incident.dueMs = nowMs + incident.windowMs
      }
      return reports
    },
    end() {
      const reports = [...open.values()].flatMap((each) => (each.told === undefined ? [] : [reportOf(each, each.told)]))
      open.clear()
      return reports
    },
  }
}

const begun = (key: string, atMs: number, windowMs: number): Incident => ({
  key,
  openedMs: atMs,
  windowMs,
  part: 0,
  dueMs: atMs + windowMs,
  told: undefined,
})

const toldOf = (worst: Observation, source = worst.source): Told => ({
  worst,
  firstMs: worst.atMs,
  lastMs: worst.atMs,
  count: 1,
  sources: new Set([source]),
  samples: [],
})

function merge(incident: Incident, observation: Observation, source: string): void {
  const { told } = incident
  if (told === undefined) {
    incident.told = toldOf(observation, source)
    return
  }
  told.count += 1
  told.firstMs = Math.min(told.firstMs, observation.atMs)
  told.lastMs = Math.max(told.lastMs, observation.atMs)
  if (told.sources.size < MAX_SOURCES) told.sources.add(source)
  const isWorse =
    observation.severity > told.worst.severity ||
    (observation.severity === told.worst.severity && observation.confidence > told.worst.confidence)
  const sample = isWorse ? told.worst.detail : observation.detail
  if (isWorse) told.worst = observation
  if (told.samples.length < MAX_SAMPLES) told.samples.push(sample)
}

/** So many a minute, with as many at once. A clock that goes back gives nothing. */
function bucket(perMinute: number): (nowMs: number) => boolean {
  let tokens = perMinute
  let lastMs = Number.NEGATIVE_INFINITY
  return (nowMs) => {
    if (nowMs > lastMs) {
      tokens = Math.min(perMinute, tokens + ((nowMs - lastMs) * perMinute) / 60_000)
      lastMs = nowMs
    }
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
