import { describe, expect, it } from 'vitest'
import { examine } from './examine.ts'
import { storyFixture } from './fixture.ts'

describe('examine()', () => {
  it('passes every check of a whole story', async () => {
    const { saved, trust } = await storyFixture()
    const verdict = await examine(saved, trust)
    expect(verdict.checks.filter(({ result }) => result !== 'pass')).toEqual([])
    expect(verdict.line).toBe('VERIFIED under "local"')
  })
})
