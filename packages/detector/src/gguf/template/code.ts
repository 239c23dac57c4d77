/**
 * A template that reaches for more than its data: G23.
 *
 * A sandbox that forgets one way to an object's inner attributes gives away the machine. So every way is a finding, whatever
 * sandbox there is: by a dot, by an index, through a filter, in a name that is put together.
 *
 * @module
 */
import type { Severity } from '../checks.ts'
import { type Constants, textsOf } from './fold.ts'
import { isNode, type Node, nameOf, type Syntax, type Token } from './syntax.ts'

export interface TemplateFault {
  readonly severity: Severity
  readonly message: string
}

const INNER = /^__|__$/
const KNOWN_INNER =
  /__(class|bases?|mro|subclasses|globals|builtins|import|init|dict|getattr(ibute)?|code|func|self|module|reduce(_ex)?|call|loader|spec|getitem|wrapped)(__)?/i
const REACHING = /^(mro|func_globals|gi_frame|gi_code|f_globals|f_back|cr_frame|tb_frame|func_code|im_func|format_map)$/
const STATEMENTS = /^(import|include|extends|from|block|do|autoescape|debug|trans)$/
const DANGEROUS_STATEMENTS = /^(import|include|extends|from|debug)$/
const DANGEROUS_CALLS =
  /^(eval|exec|execfile|compile|open|popen|system|spawn\w*|check_output|run_command|import_module|getattr|setattr|delattr|globals|locals|vars|breakpoint|input|subclasses)$/
const DANGEROUS_NAMES =
  /^(lipsum|cycler|joiner|self|request|config|url_for|get_flashed_messages|os|sys|subprocess|builtins)$/
/** Functions that the platforms of chat templates give. */
const FUNCTIONS = new Set(
  'raise_exception strftime_now namespace range dict list str int float tojson caller len now date get_json_type'.split(
    ' ',
  ),
)
const METHODS = new Set(
  (
    'items keys values get split rsplit splitlines strip lstrip rstrip upper lower title capitalize startswith endswith ' +
    'replace join append extend insert pop index count find rfind isdigit isalpha isalnum isspace islower isupper ' +
    'cycle call format update copy removeprefix removesuffix strftime partition rpartition zfill encode decode sort reverse'
  ).split(' '),
)
/** Filters that read an attribute whose name they are given; where in their arguments. */
const ATTRIBUTE_FILTERS = /^(map|selectattr|rejectattr|groupby|sort|unique|sum|min|max)$/

export function codeFaults({ tokens, nodes }: Syntax, constants: Constants): readonly TemplateFault[] {
  const faults = [...tokenFaults(tokens)]
  if (nodes === undefined) return [...faults, ...unreadFaults(tokens)]
  const macros = new Set(nodes.filter(({ type }) => type === 'Macro').map(({ name }) => nameOf(name)))
  for (const node of nodes) {
    if (node.type === 'MemberExpression') faults.push(...memberFaults(node, constants))
    else if (node.type === 'FilterExpression' || node.type === 'FilterStatement') {
      faults.push(...filterFaults(node, constants))
    } else if (node.type === 'CallExpression') faults.push(...callFaults(node, macros, constants))
    else if (node.type === 'BinaryExpression') faults.push(...foldedFaults(node, constants))
  }
  return faults
}

const fault = (severity: Severity, message: string): TemplateFault => ({ severity, message })

/** These hold even where the template does not parse. */
function tokenFaults(tokens: readonly Token[]): readonly TemplateFault[] {
  return tokens.flatMap(({ type, value }, index) => {
    if (type === 'Identifier' && INNER.test(value) && !/^_+$/.test(value)) {
      return [fault('critical', `It names the inner attribute ${value}.`)]
    }
    const spelt = type === 'StringLiteral' ? KNOWN_INNER.exec(textFrom(tokens, index))?.[0] : undefined
    if (spelt !== undefined) return [fault('critical', `It spells the inner attribute ${spelt}.`)]
    const isStatement = type === 'Identifier' && tokens[index - 1]?.type === 'OpenStatement'
    if (!isStatement || !STATEMENTS.test(value)) return []
    return [fault(DANGEROUS_STATEMENTS.test(value) ? 'critical' : 'medium', `It has the statement ${value}.`)]
  })
}

/** Literals side by side are one. */
function textFrom(tokens: readonly Token[], index: number): string {
  let text = ''
  for (let at = index; tokens[at]?.type === 'StringLiteral' && at < index + 16; at++) text += tokens[at]?.value
  return text
}

/** Where there is no tree, a filter is what follows a bar. */
function unreadFaults(tokens: readonly Token[]): readonly TemplateFault[] {
  return tokens.some(
    ({ type, value }, index) => type === 'Identifier' && value === 'attr' && tokens[index - 1]?.type === 'Pipe',
  )
    ? [fault('critical', 'It reads an attribute through attr, in an expression that cannot be read.')]
    : []
}

