/**
 * Reports of PE files as SARIF 2.1.0.
 *
 * Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 *
 * @module
 */
import { uriOf } from '../gguf/sarif.ts'
import { PE_CHECK_IDS, PE_CHECKS, type PeSeverity } from './checks.ts'
import type { PeReport } from './scan.ts'

const LEVELS: Readonly<Record<PeSeverity, string>> = { high: 'error', medium: 'warning', low: 'note' }
const SCORES: Readonly<Record<PeSeverity, string>> = { high: '8.0', medium: '5.0', low: '2.0' }

/** @returns A document, ready for `JSON.stringify`. A file that is no PE file, or that was not read to its end, makes the run a failed one. */
export function peSarifOf(reports: readonly PeReport[]) {
  const failed = reports.filter(({ verdict }) => verdict === 'invalid' || verdict === 'incomplete')
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'weave scan',
            rules: PE_CHECK_IDS.map((id) => ({
              id,
              name: PE_CHECKS[id].name,
              shortDescription: { text: PE_CHECKS[id].about },
              defaultConfiguration: { level: LEVELS[PE_CHECKS[id].severity] },
              properties: { 'security-severity': SCORES[PE_CHECKS[id].severity] },
            })),
          },
        },
        invocations: [
          {
            executionSuccessful: failed.length === 0,
            toolExecutionNotifications: failed.map(({ name, because }) => ({
              level: 'error',
              message: { text: `${name}: ${because}` },
            })),
          },
        ],
        artifacts: reports.map(({ name, bytes }) => ({ location: { uri: uriOf(name) }, length: bytes })),
        results: reports.flatMap(({ name, findings, verdict, vote }, index) =>
          findings.map(({ id, severity, message }) => ({
            ruleId: id,
            ruleIndex: PE_CHECK_IDS.indexOf(id),
            level: LEVELS[severity],
            message: { text: message },
            locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(name), index } } }],
            properties: { severity, verdict, ...(vote && { probability: vote.probability, top: vote.top }) },
          })),
        ),
      },
    ],
  }
}
