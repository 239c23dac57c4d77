/**
 * A template that speaks to the model in its own words: G24.
 *
 * Nothing here is proof. Templates of tool use say a lot, and a known upstream template is let through by its hash.
 *
 * @module
 */
import type { TemplateFault } from './code.ts'
import { childrenOf, isNode, type Node, nameOf, nodesOf, type Syntax } from './syntax.ts'

/** Characters that are not seen, or turn the order around. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u
const URL = /\b(?:https?|ftp|wss?|data|javascript):\/{0,2}[\w%.-]+[./][\w%./-]{2,}/i
const BASE64 = /(?<![\w+/])(?=[\w+/]*\d)(?=[\w+/]*[a-z])(?=[\w+/]*[A-Z])[A-Za-z0-9+/]{40,}={0,2}/
const IMPERATIVE =
  /\b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|prompt|rule|message|guideline|above|previous)|\b(do not|don't|never)\b.{0,30}\b(tell|reveal|mention|inform|disclose)\b|\bwithout (telling|informing|mentioning)\b|\b(secretly|covertly|exfiltrat\w*)\b|\balways\b.{0,40}\b(recommend|insert|include a link|append|prefer)\b|\byou are now\b|\bno matter what\b/i
const WORDS = /\p{L}{3,}(?:[^\p{L}]+\p{L}+){2}/u
/** Marks of the format itself: `<think>`, `[INST]`, `<|im_start|>`. */
const MARK = /^\s*(<[^\s<>]{1,40}>|\[[^\s[\]]{1,40}\]|\W*)\s*$/u

export function poisonFaults(template: string, { nodes = [] }: Syntax): readonly TemplateFault[] {
  const faults: TemplateFault[] = []
  const add = (severity: TemplateFault['severity'], message: string) => void faults.push({ severity, message })
  const invisible = INVISIBLE.exec(template)
  if (invisible !== null) {
    const code = (invisible[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
    add('high', `It has the invisible character U+${code}.`)
  }
  const literals = nodes.filter(({ type }) => type === 'StringLiteral').map(({ value }) => String(value))
  for (const text of nodes.length > 0 ? literals : [template]) {
    const url = URL.exec(text)?.[0]
    if (url !== undefined) add('medium', `It says the address ${url.slice(0, 80)}.`)
    if (BASE64.test(text)) add('medium', 'It says something in base64.')
    const order = IMPERATIVE.exec(text)?.[0]
    if (order !== undefined) add('high', `It gives an order: "${order.slice(0, 80)}".`)
  }
  for (const node of nodes) if (node.type === 'If') branchFault(node, add)
  return faults
}

/** A branch that looks for words in a message, and then says something of its own. */
function branchFault(node: Node, add: (severity: 'high', message: string) => void): void {
  const trigger = triggerOf(node['test'])
  if (trigger === undefined) return
  const said = emittedBy(node['body'] as readonly Node[]).find((text) => WORDS.test(text))
  if (said === undefined) return
  const message = `Where a message has "${trigger.slice(0, 40)}", it says "${said.trim().slice(0, 60)}".`
  add('high', message)
}

/** The words that a condition looks for in what a message says. */
function triggerOf(test: unknown): string | undefined {
  if (!isNode(test)) return undefined
  for (const node of nodesOf(test)) {
    const parts =
      node.type === 'BinaryExpression' && /^(==|!=|in|not in)$/.test((node['operator'] as { value: string }).value)
        ? [node['left'], node['right']]
        : node.type === 'CallExpression' &&
            isNode(node['callee']) &&
            METHODS.test(nameOf(node['callee']['property']) ?? '')
          ? [node['callee']['object'], (node['args'] as readonly unknown[])[0]]
          : []
    const words = parts.find((part) => isNode(part) && part.type === 'StringLiteral') as Node | undefined
    const text = String(words?.['value'] ?? '')
    if (words === undefined || MARK.test(text)) continue
    if (parts.some((part) => isNode(part) && readsContent(part))) return text
  }
  return undefined
}

const METHODS = /^(startswith|endswith|find|index|count|contains)$/
const CONTENT = /^(content|text|user_message|last_message|query|prompt)$/

const readsContent = (node: Node): boolean =>
  nodesOf(node).some((each) => {
    if (each.type === 'Identifier') return CONTENT.test(String(each['value']))
    if (each.type !== 'MemberExpression') return false
    const { property } = each
    return isNode(property) && CONTENT.test(String(property['value'] ?? ''))
  })

/** Literals that the statements put out: text, and `{{ 'text' }}` with what is added to it. */
function emittedBy(body: readonly Node[]): readonly string[] {
  return body.flatMap((node) => {
    if (node.type === 'StringLiteral') return [String(node['value'])]
    if (node.type === 'BinaryExpression' || node.type === 'If' || node.type === 'For')
      return emittedBy(childrenOf(node))
    return []
  })
}
