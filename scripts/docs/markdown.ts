// What the checks of the documentation need to know of Markdown: fenced blocks, links, headings. Pure functions.

export interface Block {
  /** The first word after the fence: `ts`. Empty for a plain block. */
  readonly language: string
  /** What follows it on that line. */
  readonly mark: string
  /** Line of the first line of code, from 1. */
  readonly line: number
  readonly code: string
}

export interface Link {
  readonly target: string
  readonly line: number
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)\s*([^`]*)$/

interface Open {
  readonly fence: string
  readonly language: string
  readonly mark: string
  readonly line: number
}

/** Every line with the fence that it stands in; a fence's own two lines are in neither. */
function* walk(markdown: string): Generator<{ readonly text: string; readonly line: number; readonly open?: Open }> {
  let open: Open | undefined
  for (const [at, text] of markdown.split('\n').entries()) {
    const found = FENCE.exec(text)
    if (open === undefined && found) {
      open = { fence: found[1]!, language: found[2]!, mark: found[3]!.trim(), line: at + 2 }
    } else if (open !== undefined && found && found[1]!.startsWith(open.fence) && found[2] === '') {
      open = undefined
    } else {
      yield { text, line: at + 1, ...(open && { open }) }
    }
  }
}

/** The fenced blocks that hold a line or more, in their order. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks = new Map<Open, string[]>()
  for (const { text, open } of walk(markdown)) {
    if (open === undefined) continue
    const lines = blocks.get(open) ?? []
    blocks.set(open, [...lines, text])
  }
  return [...blocks].map(([{ language, mark, line }, lines]) => ({ language, mark, line, code: lines.join('\n') }))
}

/** Inline links, images and link definitions, but for what stands in code. */
export function linksOf(markdown: string): readonly Link[] {
  const links: Link[] = []
  for (const { text, line, open } of walk(markdown)) {
    if (open !== undefined) continue
    const prose = text.replace(/(`+)(?!`).*?\1/g, '')
    for (const [, target] of prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) links.push({ target: target!, line })
    const definition = /^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?/.exec(prose)
    if (definition) links.push({ target: definition[1]!, line })
  }
  return links
}

/** Files of the repository that inline code names from its root, such as `scripts/ok.ts`. Patterns are none. */
export function filesNamedIn(markdown: string): readonly Link[] {
  const named: Link[] = []
  for (const { text, line, open } of walk(markdown)) {
    if (open !== undefined) continue
    for (const [, target] of text.matchAll(/`((?:packages|scripts|docs|bench|deploy|examples)\/[\w./-]+\.[a-z]+)`/g)) {
      named.push({ target: target!, line })
    }
  }
  return named
}

/** The anchors that GitHub gives to the headings. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const { text, open } of walk(markdown)) {
    const heading = open === undefined ? /^ {0,3}#{1,6}\s+(.*?)\s*#*$/.exec(text) : null
    if (!heading) continue
    const plain = heading[1]!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '')
    const slug = plain.replace(/\s/g, '-')
    let name = slug
    for (let again = 1; anchors.has(name); again++) name = `${slug}-${again}`
    anchors.add(name)
  }
  return anchors
}
