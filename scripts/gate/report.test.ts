import { describe, expect, it } from 'vitest'
import { countTests } from './report.ts'

const report = (over: object) => ({ numPassedTests: 3, numFailedTests: 0, success: true, testResults: [], ...over })

describe('countTests', () => {
  it('repeats the counts of vitest', () => {
    expect(countTests(report({}))).toEqual({ passed: 3, failed: 0 })
    expect(countTests(report({ numFailedTests: 2, success: false }))).toEqual({ passed: 3, failed: 2 })
  })

  it('counts a file that could not be loaded as a failure', () => {
    const testResults = [{ status: 'failed', assertionResults: [] }]
    expect(countTests(report({ success: false, testResults }))).toEqual({ passed: 3, failed: 1 })
  })

  it('does not count a file twice whose test failed', () => {
    const testResults = [{ status: 'failed', assertionResults: [{ status: 'failed' }] }]
    expect(countTests(report({ numFailedTests: 1, success: false, testResults })).failed).toBe(1)
  })

  it('counts a run without tests, or one that vitest itself calls no success, as a failure', () => {
    expect(countTests(report({ numPassedTests: 0 })).failed).toBe(1)
    expect(countTests(report({ success: false })).failed).toBe(1)
  })

  it('refuses what is no report', () => {
    for (const bad of [null, 1, {}, { numPassedTests: '3' }])
      expect(() => countTests(bad)).toThrow(/Cannot count tests/)
  })
})
