// `pnpm mutate [part of an id…] [--tests glob]…`: removes each guard of the verifiers and of the router's admission in turn,
// and names the test that turns red. A guard that no test misses is a survivor, and the run is red. The tests that are tried
// are those in which the guard refused something: the others cannot see it go. `--tests` takes only these test files, for
// a quick look at a few guards: what survives it may yet be missed by a test elsewhere.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { EQUIVALENT } from './equivalent.ts'
import { type Guard, instrument } from './guards.ts'
import { type Lane, openLane, type RecordedTest } from './lane.ts'
import { endOrphans } from './orphans.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const GUARDED = [
  'packages/sdk/src/{envelope,packet,stream,proof,keys}/**/*.ts',
  'packages/router/src/{rate,trace}.ts',
  'packages/router/src/{dispatch,edge}/*.ts',
  'packages/router/src/http/{answers,body-cap,packet-json,packets}.ts',
]
const TESTS = ['packages/{sdk,router,agent}/{src,test}/**/*.test.ts']
const LANES = 2
/** Of the tests that a guard is tried on, so many run at once; then, if none is red, so many more. */
const STEPS = [1, 4, Number.POSITIVE_INFINITY]

const { values, positionals: only } = parseArgs({
  allowPositionals: true,
  options: { tests: { type: 'string', multiple: true, default: TESTS } },
})
const files = globSync(GUARDED, { cwd: ROOT })
  .filter((file) => !/\.test\.ts$|\/fixture[^/]*\.ts$|\/index\.ts$|\.contract\.ts$/.test(file))
  .sort()
const all = files.flatMap((file) => instrument(file, readFileSync(join(ROOT, file), 'utf8')).guards)
const guards = all.filter(({ id }) => only.length === 0 || only.some((part) => id.includes(part)))

const progress = (line: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
}

/** A test in which few guards refuse means this one; of two such, the quicker. */
const bySpecific = (a: RecordedTest, b: RecordedTest): number => a.guards.length - b.guards.length || a.ms - b.ms

async function lookFor(lane: Lane, guard: Guard, tests: readonly RecordedTest[]): Promise<string | undefined> {
  let from = 0
  for (const step of STEPS) {
    const some = tests.slice(from, from + step)
    if (some.length === 0) return undefined
    const red = await lane.without(guard.id, some)
    if (red !== undefined) return red
    from += step
  }
  return undefined
}

const endOrphansNow = endOrphans()
const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(ROOT, new Set(files))))
progress(`· ${guards.length} guards in ${files.length} files; running the tests once, every guard in place`)
const tests = globSync(values.tests, { cwd: ROOT }).map((file) => join(ROOT, file))
const recorded = (
  await Promise.all(lanes.map((lane, i) => lane.record(tests.filter((_, n) => n % LANES === i))))
).flat()
const passed = recorded.filter((test) => test.passed)
for (const test of recorded.filter((one) => !one.passed)) progress(`· red before anything was removed: ${test.name}\n`)

const killers = new Map<string, string>()
const queue = [...guards]
let done = 0
await Promise.all(
  lanes.map(async (lane) => {
    for (let guard = queue.shift(); guard !== undefined; guard = queue.shift()) {
      const { id } = guard
      const seen = passed.filter((test) => test.guards.includes(id)).sort(bySpecific)
      const red = await lookFor(lane, guard, seen)
      if (red !== undefined) killers.set(id, red)
      done++
      progress(`· ${done}/${guards.length} ${red === undefined ? 'SURVIVED' : 'red'} ${id}`)
    }
  }),
)
await Promise.all(lanes.map((lane) => lane.close()))
endOrphansNow()

process.stderr.write('\n')
const survivors = guards.filter(({ id }) => !killers.has(id) && !(id in EQUIVALENT))
for (const { id, file, line, text } of guards) {
  const red = killers.get(id)
  const word = red !== undefined ? 'red ' : id in EQUIVALENT ? 'same' : 'GONE'
  console.log(`${word}  ${file}:${line}  ${text}\n      ${red ?? EQUIVALENT[id] ?? 'no test turned red'}`)
}
const idle = Object.keys(EQUIVALENT).filter((id) => !all.some((guard) => guard.id === id))
for (const id of idle) console.log(`IDLE  named in equivalent.ts, but not in the sources: ${id}`)
const same = guards.filter(({ id }) => id in EQUIVALENT && !killers.has(id)).length
const judged = guards.length - same
const score = judged === 0 ? 100 : (100 * (judged - survivors.length)) / judged
console.log(
  `\n${guards.length} guards: ${judged - survivors.length} missed by a test, ${same} equivalent, ${survivors.length} survived: ${score.toFixed(1)} %`,
)
process.exitCode = survivors.length === 0 && idle.length === 0 ? 0 : 1
// A hung fork must not keep the program open.
process.exit()
