/** What one vitest run counted. */
export interface Counts {
  readonly passed: number
  readonly failed: number
}

/**
 * Counts from vitest's JSON report. A file that failed to load has no test in it and still is a failure; so is a
 * report in which nothing ran or that says of itself that it is no success.
 *
 * @param report - the parsed JSON report
 * @throws TypeError when it is not such a report
 */
export const countTests = (report: unknown): Counts => {
  if (typeof report !== 'object' || report === null) throw new TypeError('Cannot count tests: no report object')
  const { numPassedTests, numFailedTests, success, testResults } = report as Record<string, unknown>
  if (typeof numPassedTests !== 'number' || typeof numFailedTests !== 'number' || !Array.isArray(testResults)) {
    throw new TypeError('Cannot count tests: the report has no counts, wanted the JSON report of vitest')
  }
  const brokenFiles = testResults.filter(
    (file: { status?: unknown; assertionResults?: readonly { status?: unknown }[] }) =>
      file.status === 'failed' && !file.assertionResults?.some((test) => test.status === 'failed'),
  ).length
  const failed = numFailedTests + brokenFiles
  const silent = failed === 0 && (success !== true || numPassedTests === 0)
  return { passed: numPassedTests, failed: silent ? 1 : failed }
}
