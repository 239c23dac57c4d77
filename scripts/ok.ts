// The gate: `pnpm ok` runs every step, `pnpm ok types unit` those that are named. A red step does not stop the ones
// after it: one run tells all. The last lines name every test that failed or is flaky; the very last is
// `tests: N passed, N failed`, from what vitest counted.
import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { breakingAgainst } from './gate/baseline.ts'
import { generatedDiff } from './gate/generated.ts'
import type { Counts } from './gate/report.ts'
import { runTests, summary, type Tested } from './gate/tests.ts'

const ROOT = dirname(import.meta.dirname)

interface Step {
  readonly name: string
  /** What a reader of a red line should know about the step. */
  readonly about: string
  readonly run: () => Promise<boolean>
}

const env = {
  ...process.env,
  PATH: [join(ROOT, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter),
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
}

let running: ReturnType<typeof spawn> | undefined
let stopped = false

type Variables = Readonly<Record<string, string>>

/** Runs one program with our streams and more variables; true when it ends with 0. */
const start = (program: string, args: readonly string[], variables: Variables = {}): Promise<boolean> =>
  new Promise((resolve) => {
    if (stopped) return resolve(false)
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...env, ...variables },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    running = child
    child.on('error', (error) => {
      console.error(`Cannot run ${program}: ${error.message}`)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })

const command = (program: string, ...args: readonly string[]): Promise<boolean> => start(program, args)

const tested: Tested[] = []

const vitest = (project: string) => async () => {
  const outcome = await runTests(ROOT, project, (args, variables) => start('vitest', args, variables))
  tested.push(outcome)
  return outcome.green
}

const STEPS: readonly Step[] = [
  { name: 'lint', about: 'format and lint (pnpm fix repairs most)', run: () => command('biome', 'check', '.') },
  { name: 'generated', about: 'generated code leaves no diff', run: () => generatedDiff(ROOT, command) },
  { name: 'proto', about: 'buf lint', run: () => command('buf', 'lint', 'packages/schemas') },
  { name: 'breaking', about: 'buf breaking against the baseline', run: () => breakingAgainst(ROOT, command) },
  {
    name: 'types',
    about: 'TypeScript 7, every package',
    run: () => command('turbo', 'run', 'types', 'types:root', '--continue=always', '--output-logs=errors-only'),
  },
  { name: 'unused', about: 'unused files, exports and dependencies', run: () => command('knip', '--no-config-hints') },
  {
    name: 'build',
    about: 'every package to dist',
    run: () => command('turbo', 'run', 'build', '--continue=always', '--output-logs=errors-only'),
  },
  { name: 'unit', about: 'the tests beside the sources, import rules among them', run: vitest('unit') },
  { name: 'packaging', about: 'what a user of the packed tarballs gets', run: vitest('packaging') },
]

const named = process.argv.slice(2)
const unknown = named.filter((name) => !STEPS.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`Unknown step ${unknown.join(', ')}, wanted: ${STEPS.map((step) => step.name).join(', ')}`)
  process.exit(2)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped = true
    running?.kill(signal)
  })
}

const results: { readonly step: Step; readonly green: boolean; readonly seconds: number }[] = []
for (const step of STEPS.filter((s) => named.length === 0 || named.includes(s.name))) {
  if (stopped) break
  console.log(`\n── ${step.name}: ${step.about}`)
  const startMs = performance.now()
  const green = await step.run()
  results.push({ step, green, seconds: (performance.now() - startMs) / 1000 })
}

console.log('')
for (const { step, green, seconds } of results) {
  console.log(`${green ? 'ok  ' : 'FAIL'} ${step.name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s  ${step.about}`)
}

const sum = (field: keyof Counts): number => tested.reduce((total, each) => total + each.counts[field], 0)
const green = !stopped && results.every((r) => r.green) && sum('failed') === 0
const lines = tested.flatMap((each) => summary(ROOT, each))
if (lines.length > 0) console.log(`\n${lines.join('\n')}\n`)
process.exitCode = green ? 0 : 1
console.log(`${green ? 'the gate is green' : 'the gate is RED'}\n`)
console.log(`tests: ${sum('passed')} passed, ${sum('failed')} failed`)
