/**
 * A chat template as tokens and as a tree. Never rendered.
 *
 * The parser is `@huggingface/jinja`'s. It recurses, and one of its patterns is quadratic in runs of white space: both are
 * bounded here before it runs.
 *
 * @module
 */
import { parse, tokenize } from '@huggingface/jinja'

/** A node of the tree; `type` is the name that the parser gives it. */
export interface Node {
  readonly type: string
  readonly [key: string]: unknown
}

export interface Token {
  readonly type: string
  readonly value: string
}

export interface Syntax {
  /** Of a template that has none, one text. */
  readonly tokens: readonly Token[]
  /** In the order of the text, parents first. Absent when the template does not parse, or is beyond the bounds. */
  readonly nodes?: readonly Node[]
  /** Why there is no tree. */
  readonly problem?: string
  /** It is a bound that is broken. */
  readonly isBeyond: boolean
}

export const MAX_TEMPLATE_CHARACTERS = 256 * 1024
const MAX_SPACES = 1_024
const MAX_TOKENS = 40_000
const MAX_NESTING = 96
/** Prefix operators, alternatives and the like in one tag: each is a frame of the parser. */
const MAX_CHAIN = 400

export function syntaxOf(template: string): Syntax {
  const whole: readonly Token[] = [{ type: 'StringLiteral', value: template }]
  const beyond = (problem: string, tokens = whole): Syntax => ({ tokens, problem, isBeyond: true })
  if (template.length > MAX_TEMPLATE_CHARACTERS) return beyond(`it has ${template.length} characters`)
  if (new RegExp(`\\s{${MAX_SPACES}}`).test(template)) return beyond(`it has ${MAX_SPACES} spaces on end`)
  let tokens = whole
  try {
    tokens = tokenize(template)
    if (tokens.length > MAX_TOKENS) return beyond(`it has ${tokens.length} tokens`, tokens)
    const excess = excessOf(tokens)
    if (excess !== undefined) return beyond(excess, tokens)
    const program = parse(tokens as Parameters<typeof parse>[0]) as unknown as Node
    return { tokens, nodes: nodesOf(program), isBeyond: false }
  } catch (error) {
    return { tokens, problem: (error as Error).message.slice(0, 120), isBeyond: false }
  }
}

const OPENS = new Set(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket'])
const CLOSES = new Set(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket'])
const RECURSES = new Set(['not', 'if', 'else', '-', '+', '('])

/** What of the tokens would take the parser too deep. */
function excessOf(tokens: readonly Token[]): string | undefined {
  let blocks = 0
  let branches = 0
  let brackets = 0
  let chain = 0
  for (const [index, { type, value }] of tokens.entries()) {
    if (type === 'OpenStatement' || type === 'OpenExpression') {
      brackets = 0
      chain = 0
      const name = type === 'OpenStatement' ? (tokens[index + 1]?.value ?? '') : ''
      if (/^(if|for|macro|call|filter|set)$/.test(name)) blocks += name === 'set' && !isBlockSet(tokens, index) ? 0 : 1
      else if (/^end/.test(name)) blocks -= 1
      // Each is parsed inside the one before.
      if (name === 'elif') branches += 1
    } else if (OPENS.has(type)) brackets += 1
    else if (CLOSES.has(type)) brackets -= 1
    if (RECURSES.has(value) && type !== 'StringLiteral') chain += 1
    if (blocks > MAX_NESTING || brackets > MAX_NESTING) return `it is nested more than ${MAX_NESTING} deep`
    if (chain > MAX_CHAIN || branches > MAX_CHAIN) return `it chains more than ${MAX_CHAIN} operators or branches`
  }
  return undefined
}

function isBlockSet(tokens: readonly Token[], index: number): boolean {
  for (let at = index + 1; at < tokens.length; at++) {
    const type = tokens[at]?.type
    if (type === 'Equals') return false
    if (type === 'CloseStatement') return true
  }
  return false
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'

/** In the order of the text; operators, which are tokens, are left out. */
export function childrenOf(node: Node): readonly Node[] {
  const children: Node[] = []
  const take = (value: unknown) => {
    if (isNode(value)) children.push(value)
    else if (Array.isArray(value)) for (const each of value) take(each)
    else if (value instanceof Map) {
      for (const [key, each] of value) {
        take(key)
        take(each)
      }
    }
  }
  for (const [key, value] of Object.entries(node)) if (key !== 'operator') take(value)
  return children
}

/** With a stack of its own: a tree may be as deep as its text is long (`a.b.c…`). */
export function nodesOf(root: Node): readonly Node[] {
  const nodes: Node[] = []
  const stack = [root]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    nodes.push(node)
    const children = childrenOf(node)
    for (let index = children.length - 1; index >= 0; index--) stack.push(children[index] as Node)
  }
  return nodes
}

export const nameOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' && typeof node['value'] === 'string' ? node['value'] : undefined
