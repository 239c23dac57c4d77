import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { refusalsPage } from '../generate/refusals-page.ts'
import { CODES } from './codes.ts'
import { REFUSAL_TEXT } from './refusal-text.ts'

const page = readFileSync(new URL('../../../docs/refusals.md', import.meta.url), 'utf8')

describe('the sentences of refusals', () => {
  it('are one for each code of the table, in its order, and no two alike', () => {
    expect(Object.keys(REFUSAL_TEXT).sort()).toEqual(Object.keys(CODES).sort())
    expect(new Set(Object.values(REFUSAL_TEXT)).size).toBe(Object.keys(CODES).length)
  })

  it.each(Object.entries(REFUSAL_TEXT))('%s is one sentence that says what to do', (_, text) => {
    expect(text).toMatch(/^[A-Z][^.|]+[,;][^.|]+\.$/)
    expect(text.length).toBeLessThanOrEqual(150)
  })

  it.each(Object.keys(CODES))('docs/refusals.md has one row of %s', (code) => {
    expect(page.split('\n').filter((line) => line.startsWith(`| \`${code}\` |`))).toHaveLength(1)
  })

  it('docs/refusals.md is what the tables say: pnpm --filter @mystranet/schemas generate', () => {
    expect(page).toBe(refusalsPage())
  })
})
