import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runTests, summary } from './tests.ts'

const REPO = dirname(dirname(import.meta.dirname))
const CONFIG = `export default { test: { globals: true, projects: [{ extends: true, test: { name: 'unit' } }] } }`

/** Fails in the first run of the project and passes in the second. */
const LATE = `import { existsSync, writeFileSync } from 'node:fs'
it('is in time', () => {
  const seen = existsSync(import.meta.filename + '.seen')
  writeFileSync(import.meta.filename + '.seen', '')
  expect(seen, 'it came late').toBe(true)
})
it('is there', () => {})`

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gate-'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'vitest.config.js'), CONFIG)
  mkdirSync(join(root, 'part'))
  writeFileSync(join(root, 'part', 'good.test.js'), `it('is good', () => {})`)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const runs: (readonly string[])[] = []
const run = () => {
  runs.length = 0
  return runTests(root, 'unit', (args, variables) => {
    runs.push(args)
    const env = { ...process.env, ...variables }
    const child = spawn(join(REPO, 'node_modules/.bin/vitest'), args, { cwd: root, env, stdio: 'ignore' })
    return new Promise((resolve) => child.on('exit', (code) => resolve(code === 0)))
  })
}

it('runs once what is green', async () => {
  const tested = await run()
  expect([tested.green, tested.counts, runs.length]).toEqual([true, { passed: 1, failed: 0 }, 1])
  expect(summary(root, tested)).toEqual([])
})

it('stays green for a test that passes alone, and says so', async () => {
  writeFileSync(join(root, 'part', 'late.test.js'), LATE)
  const tested = await run()
  expect([tested.green, tested.counts]).toEqual([true, { passed: 3, failed: 0 }])
  expect(runs[1]?.slice(-2)).toEqual(['--no-file-parallelism', join('part', 'late.test.js')])
  expect(summary(root, tested)).toEqual([
    expect.stringMatching(
      /^flaky: part\/late\.test\.js > is in time: failed once with its neighbours \(.*it came late.*\), passed alone$/,
    ),
  ])
})

it('is red for a test that fails twice and for a file that does not load', async () => {
  writeFileSync(join(root, 'part', 'bad.test.js'), `it('is bad', () => expect(1, 'one is not two').toBe(2))`)
  writeFileSync(join(root, 'part', 'broken.test.js'), `throw new Error('no such thing')`)
  const tested = await run()
  expect([tested.green, tested.counts, runs.length]).toEqual([false, { passed: 1, failed: 2 }, 2])
  expect(summary(root, tested)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^failed: part\/bad\.test\.js > is bad: .*one is not two/),
      expect.stringMatching(/^failed: part\/broken\.test\.js: no such thing$/),
    ]),
  )
})

it('does not forgive an error that no test caught', async () => {
  const stray = `${LATE}\nif (!existsSync(import.meta.filename + '.seen')) setTimeout(() => { throw new Error('astray') })`
  writeFileSync(
    join(root, 'part', 'late.test.js'),
    `${stray}\nit('waits', () => new Promise((r) => setTimeout(r, 50)))`,
  )
  const tested = await run()
  expect([tested.green, tested.failed.length, tested.flaky.length]).toEqual([false, 0, 1])
  expect(summary(root, tested)).toContainEqual(expect.stringMatching(/^stray error: .*late\.test\.js: astray$/))
})

it('counts a run without a report as one failure', async () => {
  const tested = await runTests(root, 'unit', async () => true)
  expect([tested.green, tested.counts]).toEqual([false, { passed: 0, failed: 1 }])
})

it('does not run a whole suite twice', async () => {
  for (let i = 0; i < 13; i++) writeFileSync(join(root, `bad-${i}.test.js`), `it('is bad', () => { throw 1 })`)
  const tested = await run()
  expect([tested.green, tested.counts.failed, runs.length]).toEqual([false, 13, 1])
})
