/**
 * What a part of the detector saw, in one form for all parts, and the findings that are made of it.
 *
 * @module
 */
import {
  type Anomaly,
  type Evidence,
  MAX_FINDING_PAYLOAD_BYTES,
  type Policy,
  type Stamp,
} from '@mystranet/schemas/topics'
import { utf8 } from '@mystranet/sdk/bytes'
import { DetectorError } from '../errors.ts'

/** One thing that was seen. The parts of the detector make it of their verdicts. */
export interface Observation {
  /** What it is: `flow.syn-flood`, `gguf.G25`. 1 to 128 bytes. */
  readonly type: string
  /** Whom or what it concerns. 1 to 256 bytes, attacker-controlled. */
  readonly source: string
  /** 1 to 10. */
  readonly severity: number
  /** 0 to 1. */
  readonly confidence: number
  /** What judged: `flow-rules@1`, `flood@1.0.0`. 1 to 128 bytes. */
  readonly modelVersion: string
  /** The threshold that a reviewer's word about it moves, `⟨model⟩/⟨class⟩/⟨name⟩`. Absent: none. */
  readonly tunes?: string | undefined
  /** What JSON can say; `bigint` and bytes become text. */
  readonly detail: unknown
  /** Unix milliseconds. */
  readonly atMs: number
  /** Names what can be found once only, as a file by its digest. Absent: it is grouped with its like. */
  readonly once?: string | undefined
}

/**
 * Reads an observation that another program made.
 *
 * @param value As JSON gave it; attacker-controlled.
 * @throws {DetectorError} `DOCUMENT_MALFORMED`
 */
export function parseObservation(value: unknown): Observation {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  const text = (name: string, most: number): string => {
    const found = given[name]
    const size = typeof found === 'string' && found.isWellFormed() ? utf8(found).length : 0
    return size >= 1 && size <= most ? (found as string) : malformed(name, `a text of 1 to ${most} bytes`)
  }
  const number = (name: string, least: number, most: number, isWhole: boolean): number => {
    const found = given[name]
    const fits = typeof found === 'number' && found >= least && found <= most && (!isWhole || Number.isInteger(found))
    return fits ? found : malformed(name, `a ${isWhole ? 'whole ' : ''}number of ${least} to ${most}`)
  }
  return {
    type: text('type', 128),
    source: text('source', 256),
    severity: number('severity', 1, 10, true),
    confidence: number('confidence', 0, 1, false),
    modelVersion: text('modelVersion', 128),
    tunes: given['tunes'] === undefined ? undefined : text('tunes', 256),
    detail: given['detail'],
    atMs: number('atMs', 1, Number.MAX_SAFE_INTEGER, true),
    once: given['once'] === undefined ? undefined : text('once', 4_096),
  }
}

function malformed(name: string, wanted: string): never {
  throw new DetectorError('DOCUMENT_MALFORMED', `Cannot take the observation: ${name} is not as wanted, ${wanted}`)
}

export type FindingTopic = 'ai.anomalies.v1' | 'ai.evidence.v1' | 'ai.policy.v1'

interface DraftFields {
  readonly 'ai.anomalies.v1': Omit<Anomaly, keyof Stamp | 'contentHash'>
  readonly 'ai.evidence.v1': Omit<Evidence, keyof Stamp | 'contentHash'>
  readonly 'ai.policy.v1': Omit<Policy, keyof Stamp>
}

/** A finding without what its producer adds: stamp and content hash. */
export type FindingDraft = {
  readonly [T in FindingTopic]: {
    readonly topic: T
    readonly fields: DraftFields[T]
    /** Its id follows from this text: the same text again is the same finding. */
    readonly name: string
    /** Whose place another may take when there is no room: 1 goes first. */
    readonly severity: number
    /** For lists. */
    readonly type: string
    readonly source: string
    readonly tunes?: string | undefined
    readonly atMs: number
  }
}[FindingTopic]

/** Names the form of an anomaly's payload: JSON, as README.md shows it. */
export const INCIDENT_FORMAT = 'weave-incident/1'

/** Several observations of one kind, told together. */
export interface IncidentReport {
  /** The most severe. */
  readonly worst: Observation
  /** The same for every report of an incident. */
  readonly openedMs: number
  /** From 0. */
  readonly part: number
  readonly firstMs: number
  readonly lastMs: number
  /** Observations in this report. */
  readonly count: number
  /** Sources in this report, and 1,024 for more. */
  readonly sources: number
  /** Details of some others. */
  readonly samples: readonly unknown[]
}

/** The draft that tells a report. Details that do not fit go, and the payload says that they went. */
export function anomalyOf(report: IncidentReport): FindingDraft {
  const { worst, samples, openedMs, part, firstMs, lastMs, count, sources } = report
  const { type, source, severity, confidence, modelVersion, tunes, detail, once } = worst
  const told = { format: INCIDENT_FORMAT, part, firstMs, lastMs, count, sources, ...(tunes !== undefined && { tunes }) }
  const payload =
    fitting({ ...told, detail, samples }) ??
    fitting({ ...told, detail, omitted: 'samples' }) ??
    encodeJson({ ...told, omitted: 'detail' })
  return {
    topic: 'ai.anomalies.v1',
    fields: { type, source, severity, confidence, modelVersion, payload },
    name: JSON.stringify(
      once === undefined ? [type, source, modelVersion, openedMs, part] : [type, modelVersion, once],
    ),
    severity,
    type,
    source,
    tunes,
    atMs: firstMs,
  }
}

/** A statement with its proof, about other findings. @param refs Ids, hex. @param proof At most 64 KiB. */
export function evidenceOf(
  about: { readonly type: string; readonly source: string; readonly atMs: number; readonly tunes?: string },
  refs: readonly Uint8Array[],
  proof: Uint8Array,
  name: string,
): FindingDraft {
  const { type, source, atMs, tunes } = about
  const fields = { evidenceType: type, refs, proofBlob: proof }
  return { topic: 'ai.evidence.v1', fields, name, severity: 7, type, source, tunes, atMs }
}

/** What should be done, or was: others decide. @param params What JSON can say, at most 16 KiB of it. */
export function policyOf(policy: {
  readonly action: string
  readonly rule: string
  readonly params: unknown
  readonly source: string
  readonly requiresAck: boolean
  readonly atMs: number
  readonly name: string
}): FindingDraft {
  const { action, rule, params, source, requiresAck, atMs, name } = policy
  const fields = { action, rule, params: encodeJson(params), requiresAck }
  return { topic: 'ai.policy.v1', fields, name, severity: 8, type: action, source, atMs }
}

function fitting(value: unknown): Uint8Array | undefined {
  const bytes = encodeJson(value)
  return bytes.length <= MAX_FINDING_PAYLOAD_BYTES ? bytes : undefined
}

const encodeJson = (value: unknown): Uint8Array =>
  utf8(
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === 'bigint' || (typeof each === 'number' && !Number.isFinite(each))
        ? `${each}`
        : each instanceof Uint8Array || each instanceof Float64Array
          ? Array.from(each)
          : each,
    ).toWellFormed(),
  )
