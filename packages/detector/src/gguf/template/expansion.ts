/**
 * A template that makes much of little: G18.
 *
 * @module
 */
import type { TemplateFault } from './code.ts'
import { type Constants, numbersOf } from './fold.ts'
import { childrenOf, isNode, type Node, nameOf, type Syntax } from './syntax.ts'

const MAX_ROUNDS = 10_000
const MAX_LITERAL = 64 * 1024
const MAX_NUMBER = 100_000

export function expansionFaults({ nodes }: Syntax, constants: Constants): readonly TemplateFault[] {
  const root = nodes?.[0]
  if (root === undefined) return []
  const faults: TemplateFault[] = []
  const add = (message: string) => void faults.push({ severity: 'high', message })
  // Down the tree, with the rounds of the constant loops around each node.
  const stack: [node: Node, rounds: number][] = [[root, 1]]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [node, outer] = top
    const rounds = outer * (node.type === 'For' ? roundsOf(node['iterable'], constants) : 1)
    if (rounds > MAX_ROUNDS && rounds > outer) add(`Loops over constants make ${rounds} rounds.`)
    nodeFault(node, rounds, constants, add)
    for (const child of childrenOf(node)) stack.push([child, rounds])
  }
  return faults
}

/** Of a loop over something constant; 1 when it is over data. */
function roundsOf(iterable: unknown, constants: Constants): number {
  if (!isNode(iterable)) return 1
  if (iterable.type === 'ArrayLiteral' || iterable.type === 'TupleLiteral') {
    return Math.max(1, (iterable['value'] as readonly unknown[]).length)
  }
  if (iterable.type === 'StringLiteral') return Math.max(1, String(iterable['value']).length)
  if (iterable.type === 'FilterExpression') return roundsOf(iterable['operand'], constants)
  if (iterable.type !== 'CallExpression' || nameOf(iterable['callee']) !== 'range') return 1
  const bounds = (iterable['args'] as readonly unknown[]).map((arg) =>
    Math.max(...numbersOf(arg, constants), Number.NaN),
  )
  const known = bounds.map((bound, index) =>
    Number.isNaN(bound) ? numbersOf((iterable['args'] as unknown[])[index], constants)[0] : bound,
  )
  const [first, second, step = 1] = known
  if (first === undefined) return 1
  const count = second === undefined ? first : (second - first) / (step === 0 ? 1 : step)
  return Math.max(1, Math.ceil(count))
}

const PADDING = /^(center|ljust|rjust|zfill|indent|batch|wordwrap|truncate)$/

function nodeFault(node: Node, rounds: number, constants: Constants, add: (message: string) => void): void {
  if (node.type === 'StringLiteral' && String(node['value']).length > MAX_LITERAL) {
    add(`A literal has ${String(node['value']).length} characters.`)
  }
  if (node.type === 'BinaryExpression') {
    const sign = (node['operator'] as { value: string }).value
    const factors = [...numbersOf(node['left'], constants), ...numbersOf(node['right'], constants)]
    if ((sign === '*' || sign === '**') && factors.some((factor) => factor > MAX_ROUNDS)) {
      add(`Something is repeated or multiplied ${Math.max(...factors)} times.`)
    }
  }
  if (node.type === 'CallExpression') {
    const { callee } = node
    const name = nameOf(callee) ?? (isNode(callee) ? nameOf(callee['property']) : undefined)
    const numbers = (node['args'] as readonly unknown[]).flatMap((arg) => numbersOf(arg, constants))
    const most = Math.max(0, ...numbers)
    if (name === 'range' && most > MAX_NUMBER) add(`It counts to ${most}.`)
    if (name !== undefined && PADDING.test(name) && most > MAX_ROUNDS) add(`It pads to ${most} characters.`)
  }
  if (node.type === 'Set' && rounds > 1) {
    const name = nameOf(node['assignee'])
    if (name !== undefined && usesOf(node['value'], name) > 1) add(`${name} doubles in each of ${rounds} rounds.`)
  }
}

/** How often a sum has a name in it. */
function usesOf(node: unknown, name: string): number {
  if (!isNode(node)) return 0
  if (nameOf(node) === name) return 1
  return node.type === 'BinaryExpression' ? usesOf(node['left'], name) + usesOf(node['right'], name) : 0
}
