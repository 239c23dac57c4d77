// The gate: `pnpm ok` runs every step, `pnpm ok types unit` those that are named. A red step does not stop the ones
// after it: one run tells all. The last line is `tests: N passed, N failed`, from what vitest counted.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { breakingAgainst } from './gate/baseline.ts'
import { generatedDiff } from './gate/generated.ts'
import { type Counts, countTests } from './gate/report.ts'

const ROOT = dirname(import.meta.dirname)
const CACHE = join(ROOT, '.cache', 'gate')

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

/** Runs one program with our streams; true when it ends with 0. */
const command = (program: string, ...args: readonly string[]): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
    running = child
    child.on('error', (error) => {
      console.error(`Cannot run ${program}: ${error.message}`)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })

const report = (project: string): string => join(CACHE, `${project}.json`)

const vitest = (project: string) => () => {
  rmSync(report(project), { force: true })
  const files = [`--outputFile.json=${report(project)}`]
  return command('vitest', 'run', '--project', project, '--reporter=default', '--reporter=json', ...files)
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

mkdirSync(CACHE, { recursive: true })
const results: { readonly step: Step; readonly green: boolean; readonly seconds: number }[] = []
const ran: string[] = []
for (const step of STEPS.filter((s) => named.length === 0 || named.includes(s.name))) {
  if (stopped) break
  console.log(`\n── ${step.name}: ${step.about}`)
  const startMs = performance.now()
  const green = await step.run()
  if (step.name === 'unit' || step.name === 'packaging') ran.push(step.name)
  results.push({ step, green, seconds: (performance.now() - startMs) / 1000 })
}

console.log('')
for (const { step, green, seconds } of results) {
  console.log(`${green ? 'ok  ' : 'FAIL'} ${step.name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s  ${step.about}`)
}

/** A run of vitest that left no report counts as one failed test: silence must not look like green. */
const readCounts = (project: string): Counts => {
  try {
    return countTests(JSON.parse(readFileSync(report(project), 'utf8')))
  } catch {
    return { passed: 0, failed: 1 }
  }
}
const counts = ran.map(readCounts)
const sum = (field: keyof Counts): number => counts.reduce((total, c) => total + c[field], 0)
const green = !stopped && results.every((r) => r.green) && sum('failed') === 0
process.exitCode = green ? 0 : 1
console.log(`${green ? 'the gate is green' : 'the gate is RED'}\n`)
console.log(`tests: ${sum('passed')} passed, ${sum('failed')} failed`)