function attributeFault(texts: readonly string[], how: string): readonly TemplateFault[] {
  // The name may be a path: `map(attribute='a.__class__')`.
  const parts = texts.flatMap((text) => text.split('.'))
  const inner = parts.find((part) => INNER.test(part) || KNOWN_INNER.test(part) || REACHING.test(part))
  if (inner !== undefined) return [fault('critical', `It reaches the inner attribute ${inner} ${how}.`)]
  const hidden = parts.find((part) => part.startsWith('_') && part !== '_')
  return hidden === undefined ? [] : [fault('high', `It reaches the private attribute ${hidden} ${how}.`)]
}

function memberFaults({ object, property, computed }: Node, constants: Constants): readonly TemplateFault[] {
  const owner = nameOf(object)
  const faults = [
    ...attributeFault(
      computed === true ? textsOf(property, constants) : [nameOf(property) ?? ''],
      computed === true ? 'by an index' : 'by a dot',
    ),
  ]
  if (owner !== undefined && DANGEROUS_NAMES.test(owner) && computed !== true) {
    faults.push(fault('high', `It reads an attribute of ${owner}, which is no data.`))
  }
  return faults
}

function filterFaults({ filter }: Node, constants: Constants): readonly TemplateFault[] {
  const isCall = isNode(filter) && filter.type === 'CallExpression'
  const name = nameOf(isCall ? filter['callee'] : filter)
  const args = isCall ? (filter['args'] as readonly Node[]) : []
  if (name === 'attr') {
    const texts = textsOf(args[0], constants)
    const worse = attributeFault(texts, 'through attr')
    if (worse.length > 0) return worse
    return texts.length === 0
      ? [fault('critical', 'It reads an attribute through attr whose name is not in the template.')]
      : [fault('high', `It reads the attribute ${texts[0]} through attr.`)]
  }
  if (name === undefined || !ATTRIBUTE_FILTERS.test(name)) return []
  const given = args.flatMap((arg, index) => {
    if (arg.type === 'KeywordArgumentExpression') return nameOf(arg['key']) === 'attribute' ? [arg['value']] : []
    return index === 0 || name === 'map' ? [arg] : []
  })
  return given.flatMap((value) => {
    const texts = textsOf(value, constants)
    // `map('attr', '__class__')` names the filter in a text.
    if (texts.includes('attr')) return [fault('critical', `It names the filter attr in ${name}.`)]
    if (texts.length > 0 || name === 'sort' || name === 'unique') return attributeFault(texts, `through ${name}`)
    return [fault('high', `It reads an attribute through ${name} whose name is not in the template.`)]
  })
}

function callFaults(
  { callee, args }: Node,
  macros: ReadonlySet<string | undefined>,
  constants: Constants,
): readonly TemplateFault[] {
  const name = nameOf(callee)
  if (name !== undefined) {
    if (DANGEROUS_CALLS.test(name)) return [fault('critical', `It calls ${name}.`)]
    if (DANGEROUS_NAMES.test(name)) return [fault('high', `It calls ${name}, which is no data.`)]
    // A filter with arguments is a call in the tree, and its name is judged with the filter.
    if (FUNCTIONS.has(name) || macros.has(name) || FILTERS.has(name)) return []
    return [fault('medium', `It calls ${name}, which no platform gives.`)]
  }
  if (!isNode(callee) || callee.type !== 'MemberExpression')
    return [fault('high', 'It calls the result of an expression.')]
  const { property, computed, object } = callee
  if (computed === true) {
    return [fault('high', 'It calls a member whose name is an expression.')]
  }
  const method = nameOf(property) ?? ''
  if (DANGEROUS_CALLS.test(method) || REACHING.test(method)) return [fault('critical', `It calls ${method}.`)]
  if (method === 'format') {
    const reached = textsOf(object, constants).filter((text) => /\{[^}]*[.[][^}]*\}/.test(text))
    if (reached.length > 0) return [fault('critical', 'It reads attributes in the pattern of format.')]
  }
  if (method === 'get') return attributeFault(textsOf((args as readonly Node[])[0], constants), 'through get')
  return METHODS.has(method) ? [] : [fault('medium', `It calls the method ${method}, which no data has.`)]
}

const FILTERS = new Set(
  (
    'tojson trim length count lower upper title capitalize join replace default d first last list map select reject ' +
    'selectattr rejectattr sort unique indent string int float safe escape e items dictsort reverse round abs batch slice ' +
    'groupby sum min max attr format truncate wordcount center random urlencode striptags xmlattr forceescape fromjson ' +
    'from_json b64decode strftime regex_replace bool pprint split'
  ).split(' '),
)

function foldedFaults(node: Node, constants: Constants): readonly TemplateFault[] {
  const text = textsOf(node, constants).find((each) => KNOWN_INNER.test(each))
  return text === undefined ? [] : [fault('critical', `It puts together the inner attribute ${text.slice(0, 60)}.`)]
}
