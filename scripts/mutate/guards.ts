// Which guards a source file has, and the same file with a switch in front of each. A guard is what keeps wrong input out.
// These are found:
// - every `throw`, every `return false`, every `return drop('…')`;
// - `if (…) return undefined` where a function is declared to give something or undefined, `if (…) return 'why'` where it is
//   declared to give a reason or undefined, and the condition of a returned `… ? … : undefined` in both;
// - each operand of the condition that leads to one of them, also where it is `if (a && b) return` before a `throw`, and
//   also where the condition names a constant that was worked out before;
// - each operand of what a function returns that is declared to say yes or no.
import ts from 'typescript'

export interface Guard {
  /** `file: text`, and a number where one text stands several times. It survives edits elsewhere in the file. */
  readonly id: string
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

/** Text around a part of the source. */
interface Wrap {
  readonly from: number
  readonly to: number
  readonly before: string
  readonly after: string
}

/** An expression that refuses when it has one of the two values. */
interface Operand {
  readonly node: ts.Expression
  readonly bad: boolean
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
  const wraps: Wrap[] = []
  const times = new Map<string, number>()
  const seen = new Set<ts.Node>()

  const name = (node: ts.Node): string => {
    const text = node.getText(tree).replace(/\s+/g, ' ').slice(0, 90)
    const time = (times.get(text) ?? 0) + 1
    times.set(text, time)
    const id = `${file}: ${text}${time > 1 ? ` (${time})` : ''}`
    guards.push({ id, file, line: tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1, text })
    return JSON.stringify(id)
  }
  const wrap = (node: ts.Node, before: string, after: string): void => {
    wraps.push({ from: node.getStart(tree), to: node.getEnd(), before, after })
  }
  /** The statement runs only while its guard stands. */
  const statement = (node: ts.Statement): void => {
    const asks = `if (globalThis.${SWITCH}(${name(node)})) `
    const alone = !ts.isBlock(node.parent) && !ts.isSourceFile(node.parent) && !ts.isCaseOrDefaultClause(node.parent)
    wrap(node, alone ? `{${asks}` : asks, alone ? '}' : '')
  }
  /** The operand is as if it had found nothing wrong. */
  const operand = ({ node, bad }: Operand): void => {
    if (seen.has(node)) return
    seen.add(node)
    const asks = `globalThis.${SWITCH}(${name(node)})`
    wrap(node, '((', bad ? `) && ${asks})` : `) || !${asks})`)
  }
  /** A condition of one operand is taken away with the refusal that it leads to. */
  const operands = (condition: Operand): void => {
    const all = split(condition)
    if (all.length > 1) for (const one of all) operand(one)
    for (const one of all) for (const behind of split(workedOut(one))) if (behind.node !== one.node) operand(behind)
  }

  const visit = (node: ts.Node): void => {
    if (isRefusal(node)) statement(node)
    if (ts.isIfStatement(node)) {
      if (endsInRefusal(node.thenStatement)) operands({ node: node.expression, bad: true })
      else if (isBeforeThrow(node)) for (const one of split({ node: node.expression, bad: false })) operand(one)
    }
    const verdict = returned(node, /^(Promise<)?boolean>?$| is /)
    if (verdict !== undefined && split({ node: verdict, bad: false }).length > 1)
      operands({ node: verdict, bad: false })
    const choice = returned(node, OR_UNDEFINED)
    if (choice !== undefined && ts.isConditionalExpression(choice)) {
      const bad = refusingArm(choice, node)
      if (bad !== undefined) for (const one of split({ node: choice.condition, bad })) operand(one)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return { guards, code: apply(source, wraps) }
}

const OR_UNDEFINED = /\| undefined>?$/
/** Such a function says what is wrong: anything else is its yes. */
const REASON = /^(Promise<)?(string \| .+|.+ \| (string|\w+Fault))>?$/

const isUndefined = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === 'undefined'

const isText = (node: ts.Node): boolean => ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)

function isRefusal(node: ts.Node): node is ts.Statement {
  if (ts.isThrowStatement(node)) return true
  if (!ts.isReturnStatement(node) || node.expression === undefined) return false
  const { expression } = node
  if (expression.kind === ts.SyntaxKind.FalseKeyword) return true
  if (ts.isCallExpression(expression)) {
    const [reason] = expression.arguments
    return expression.expression.getText() === 'drop' && reason !== undefined && isText(reason)
  }
  if (!isUnderIf(node)) return false
  const type = typeAround(node)
  if (REASON.test(type)) return isText(expression)
  return OR_UNDEFINED.test(type) && isUndefined(expression)
}

function isUnderIf(node: ts.Statement): boolean {
  const parent = ts.isBlock(node.parent) ? node.parent.parent : node.parent
  return ts.isIfStatement(parent)
}

function endsInRefusal(branch: ts.Statement): boolean {
  const last = ts.isBlock(branch) ? branch.statements.at(-1) : branch
  return last !== undefined && isRefusal(last)
}

/** `if (all is well) return`, and then a `throw`. */
function isBeforeThrow(node: ts.IfStatement): boolean {
  if (!ts.isReturnStatement(node.thenStatement) || !ts.isBlock(node.parent)) return false
  const { statements } = node.parent
  const next = statements[statements.indexOf(node) + 1]
  return next !== undefined && ts.isThrowStatement(next)
}

/** The value of the condition at which the other arm would be wrong; undefined if neither arm is a refusal. */
function refusingArm(choice: ts.ConditionalExpression, node: ts.Node): boolean | undefined {
  const refuses = REASON.test(typeAround(node)) ? isText : isUndefined
  if (refuses(choice.whenTrue)) return true
  return refuses(choice.whenFalse) ? false : undefined
}

/** The returned expression of a function that is declared to give such a type. */
function returned(node: ts.Node, type: RegExp): ts.Expression | undefined {
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body))
    return type.test(typeAround(node)) ? bare(node.body) : undefined
  if (!ts.isReturnStatement(node) || node.expression === undefined) return undefined
  return type.test(typeAround(node)) ? bare(node.expression) : undefined
}

