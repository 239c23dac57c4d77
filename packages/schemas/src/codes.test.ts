import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CODES, type Code, codeOfWire } from './codes.ts'

const codes = Object.keys(CODES) as Code[]

describe('codes', () => {
  it('have wire numbers of their own, from 10 on', () => {
    const wires = codes.map((code) => CODES[code].wire).filter((wire) => wire !== 0)
    expect(new Set(wires).size).toBe(wires.length)
    // Below 10 are the outcomes, which are no refusals: docs/protocol.md §5.1.
    expect(Math.min(...wires)).toBeGreaterThanOrEqual(10)
    expect(Math.max(...wires)).toBeLessThanOrEqual(99)
  })

  it('are found by their wire number, and no others are', () => {
    for (let wire = 0; wire < 300; wire++) {
      const expected = wire === 0 ? undefined : codes.find((code) => CODES[code].wire === wire)
      expect(codeOfWire(wire)).toBe(expected)
    }
  })

  it('say a status that HTTP knows as a refusal, and a remedy that fits what happened', () => {
    for (const code of codes) {
      const { status, fate, remedy } = CODES[code]
      expect(status >= 400 && status < 600, code).toBe(true)
      // What may be in the log must not be made anew: only the same packet may come again.
      if (fate === 'unknown') expect(['retry', 'stop'], code).toContain(remedy)
    }
  })

  it('are documented: the source that docs/protocol.md §16 names explains each fate and remedy in use', () => {
    const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
    expect(protocol).toContain('packages/schemas/src/codes.ts')
    const source = readFileSync(new URL('./codes.ts', import.meta.url), 'utf8')
    for (const word of new Set(codes.flatMap((code) => [CODES[code].fate, CODES[code].remedy]))) {
      expect(source).toContain(` * - \`${word}\`: `)
    }
  })
})
