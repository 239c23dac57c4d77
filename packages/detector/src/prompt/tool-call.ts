/**
 * Tool calls as models write them into their text. The engine hands on no others.
 *
 * @module
 */

export interface ToolCall {
  readonly name: string
  /** Every text among its arguments, however deep. */
  readonly values: readonly string[]
}

const MAX_CALLS = 16
/** Of `{`; what a text of more of them says behind is not read. */
const MAX_OPENINGS = 200
const MAX_DEPTH = 8

/**
 * Reads JSON objects with a `name` (or `tool`, `function`) and `arguments` (or `parameters`, `args`, `input`), wherever they stand, and
 * calls written as `name(…)` of one of the tools. An answer that ends inside a call still counts as one when its
 * recipient was written: a client that is fed token by token would have seen it too.
 */
export function toolCallsOf(text: string, tools: readonly string[]): readonly ToolCall[] {
  const calls: ToolCall[] = []
  let openings = 0
  for (let at = text.indexOf('{'); at >= 0 && calls.length < MAX_CALLS; at = text.indexOf('{', at + 1)) {
    if (++openings > MAX_OPENINGS) break
    const end = endOfObject(text, at)
    const call = end === undefined ? openCall(text.slice(at), tools) : jsonCall(text.slice(at, end))
    if (call === undefined) continue
    calls.push(call)
    if (end === undefined) break
    at = end - 1
  }
  for (const name of tools) {
    const start = text.search(new RegExp(`\\b${name}\\s*\\(`))
    if (start < 0) continue
    const rest = text.slice(start + name.length)
    const close = rest.indexOf(')')
    calls.push({ name, values: stringsIn(close < 0 ? rest : rest.slice(0, close)) })
  }
  return calls
}

/** Where the object that begins at `at` ends; undefined when it does not. */
function endOfObject(text: string, at: number): number | undefined {
  let depth = 0
  let inString = false
  for (let i = at; i < text.length; i++) {
    const char = text[i]
    if (inString) {
      if (char === '\\') i++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return i + 1
  }
  return undefined
}

function jsonCall(json: string): ToolCall | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  const fields = value as Readonly<Record<string, unknown>>
  const name = fields['name'] ?? fields['tool'] ?? fields['function']
  if (typeof name !== 'string') return undefined
  const given = fields['arguments'] ?? fields['parameters'] ?? fields['args'] ?? fields['input'] ?? fields
  return { name, values: leaves(given, 0) }
}

function openCall(text: string, tools: readonly string[]): ToolCall | undefined {
  const name = tools.find((tool) => text.includes(`"${tool}"`))
  return name === undefined ? undefined : { name, values: stringsIn(text).filter((value) => value !== name) }
}

function leaves(value: unknown, depth: number): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return []
  return Object.values(value).flatMap((each) => leaves(each, depth + 1))
}

const stringsIn = (text: string): readonly string[] =>
  [...text.matchAll(/"([^"]*)"?|'([^']*)'?/g)].map(([, double, single]) => double ?? single ?? '')

/** Addresses and hosts that a call would send something to. */
export const recipientsOf = ({ values }: ToolCall): readonly string[] =>
  values.flatMap((value) =>
    [...value.matchAll(/[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?:\/\/([\w.-]+)/gi)].map(([whole, host]) =>
      (host ?? whole).toLowerCase(),
    ),
  )
