import { stripTypeScriptTypes } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { instrument } from './guards.ts'

const SOURCE = `
function check(a: number, b: number): string {
  if (a > 9 || b > 9) throw new Error('large')
  for (const n of [a, b]) if (n < 0) throw new Error('negative')
  if (!both(a, b)) return 'apart'
  return 'fine'
}
const both = (a: number, b: number): boolean => a === b && even(a)
function even(n: number): boolean {
  if (n % 2 === 1) return false
  return true
}
`
const { guards, code } = instrument('check.ts', SOURCE)
const asked: string[] = []

/** `check` of the instrumented source, without one guard. */
function checkWithout(removed: string): (a: number, b: number) => string {
  Object.assign(globalThis, {
    __guardStands(id: string) {
      asked.push(id)
      return id !== `check.ts: ${removed}`
    },
  })
  return new Function(`${stripTypeScriptTypes(code)}\nreturn check`)() as (a: number, b: number) => string
}

afterEach(() => {
  asked.length = 0
})

describe('instrument()', () => {
  it('finds throws, the operands before them, false verdicts and their operands', () => {
    expect(guards.map(({ text }) => text)).toEqual([
      'a > 9',
      'b > 9',
      `throw new Error('large')`,
      `throw new Error('negative')`,
      'a === b',
      'even(a)',
      'return false',
    ])
    expect(guards.map(({ line }) => line)).toEqual([3, 3, 3, 4, 8, 8, 10])
  })

  it('changes nothing while every guard stands, and asks only where one refuses', () => {
    const check = checkWithout('')
    expect(check(2, 2)).toBe('fine')
    expect(asked).toEqual([])
    expect(check(2, 4)).toBe('apart')
    expect(check(3, 3)).toBe('apart')
    expect(() => check(10, 0)).toThrow('large')
    expect(() => check(0, 10)).toThrow('large')
    expect(() => check(0, -1)).toThrow('negative')
    expect(new Set(asked).size).toBe(guards.length)
  })

  it.each([
    ['a > 9', 10, 10, 'large'],
    ['a > 9', 10, 0, 'apart'],
    [`throw new Error('large')`, 10, 10, 'fine'],
    [`throw new Error('negative')`, -2, -2, 'fine'],
    ['a === b', 2, 4, 'fine'],
    ['even(a)', 3, 3, 'fine'],
    ['return false', 3, 3, 'fine'],
  ])('takes %s away, and nothing else', (removed, a, b, gives) => {
    const check = checkWithout(removed)
    if (gives === 'large') expect(() => check(a, b)).toThrow(gives)
    else expect(check(a, b)).toBe(gives)
  })
})

describe('the shapes of a refusal', () => {
  const textsOf = (source: string) => instrument('shapes.ts', source).guards.map(({ text }) => text.replace(/;$/, ''))

  it.each<[string, string, readonly string[]]>([
    [
      'undefined',
      'function f(a: number): number | undefined { if (a > 9) return undefined; return a }',
      ['return undefined'],
    ],
    [
      'a reason',
      "function f(a: number): string | undefined { if (a > 9) return 'large'; return undefined }",
      [`return 'large'`],
    ],
    [
      'a method’s undefined',
      'const o = { f(a: number) { if (a > 9) return undefined; return a } }',
      ['return undefined'],
    ],
    ['a check’s reason', "const o = { run(a: number) { return a > 9 ? 'large' : undefined } }", ['a > 9']],
    ['a choice', 'const f = (a: number): number | undefined => (a > 0 && a < 9 ? a : undefined)', ['a > 0', 'a < 9']],
    ['a drop', "function f(a: number) { if (a > 9) return drop('large'); take(a) }", [`return drop('large')`]],
    [
      'a throw after what is well',
      'function f(a: number) { if (a > 0 && a < 9) return; throw e }',
      ['a > 0', 'a < 9', 'throw e'],
    ],
    ['a negation', 'function f(a: number) { if (!(a > 0 && a < 9)) throw e }', ['a > 0', 'a < 9', 'throw e']],
    [
      'a constant',
      'function f(a: number) { const is = a > 0 && a < 9; if (!is) throw e }',
      ['a > 0', 'a < 9', 'throw e'],
    ],
    [
      'a chosen constant',
      'function f(a: number) { const b = a > 0 ? a : undefined; if (b === undefined) throw e }',
      ['a > 0', 'throw e'],
    ],
  ])('%s', (_, source, texts) => {
    expect(textsOf(source)).toEqual(texts)
  })

  it('is not a value that a function gives when all is well', () => {
    expect(textsOf("const f = (a: number): string => { if (a > 9) return 'large'; return 'small' }")).toEqual([])
    expect(textsOf('function f(a: number): void { if (a > 9) return; take(a) }')).toEqual([])
  })

  it('keeps the value of a constant, and what is inside of what', () => {
    const source = `
function f(a) {
  const value = a && (() => (a > 1 ? a : 0))()
  if (!value) throw new Error('none')
  return value
}`
    Object.assign(globalThis, { __guardStands: () => true })
    const f = new Function(`${instrument('f.ts', source).code}\nreturn f`)() as (a: number) => number
    expect(f(5)).toBe(5)
    expect(() => f(0)).toThrow('none')
  })
})
