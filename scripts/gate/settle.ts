// A test that fails among its neighbours on a small machine and passes alone has to be mended, but is no reason to hold
// back work. A test that fails twice is.
import { type Counts, countTests } from './report.ts'

/** A test that failed, or (without `test`) a file that could not be loaded or set up. */
export interface Failure {
  readonly file: string
  readonly test?: string
  /** The first line of what it said. */
  readonly line: string
}

/** What two runs say together: the first of all files, the second of those that had failures. */
export interface Settled {
  readonly counts: Counts
  /** What failed in the first run and passed in the second. */
  readonly flaky: readonly Failure[]
  readonly failed: readonly Failure[]
}

interface TestReport {
  readonly fullName: string
  readonly status: string
  readonly failureMessages?: readonly string[]
}

interface FileReport {
  readonly name: string
  readonly status: string
  readonly message?: string
  readonly assertionResults?: readonly TestReport[]
}

const files = (report: unknown): readonly FileReport[] => (report as { testResults: readonly FileReport[] }).testResults

/** The first line with a word in it, without colours. */
const firstLine = (text: string | undefined): string =>
  (text ?? '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
    .replaceAll(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? 'no message, see the output above'

const failuresOfFile = (file: FileReport): readonly Failure[] => {
  if (file.status !== 'failed') return []
  const tests = (file.assertionResults ?? []).filter((test) => test.status === 'failed')
  if (tests.length === 0) return [{ file: file.name, line: firstLine(file.message) }]
  return tests.map((test) => ({ file: file.name, test: test.fullName, line: firstLine(test.failureMessages?.[0]) }))
}

/**
 * Every test that failed in a run of vitest, and every file that has no failed test and still is red.
 *
 * @param report - the parsed JSON report
 * @throws TypeError when it is not such a report
 */
export const failuresOf = (report: unknown): readonly Failure[] => {
  countTests(report)
  return files(report).flatMap(failuresOfFile)
}

const passedIn = (report: unknown, failure: Failure): boolean => {
  const file = files(report).find((each) => each.name === failure.file)
  if (file === undefined) return false
  const tests = (file.assertionResults ?? []).filter((test) => test.fullName === failure.test)
  if (failure.test === undefined) return file.status === 'passed'
  return tests.length > 0 && tests.every((test) => test.status === 'passed')
}

const passedTests = (file: FileReport): number =>
  (file.assertionResults ?? []).filter((test) => test.status === 'passed').length

/**
 * Takes the second run for the files that are in it. What it fails, and what it does not show to pass, has failed.
 *
 * @param first - vitest's JSON report of all files
 * @param again - its report of the files that had failures, run alone and one at a time; absent when there was none
 * @throws TypeError when one is no such report
 */
export const settle = (first: unknown, again?: unknown): Settled => {
  const before = failuresOf(first)
  if (again === undefined) return { counts: countTests(first), flaky: [], failed: before }
  const after = failuresOf(again)
  const flaky = before.filter((failure) => passedIn(again, failure))
  const unsettled = before.filter(
    (failure) => !flaky.includes(failure) && !after.some((a) => a.file === failure.file && a.test === failure.test),
  )
  const failed = [...after, ...unsettled]
  const replaced = new Set(files(again).map((file) => file.name))
  const kept = files(first).filter((file) => !replaced.has(file.name))
  const passed = [...kept, ...files(again)].reduce((total, file) => total + passedTests(file), 0)
  return { counts: { passed, failed: failed.length }, flaky, failed }
}
