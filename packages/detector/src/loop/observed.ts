/**
 * Verdicts of the detector's parts as observations: one function a part.
 *
 * @module
 */
import type { LogFinding } from '../anomaly/finding.ts'
import { LOOSE, STRICT } from '../ensemble/vote.ts'
import type { FloodVerdict } from '../ensemble/watch.ts'
import { EXTRACTOR_VERSION } from '../flow/feature.ts'
import type { Verdict as FlowVerdict } from '../flow/watch.ts'
import type { Severity } from '../gguf/checks.ts'
import type { FileReport } from '../gguf/report.ts'
import { SCAN_FORMAT } from '../gguf/report.ts'
import { HTTP_EXTRACTOR_VERSION } from '../l7/feature.ts'
import type { HttpVerdict } from '../l7/watch.ts'
import { PE_SCAN_FORMAT, type PeReport } from '../pe/scan.ts'
import type { Observation } from './observation.ts'

const SEVERITIES: Readonly<Record<Severity, number>> = { critical: 10, high: 8, medium: 5, low: 3 }
/** A part that gives no probability says nothing about it: neither sure nor unsure. */
const NO_PROBABILITY = 0.5

/** A window of packets that was called an attack; undefined when it is clear. */
export function flowObservation(verdict: FlowVerdict): Observation | undefined {
  const [worst] = verdict.rules
  if (verdict.verdict === 'clear' || worst === undefined) return undefined
  const { group, subject, rules, packets, rate, startUs } = verdict
  return {
    type: `flow.${worst.family}`,
    source: clipped(`${group} ${subject}`),
    severity: worst.severity,
    confidence: NO_PROBABILITY,
    modelVersion: EXTRACTOR_VERSION,
    detail: { packets, rate, rules: rules.map(({ id, says }) => ({ id, says })) },
    atMs: millisOf(startUs),
  }
}

/**
 * A window that rules and models called an attack; undefined when they did not, or were not sure.
 *
 * @param versions Of the models that voted, for people: `flood@1.0.0 flood-outlier@1.0.0`.
 */
export function floodObservation(verdict: FloodVerdict, versions: string): Observation | undefined {
  if (verdict.verdict !== 'attack') return undefined
  const { group, subject, rules, votes, floodClass, probability, topFeatures, packets, rate, startUs } = verdict
  const trees = votes.find(({ member }) => member === 'trees')?.vote ?? 0
  const limit = trees === 1 ? STRICT : LOOSE
  return {
    type: `flow.${rules[0]?.family ?? floodClass ?? 'flood'}`,
    source: clipped(`${group} ${subject}`),
    severity: rules[0]?.severity ?? 6,
    confidence: probability ?? NO_PROBABILITY,
    modelVersion: clipped(`${EXTRACTOR_VERSION} ${versions}`, 128),
    // Where a rule fired it would have been called an attack whatever the threshold is.
    tunes: rules.length === 0 && floodClass !== undefined && trees > 0 ? `flood/${floodClass}/${limit}` : undefined,
    detail: { packets, rate, rules: rules.map(({ id, says }) => ({ id, says })), votes, topFeatures },
    atMs: millisOf(startUs),
  }
}

/** A window of HTTP requests that was called an attack; undefined when it is clear. */
export function httpObservation(verdict: HttpVerdict, tunes?: string): Observation | undefined {
  if (verdict.verdict === 'clear') return undefined
  const { group, subject, rules, votes, probability, requests, open, sustainedPerS, endMs } = verdict
  return {
    type: `http.${rules[0]?.family ?? 'model'}`,
    source: clipped(`${group} ${subject}`),
    severity: rules[0]?.severity ?? 5,
    confidence: probability ?? NO_PROBABILITY,
    modelVersion: HTTP_EXTRACTOR_VERSION,
    tunes,
    detail: { requests, sustainedPerS, open, votes, rules: rules.map(({ id, says }) => ({ id, says })) },
    atMs: Math.floor(endMs),
  }
}

/** What is odd about the log or its traffic. */
export const logObservation = (finding: LogFinding): Observation => {
  const { id, group, source, severity, confidence, atMs, message, leaves, evidence } = finding
  return {
    type: `log.${id}`,
    source: clipped(source),
    severity,
    confidence,
    modelVersion: `log-audit-1 ${group}`,
    detail: { message, leaves, evidence },
    atMs: Math.floor(atMs),
    // Whoever reads the log again finds it again.
    once: leaves.length === 0 ? undefined : JSON.stringify([id, source, leaves]),
  }
}

/**
 * A model file that a scan found something in; undefined when it is clean. Of one file there is one finding, however
 * often it is scanned.
 *
 * @param digest SHA-256 of the file, hex; without it the scan is told of once a name.
 */
export function scanObservation(file: FileReport, atMs: number, digest?: string): Observation | undefined {
  const { name, verdict, findings, omitted, incomplete, bytes, architecture } = file
  if (verdict === 'clean') return undefined
  const worst = Math.max(4, ...findings.map(({ severity }) => SEVERITIES[severity]))
  const told = findings.map(({ id, severity, offset, message, subject }) => ({
    id,
    severity,
    offset,
    message,
    subject,
  }))
  return {
    type: `gguf.${verdict}`,
    source: clipped(name.split(/[\\/]/).at(-1) ?? name),
    severity: worst,
    confidence: verdict === 'invalid' ? 1 : NO_PROBABILITY,
    modelVersion: SCAN_FORMAT,
    detail: { verdict, bytes, architecture, sha256: digest, incomplete, omitted, findings: told },
    atMs,
    once: JSON.stringify([verdict, digest ?? name, told.map(({ id }) => id)]),
  }
}

/**
 * A Windows program that was called malware, or that is none although it begins as one; undefined for the others: odd is not
 * malware, and nobody is told of an abstention.
 *
 * @param digest As of {@link scanObservation}.
 */
export function peObservation(report: PeReport, atMs: number, digest?: string): Observation | undefined {
  const { name, verdict, because, findings, vote, bytes } = report
  if (verdict !== 'malware' && verdict !== 'invalid') return undefined
  const told = findings.map(({ id, severity, message }) => ({ id, severity, message }))
  return {
    type: `pe.${verdict}`,
    source: clipped(name.split(/[\\/]/).at(-1) ?? name),
    severity: verdict === 'malware' ? 8 : 3,
    confidence: vote?.probability ?? NO_PROBABILITY,
    modelVersion: clipped(vote?.model ?? PE_SCAN_FORMAT, 128),
    detail: { verdict, because, bytes, sha256: digest, vote, findings: told },
    atMs,
    once: JSON.stringify([verdict, digest ?? name]),
  }
}

/** Of a capture that has no times, now. */
const millisOf = (us: number): number => (Number.isFinite(us) ? Math.max(1, Math.floor(us / 1_000)) : Date.now())

/** Text of others, as long as the field is. */
function clipped(text: string, most = 256): string {
  const whole = text.toWellFormed()
  const bytes = new TextEncoder().encode(whole)
  if (bytes.length === 0) return 'unnamed'
  if (bytes.length <= most) return whole
  return `${new TextDecoder().decode(bytes.subarray(0, most - 6)).replace(/\ufffd+$/, '')}…`
}
