import { describe, expect, it } from 'vitest'
import { failuresOf, settle } from './settle.ts'

type Status = 'passed' | 'failed' | 'skipped'

const test = (fullName: string, status: Status, message = '') => ({
  fullName,
  status,
  failureMessages: status === 'failed' ? [message] : [],
})

const file = (name: string, tests: readonly ReturnType<typeof test>[], broken?: string) => ({
  name,
  status: broken !== undefined || tests.some((each) => each.status === 'failed') ? 'failed' : 'passed',
  message: broken ?? '',
  assertionResults: tests,
})

const report = (...testResults: readonly ReturnType<typeof file>[]) => {
  const all = testResults.flatMap((each) => each.assertionResults)
  const count = (status: Status): number => all.filter((each) => each.status === status).length
  const success = testResults.every((each) => each.status === 'passed')
  return { numPassedTests: count('passed'), numFailedTests: count('failed'), success, testResults }
}

const neighbour = file('/b.test.ts', [test('b', 'passed'), test('b2', 'passed')])
const first = report(file('/a.test.ts', [test('a', 'failed', 'Error: late'), test('a2', 'passed')]), neighbour)

describe('failuresOf', () => {
  it('names each failed test with the first line of its error, without colours', () => {
    const message = '\n\u001b[31mAssertionError: expected 1\u001b[0m\n    at somewhere'
    expect(failuresOf(report(file('/a.test.ts', [test('says a', 'failed', message)]), neighbour))).toEqual([
      { file: '/a.test.ts', test: 'says a', line: 'AssertionError: expected 1' },
    ])
  })

  it('names a file that could not be loaded, and one whose set-up failed', () => {
    const files = [file('/a.test.ts', [], 'Cannot find x'), file('/c.test.ts', [test('c', 'skipped')], '')]
    expect(failuresOf(report(...files))).toEqual([
      { file: '/a.test.ts', line: 'Cannot find x' },
      { file: '/c.test.ts', line: 'no message, see the output above' },
    ])
  })
})

describe('settle', () => {
  it('leaves one run as it is', () => {
    const { counts, flaky, failed } = settle(first)
    expect([counts, flaky.length, failed.length]).toEqual([{ passed: 3, failed: 1 }, 0, 1])
  })

  it('calls flaky what passes alone, and counts it as passed', () => {
    const again = report(file('/a.test.ts', [test('a', 'passed'), test('a2', 'passed')]))
    expect(settle(first, again)).toEqual({
      counts: { passed: 4, failed: 0 },
      flaky: [{ file: '/a.test.ts', test: 'a', line: 'Error: late' }],
      failed: [],
    })
  })

  it('keeps what fails twice, with what it said the second time', () => {
    const again = report(file('/a.test.ts', [test('a', 'failed', 'Error: wrong'), test('a2', 'passed')]))
    expect(settle(first, again)).toEqual({
      counts: { passed: 3, failed: 1 },
      flaky: [],
      failed: [{ file: '/a.test.ts', test: 'a', line: 'Error: wrong' }],
    })
  })

  it('counts a test that fails only alone', () => {
    const again = report(file('/a.test.ts', [test('a', 'passed'), test('a2', 'failed', 'Error: alone')]))
    const { counts, flaky, failed } = settle(first, again)
    expect([counts, flaky.length]).toEqual([{ passed: 3, failed: 1 }, 1])
    expect(failed).toEqual([{ file: '/a.test.ts', test: 'a2', line: 'Error: alone' }])
  })

  it('does not forgive what the second run leaves out', () => {
    const skipped = report(file('/a.test.ts', [test('a', 'skipped'), test('a2', 'passed')]))
    const elsewhere = report(file('/c.test.ts', [test('a', 'passed')]))
    for (const again of [skipped, elsewhere]) {
      const { counts, flaky, failed } = settle(first, again)
      expect([counts.failed, flaky.length, failed.length]).toEqual([1, 0, 1])
    }
  })

  it('calls a file flaky that could be loaded the second time, and counts its tests', () => {
    const broken = report(file('/a.test.ts', [], 'Cannot connect'), neighbour)
    const again = report(file('/a.test.ts', [test('a', 'passed')]))
    expect(settle(broken, again)).toEqual({
      counts: { passed: 3, failed: 0 },
      flaky: [{ file: '/a.test.ts', line: 'Cannot connect' }],
      failed: [],
    })
    expect(settle(broken, broken).counts.failed).toBe(1)
  })
})
