/**
 * A report as SARIF, for the tools that show findings of other scanners.
 *
 * Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 *
 * @module
 */
import { CHECK_IDS, CHECKS, type Severity } from './checks.ts'
import type { FileReport, ReportedFinding, ScanReport } from './report.ts'

const LEVELS: Readonly<Record<Severity, string>> = { critical: 'error', high: 'error', medium: 'warning', low: 'note' }
/** What code scanners sort by. */
const SCORES: Readonly<Record<Severity, string>> = { critical: '9.5', high: '8.0', medium: '5.0', low: '2.0' }

/** @returns A SARIF 2.1.0 document, ready for `JSON.stringify`. */
export function sarifOf({ files }: ScanReport) {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'weave scan',
            rules: CHECK_IDS.map(ruleOf),
          },
        },
        // A budget that was spent is no finding of a file, and the run is not whole.
        invocations: [
          {
            executionSuccessful: files.every(({ incomplete }) => incomplete === undefined),
            toolExecutionNotifications: files.flatMap(({ name, incomplete }) =>
              incomplete === undefined ? [] : [{ level: 'error', message: { text: `${name}: ${incomplete}` } }],
            ),
          },
        ],
        artifacts: files.map(({ name, bytes }) => ({ location: { uri: uriOf(name) }, length: bytes })),
        results: files.flatMap((file, index) => file.findings.map((finding) => resultOf(file, index, finding))),
      },
    ],
  }
}

function ruleOf(id: (typeof CHECK_IDS)[number]) {
  const { name, about, severity, advisories } = CHECKS[id]
  return {
    id,
    name,
    shortDescription: { text: about },
    ...(advisories[0] !== undefined && { helpUri: advisories[0].url }),
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { 'security-severity': SCORES[severity], advisories: advisories.map((advisory) => advisory.id) },
  }
}

function resultOf({ name }: FileReport, index: number, finding: ReportedFinding) {
  const { id, severity, message, subject, offset, structural } = finding
  return {
    ruleId: id,
    ruleIndex: CHECK_IDS.indexOf(id),
    level: LEVELS[severity],
    message: { text: subject === undefined ? message : `${subject}: ${message}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(name), index },
          region: { byteOffset: offset },
        },
      },
    ],
    properties: { severity, structural },
  }
}

/** A path is relative, or becomes a file URL. */
export const uriOf = (name: string): string =>
  /^https?:/.test(name)
    ? name
    : `${name.startsWith('/') ? 'file://' : ''}${name.split('/').map(encodeURIComponent).join('/')}`