const bare = (node: ts.Expression): ts.Expression => (ts.isParenthesizedExpression(node) ? bare(node.expression) : node)

/** What the function gives that the node is in, or is. Methods have their types from an interface: a check's says why. */
function typeAround(node: ts.Node): string {
  let around = node
  while (!ts.isFunctionLike(around)) {
    if (ts.isSourceFile(around)) return ''
    around = around.parent
  }
  if (around.type !== undefined) return around.type.getText()
  if (!ts.isMethodDeclaration(around)) return ''
  return around.name.getText() === 'run' ? 'string | undefined' : 'unknown | undefined'
}

/** A condition is bad when one of these operands is. */
function split({ node, bad }: Operand): readonly Operand[] {
  if (ts.isParenthesizedExpression(node)) return split({ node: node.expression, bad })
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
    const within = split({ node: node.operand, bad: !bad })
    return within.length > 1 ? within : [{ node, bad }]
  }
  const operator = bad ? ts.SyntaxKind.BarBarToken : ts.SyntaxKind.AmpersandAmpersandToken
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== operator) return [{ node, bad }]
  return [...split({ node: node.left, bad }), ...split({ node: node.right, bad })]
}

/** What stands behind `isWrong`, `!isRight` or `right === undefined`, if that is a constant of the same function. */
function workedOut(operand: Operand): Operand {
  const { node, bad } = operand
  if (ts.isPrefixUnaryExpression(node) && ts.isIdentifier(node.operand)) {
    const value = constantOf(node.operand)
    const behind = value && { node: value, bad: !bad }
    return behind && split(behind).length > 1 ? behind : operand
  }
  if (ts.isIdentifier(node)) {
    const value = constantOf(node)
    const behind = value && { node: value, bad }
    return behind && split(behind).length > 1 ? behind : operand
  }
  if (!ts.isBinaryExpression(node) || !ts.isIdentifier(node.left) || !isUndefined(node.right)) return operand
  const choice = constantOf(node.left)
  if (choice === undefined || !ts.isConditionalExpression(choice) || !isUndefined(choice.whenFalse)) return operand
  return { node: choice.condition, bad: false }
}

function constantOf(identifier: ts.Identifier): ts.Expression | undefined {
  let around: ts.Node = identifier
  while (!ts.isSourceFile(around)) {
    if (ts.isBlock(around)) {
      for (const statement of around.statements) {
        if (!ts.isVariableStatement(statement)) continue
        for (const { name, initializer } of statement.declarationList.declarations)
          if (ts.isIdentifier(name) && name.text === identifier.text) return initializer
      }
    }
    around = around.parent
  }
  return undefined
}

/** What is inside stays inside. */
function apply(source: string, wraps: readonly Wrap[]): string {
  const opening = wraps.map(({ from, to, before }) => ({ at: from, rank: [1, -to], text: before }))
  const closing = wraps.map(({ from, to, after }) => ({ at: to, rank: [0, -from], text: after }))
  const ordered = [...opening, ...closing].sort(
    (a, b) => a.at - b.at || a.rank[0]! - b.rank[0]! || a.rank[1]! - b.rank[1]!,
  )
  let code = ''
  let done = 0
  for (const { at, text } of ordered) {
    code += source.slice(done, at) + text
    done = at
  }
  return code + source.slice(done)
}
