import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { countTests } from './report.ts'
import { type Failure, failuresOf, type Settled, settle } from './settle.ts'
import { STRAY_FILE } from './stray.ts'

/** Runs vitest with these arguments and more variables in its environment; true when it ends with 0. */
type Vitest = (args: readonly string[], variables: Readonly<Record<string, string>>) => Promise<boolean>

/** More files than this are no flake, and would take as long as the whole. */
const MOST_AGAIN = 12

const STRAY_REPORTER = join(import.meta.dirname, 'stray.ts')

/** What the tests of one project came to: `stray` are the errors that no test caught, of either run. */
export interface Tested extends Settled {
  readonly stray: readonly string[]
  readonly green: boolean
}

interface Run {
  readonly green: boolean
  readonly report: unknown
  readonly stray: readonly string[]
}

const read = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

const readReport = (file: string): unknown => {
  const report = read(file)
  try {
    countTests(report)
    return report
  } catch {
    return undefined
  }
}

const runOnce = async (vitest: Vitest, project: string, base: string, more: readonly string[]): Promise<Run> => {
  const [report, stray] = [`${base}.json`, `${base}-stray.json`]
  for (const file of [report, stray]) rmSync(file, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--reporter=${STRAY_REPORTER}`]
  const args = ['run', '--project', project, ...reporters, `--outputFile.json=${report}`, ...more]
  const green = await vitest(args, { [STRAY_FILE]: stray })
  const silent = ['vitest left no report of stray errors, wanted one of every run']
  return { green, report: readReport(report), stray: (read(stray) as readonly string[] | undefined) ?? silent }
}

/**
 * The tests of one project; files that had failures once more, alone and one at a time. A run that leaves no report
 * counts as one failed test: silence must not look like green.
 */
export const runTests = async (root: string, project: string, vitest: Vitest): Promise<Tested> => {
  const folder = join(root, '.cache', 'gate')
  mkdirSync(folder, { recursive: true })
  const first = await runOnce(vitest, project, join(folder, project), [])
  if (first.report === undefined) {
    const failed = [{ file: project, line: 'vitest left no report, wanted one of every run' }]
    return { counts: { passed: 0, failed: 1 }, flaky: [], failed, stray: [], green: false }
  }
  const red = [...new Set(failuresOf(first.report).map((failure) => failure.file))]
  if (red.length === 0 || red.length > MOST_AGAIN) {
    const settled = settle(first.report)
    return { ...settled, stray: first.stray, green: first.green && settled.counts.failed === 0 }
  }
  console.log(`\n── ${project}: ${red.length} of its files again, alone and one at a time`)
  const names = red.map((file) => relative(root, file))
  const again = await runOnce(vitest, project, join(folder, `${project}-again`), ['--no-file-parallelism', ...names])
  const settled = settle(first.report, again.report)
  const stray = [...first.stray, ...again.stray]
  return { ...settled, stray, green: again.green && stray.length === 0 && settled.counts.failed === 0 }
}

const named = (root: string, { file, test }: Failure): string =>
  [file.startsWith(root) ? relative(root, file) : file, ...(test === undefined ? [] : [test])].join(' > ')

/** The lines that the gate ends with, before its verdict. */
export const summary = (root: string, { flaky, failed, stray }: Tested): readonly string[] => [
  ...flaky.map((f) => `flaky: ${named(root, f)}: failed once with its neighbours (${f.line}), passed alone`),
  ...failed.map((f) => `failed: ${named(root, f)}: ${f.line}`),
  ...stray.map((line) => `stray error: ${line}`),
]
