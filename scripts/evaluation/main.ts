/**
 * `pnpm evaluation`: writes docs/detector-evaluation.md and its pictures from what was measured.
 *
 *   pnpm evaluation           writes them
 *   pnpm evaluation --check   says what would change, and exits 1 when something would
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeDocument } from './document.ts'
import { parsePart } from './part.ts'
import { drawPlot } from './plot.ts'

const ROOT = dirname(dirname(import.meta.dirname))
const MEASURED = join(ROOT, 'packages', 'detector', 'evaluation')
const DOCS = join(ROOT, 'docs')
const PAGE = 'detector-evaluation.md'
const PICTURES = 'detector-evaluation'

/** Each file of the report by its path below docs/. */
export async function evaluationFiles(folder = MEASURED): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const sections = []
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json')) continue
    const part = parsePart(readFileSync(join(folder, name), 'utf8'), name)
    const pictures: string[] = []
    for (const plot of part.plots) {
      const path = `${PICTURES}/${part.part}-${plot.id}.svg`
      files.set(path, await drawPlot(plot))
      pictures.push(path)
    }
    sections.push({ part, pictures })
  }
  files.set(PAGE, writeDocument(sections))
  return files
}

/** Paths below docs/ that are not what was measured. */
export async function staleFiles(): Promise<readonly string[]> {
  const files = await evaluationFiles()
  const known = existsSync(join(DOCS, PICTURES))
    ? readdirSync(join(DOCS, PICTURES)).map((name) => `${PICTURES}/${name}`)
    : []
  const isStale = (path: string) =>
    !existsSync(join(DOCS, path)) || readFileSync(join(DOCS, path), 'utf8') !== files.get(path)
  return [...[...files.keys()].filter(isStale), ...known.filter((path) => !files.has(path))]
}

if (import.meta.main) {
  const { check } = parseArgs({ options: { check: { type: 'boolean', default: false } } }).values
  const stale = await staleFiles()
  for (const path of stale) console.log(`${check ? 'stale' : 'written'}: docs/${path}`)
  if (check) process.exitCode = stale.length === 0 ? 0 : 1
  else {
    const files = await evaluationFiles()
    mkdirSync(join(DOCS, PICTURES), { recursive: true })
    for (const path of stale) {
      const text = files.get(path)
      if (text === undefined) rmSync(join(DOCS, path))
      else writeFileSync(join(DOCS, path), text)
    }
  }
}
