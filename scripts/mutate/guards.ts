// Which guards a source file has, and the same file with a switch in front of each. A guard is what keeps wrong input out:
// a `throw`, one operand of the condition that leads to it, a `return false` or one operand of a verdict.
import ts from 'typescript'

export interface Guard {
  /** `file: text`, and a number where one text stands several times. It survives edits elsewhere in the file. */
  readonly id: string
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

interface Insertion {
  readonly at: number
  readonly text: string
}

/** Asked by the instrumented sources, defined by `record.ts`: whether the guard stands, after it was about to refuse. */
const SWITCH = '__guardStands'

/**
 * @param file Name in the ids, relative to the root.
 * @param source TypeScript.
 */
export function instrument(file: string, source: string): { readonly guards: readonly Guard[]; readonly code: string } {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
  const guards: Guard[] = []
  const insertions: Insertion[] = []
  const times = new Map<string, number>()

  const name = (node: ts.Node): string => {
    const text = node.getText(tree).replace(/\s+/g, ' ').slice(0, 90)
    const seen = (times.get(text) ?? 0) + 1
    times.set(text, seen)
    const id = `${file}: ${text}${seen > 1 ? ` (${seen})` : ''}`
    guards.push({ id, file, line: tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1, text })
    return JSON.stringify(id)
  }
  /** The statement runs only while its guard stands. */
  const statement = (node: ts.Statement): void => {
    const id = name(node)
    const alone = !ts.isBlock(node.parent) && !ts.isSourceFile(node.parent) && !ts.isCaseOrDefaultClause(node.parent)
    insertions.push({ at: node.getStart(tree), text: `${alone ? '{' : ''}if (globalThis.${SWITCH}(${id})) ` })
    if (alone) insertions.push({ at: node.getEnd(), text: '}' })
  }
  /** The operand is as if it had found nothing wrong. `bad` is its value when it refuses. */
  const operand = (node: ts.Expression, bad: boolean): void => {
    const id = name(node)
    insertions.push({ at: node.getStart(tree), text: bad ? '((' : '(!!(' })
    insertions.push({
      at: node.getEnd(),
      text: bad ? `) && globalThis.${SWITCH}(${id}))` : `) || !globalThis.${SWITCH}(${id}))`,
    })
  }

  const visit = (node: ts.Node): void => {
    if (ts.isThrowStatement(node)) statement(node)
    if (ts.isReturnStatement(node) && node.expression?.kind === ts.SyntaxKind.FalseKeyword) statement(node)
    if (ts.isIfStatement(node) && refuses(node.thenStatement)) {
      const operands = split(node.expression, ts.SyntaxKind.BarBarToken)
      if (operands.length > 1) for (const one of operands) operand(one, true)
    }
    const verdict = verdictOf(node)
    if (verdict !== undefined) {
      const operands = split(verdict, ts.SyntaxKind.AmpersandAmpersandToken)
      if (operands.length > 1) for (const one of operands) operand(one, false)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return { guards, code: apply(source, insertions) }
}

/** Whether the branch ends in a refusal. */
function refuses(branch: ts.Statement): boolean {
  const last = ts.isBlock(branch) ? branch.statements.at(-1) : branch
  if (last === undefined) return false
  return (
    ts.isThrowStatement(last) || (ts.isReturnStatement(last) && last.expression?.kind === ts.SyntaxKind.FalseKeyword)
  )
}

/** The returned expression of a function that is declared to say yes or no. */
function verdictOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return isVerdict(node.type) ? node.body : undefined
  if (!ts.isReturnStatement(node)) return undefined
  let around: ts.Node = node
  while (!ts.isFunctionLike(around)) around = around.parent
  return isVerdict(around.type) ? node.expression : undefined
}

function isVerdict(type: ts.TypeNode | undefined): boolean {
  return type !== undefined && /^(Promise<)?boolean>?$| is /.test(type.getText())
}

function split(node: ts.Expression, operator: ts.SyntaxKind): readonly ts.Expression[] {
  if (ts.isParenthesizedExpression(node)) return split(node.expression, operator)
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== operator) return [node]
  return [...split(node.left, operator), ...split(node.right, operator)]
}

/** Later positions first, so that the earlier ones stay right; at one position in the order given. */
function apply(source: string, insertions: readonly Insertion[]): string {
  const ordered = insertions
    .map((insertion, order) => ({ ...insertion, order }))
    .sort((a, b) => b.at - a.at || b.order - a.order)
  let code = source
  for (const { at, text } of ordered) code = code.slice(0, at) + text + code.slice(at)
  return code
}
