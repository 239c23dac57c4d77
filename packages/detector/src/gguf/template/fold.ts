/**
 * What an expression is, where its text alone decides: strings put together so that no one sees what they spell.
 *
 * @module
 */
import { isNode, type Node, nameOf } from './syntax.ts'

type Constant = string | number | readonly Constant[]

/** What is known of the names that a template sets. */
export interface Constants {
  /** All that each may be, of those that are set to something constant. */
  readonly values: ReadonlyMap<string, readonly Constant[]>
  /** Expressions that may still be looked at; none left, and what is asked is not known. */
  steps: number
}

const MAX_DEPTH = 64
const MAX_TEXT = 4_096
/** Rounds in which one name may be made of others. */
const MAX_ROUNDS = 8
const MAX_VALUES = 8
const MAX_STEPS = 200_000

export function constantsOf(nodes: readonly Node[]): Constants {
  const known = new Map<string, Constant[]>()
  const constants: Constants = { values: known, steps: MAX_STEPS }
  const sets = nodes.filter(({ type }) => type === 'Set')
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let isNew = false
    for (const { assignee, value } of sets) {
      const name = nameOf(assignee)
      if (name === undefined) continue
      const values = known.get(name) ?? []
      for (const folded of fold(value, constants)) {
        if (values.length >= MAX_VALUES || values.some((one) => String(one) === String(folded))) continue
        values.push(folded)
        isNew = true
      }
      if (values.length > 0) known.set(name, values)
    }
    if (!isNew) break
  }
  return constants
}

/** All texts that an expression may be. Empty when that is not decided here. */
export const textsOf = (node: unknown, constants: Constants): readonly string[] =>
  fold(node, constants)
    .filter((value) => typeof value !== 'object')
    .map(String)

export const numbersOf = (node: unknown, constants: Constants): readonly number[] =>
  fold(node, constants).filter((value) => typeof value === 'number')

function fold(node: unknown, constants: Constants, depth = 0): readonly Constant[] {
  if (!isNode(node) || depth > MAX_DEPTH || --constants.steps < 0) return []
  const inner = (value: unknown) => fold(value, constants, depth + 1)
  switch (node.type) {
    case 'StringLiteral':
    case 'IntegerLiteral':
    case 'FloatLiteral':
      return [node['value'] as string | number]
    case 'Identifier':
      return constants.values.get(String(node['value'])) ?? []
    case 'ArrayLiteral':
    case 'TupleLiteral': {
      const items = (node['value'] as readonly unknown[]).map((item) => inner(item)[0])
      return items.every((item) => item !== undefined) ? [items as Constant[]] : []
    }
    case 'BinaryExpression':
      return foldBinary(node, inner)
    case 'UnaryExpression':
      return (node['operator'] as { value: string }).value === '-'
        ? inner(node['argument']).map((value) => -Number(value))
        : []
    case 'Ternary':
      return [...inner(node['trueExpr']), ...inner(node['falseExpr'])].slice(0, MAX_VALUES)
    case 'FilterExpression':
      return foldFilter(node, inner)
    case 'CallExpression':
      return foldMethod(node, inner)
    case 'MemberExpression':
      return foldMember(node, inner)
    default:
      return []
  }
}

type Inner = (value: unknown) => readonly Constant[]

function foldBinary({ operator, left, right }: Node, inner: Inner): readonly Constant[] {
  const sign = (operator as { value: string }).value
  const results: Constant[] = []
  const others = inner(right)
  for (const a of inner(left)) {
    for (const b of others) {
      const result = combine(sign, a, b)
      if (result !== undefined && results.length < MAX_VALUES) results.push(result)
    }
  }
  return results
}

function combine(sign: string, a: Constant, b: Constant): Constant | undefined {
  if (sign === '~') return (textOf(a) + textOf(b)).slice(0, MAX_TEXT)
  if (typeof a === 'number' && typeof b === 'number') {
    return { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '//': Math.floor(a / b), '**': a ** b }[sign]
  }
  if (sign === '+' && typeof a === 'string' && typeof b === 'string') return (a + b).slice(0, MAX_TEXT)
  if (sign === '*' && typeof a === 'string' && typeof b === 'number' && b > 0) {
    return a.repeat(Math.min(Math.floor(b), Math.ceil(MAX_TEXT / Math.max(1, a.length))))
  }
  if (sign === '%' && typeof a === 'string') return formatted(a, b)
  return undefined
}

const textOf = (value: Constant): string => (typeof value === 'object' ? value.map(textOf).join('') : String(value))

/** `%s` and `{}` filled in their order. */
function formatted(pattern: string, given: Constant): string {
  const values = typeof given === 'object' ? [...given] : [given]
  return pattern
    .replace(/%[-\d.]*[sdr]|\{\w*\}/g, () => {
      const next = values.shift()
      return next === undefined ? '' : textOf(next)
    })
    .slice(0, MAX_TEXT)
}

function foldFilter({ operand, filter }: Node, inner: Inner): readonly Constant[] {
  const isCall = isNode(filter) && filter.type === 'CallExpression'
  const name = nameOf(isCall ? filter['callee'] : filter)
  const args = isCall ? (filter['args'] as readonly unknown[]).map((arg) => inner(arg)[0]) : []
  return inner(operand).flatMap((value) => apply(name, value, args))
}

function foldMethod({ callee, args }: Node, inner: Inner): readonly Constant[] {
  if (!isNode(callee) || callee.type !== 'MemberExpression' || callee['computed'] === true) return []
  const name = nameOf(callee['property'])
  const given = (args as readonly unknown[]).map((arg) => inner(arg)[0])
  return inner(callee['object']).flatMap((value) => {
    // A text's own `join` has its separator in front.
    if (name === 'join' && typeof value === 'string') return apply('join', given[0] ?? '', [value])
    return apply(name, value, given)
  })
}

/** The filters and methods that make one text of another. */
function apply(
  name: string | undefined,
  value: Constant,
  args: readonly (Constant | undefined)[],
): readonly Constant[] {
  const [first, second] = args
  switch (name) {
    case 'join':
      return typeof value === 'object' ? [value.map(textOf).join(first === undefined ? '' : textOf(first))] : [value]
    case 'format':
      return [
        formatted(
          textOf(value),
          args.filter((arg) => arg !== undefined),
        ),
      ]
    case 'replace':
      return first === undefined || second === undefined
        ? []
        : [textOf(value).replaceAll(textOf(first), textOf(second)).slice(0, MAX_TEXT)]
    case 'lower':
    case 'upper':
    case 'title':
    case 'capitalize':
      return [textOf(value).toLowerCase()]
    case 'reverse':
      return [typeof value === 'object' ? [...value].reverse() : [...value.toString()].reverse().join('')]
    case 'trim':
    case 'strip':
      return [textOf(value).trim()]
    case 'string':
    case 'safe':
    case 'e':
    case 'escape':
    case 'list':
    case 'first':
    case 'last':
      return [value]
    default:
      return []
  }
}

/** `[::-1]`; other indices keep the whole, which is enough to see what it spells. */
function foldMember({ object, property, computed }: Node, inner: Inner): readonly Constant[] {
  if (computed !== true || !isNode(property)) return []
  const isSlice = property.type === 'SliceExpression'
  const isBackwards = isSlice && Number(inner(property['step'])[0] ?? 1) < 0
  if (!isBackwards) return isSlice ? inner(object) : []
  return inner(object).flatMap((value) => apply('reverse', value, []))
}
