// The documentation as something that can be wrong: its TypeScript must compile against the packages as their users see
// them, and its relative links must lead somewhere. Each fault is `file:line: what`.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { anchorsOf, type Block, blocksOf, filesNamedIn, linksOf } from './markdown.ts'

/** A Markdown file by its path from the root of the repository. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** README.md and its neighbours, docs/, and what stands beside each package. */
export function pagesOf(root: string): readonly Page[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  const docs = (readdirSync(join(root, 'docs'), { recursive: true }) as string[])
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join('packages', name, 'README.md'))
    .filter((path) => existsSync(join(root, path)))
  return [...top, ...docs, ...packages].sort().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

/** Marks of a `ts` block that are not understood, or that hide a block without saying why. */
export function faultyMarks(pages: readonly Page[]): readonly string[] {
  return pages.flatMap(({ path, text }) =>
    blocksOf(text)
      .filter(({ language }) => /^(ts|tsx|mts|typescript)$/.test(language))
      .flatMap(({ language, mark, line }) => {
        const at = `${path}:${line - 1}`
        if (language !== 'ts') return [`${at}: a block of ${language}, wanted ts`]
        if (mark === '' || /^ignore:\s*\S+/.test(mark)) return []
        return [`${at}: marked ${JSON.stringify(mark)}, wanted nothing or "ignore: why"`]
      }),
  )
}

const isChecked = ({ language, mark }: Block): boolean => language === 'ts' && mark === ''

/**
 * Type checks every unmarked `ts` block as a module of its own, in a folder that has the workspace's packages installed.
 * Costs one run of the compiler.
 *
 * @returns The faults, and how many blocks were checked.
 */
export function compileBlocks(root: string, pages: readonly Page[]): { faults: readonly string[]; blocks: number } {
  const cache = join(root, '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'docs-'))
  try {
    installPackages(root, folder)
    const pageOf = new Map<string, string>()
    for (const { path, text } of pages) {
      for (const block of blocksOf(text).filter(isChecked)) {
        const name = `${path.replaceAll(/[^\w.]/g, '-')}.${block.line}.ts`
        pageOf.set(name, path)
        // Empty lines in front: a line of the block has the number that it has on its page.
        writeFileSync(join(folder, name), `${'\n'.repeat(block.line - 1)}${block.code}\n`)
      }
    }
    if (pageOf.size === 0) return { faults: [], blocks: 0 }
    return { faults: compile(root, folder, pageOf), blocks: pageOf.size }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function installPackages(root: string, folder: string): void {
  for (const name of readdirSync(join(root, 'packages'))) {
    const manifest = join(root, 'packages', name, 'package.json')
    if (!existsSync(manifest)) continue
    const place = join(folder, 'node_modules', (JSON.parse(readFileSync(manifest, 'utf8')) as { name: string }).name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'packages', name), place, 'junction')
  }
}

function compile(root: string, folder: string, pageOf: ReadonlyMap<string, string>): readonly string[] {
  const compilerOptions = {
    types: ['node'],
    moduleDetection: 'force',
    noUnusedLocals: false,
    noUnusedParameters: false,
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  const project = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const tsc = join(root, 'node_modules', 'typescript-7', 'bin', 'tsc')
  const { stdout, stderr, error } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  if (error) throw error
  const faults: string[] = []
  for (const output of stdout.split('\n')) {
    const found = /^(.+?)\((\d+),\d+\): (error .*)$/.exec(output)
    const page = found && pageOf.get(relative(folder, resolve(folder, found[1]!)))
    // Faults of the packages' own sources are the business of the step that checks those.
    if (found && page !== undefined) faults.push(`${page}:${found[2]}: ${found[3]}`)
    // Without a place it is the project that is wrong: nothing was checked.
    else if (/^error /.test(output)) faults.push(`${relative(root, folder)}: ${output}`)
  }
  return stderr.trim() === '' ? faults : [...faults, `tsc: ${stderr.trim()}`]
}

/** Relative links to files that are not there, or to headings that their page does not have. */
export function brokenLinks(root: string, pages: readonly Page[]): readonly string[] {
  return pages.flatMap(({ path, text }) =>
    linksOf(text)
      .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
      .flatMap(({ target, line }) => {
        const [file = '', anchor] = target.split('#', 2)
        const at = `${path}:${line}`
        const place = file === '' ? join(root, path) : resolve(root, dirname(path), decodeURIComponent(file))
        if (!existsSync(place)) return [`${at}: ${target} is not there`]
        if (anchor === undefined || !place.endsWith('.md')) return []
        const there = file === '' ? text : readFileSync(place, 'utf8')
        return anchorsOf(there).has(anchor) ? [] : [`${at}: ${target} names no heading of its page`]
      }),
  )
}

/** Files that a page names in code, from the root of the repository, and that are not there. */
export function missingFiles(root: string, pages: readonly Page[]): readonly string[] {
  return pages.flatMap(({ path, text }) =>
    filesNamedIn(text)
      .filter(({ target }) => !existsSync(join(root, target)))
      .map(({ target, line }) => `${path}:${line}: ${target} is not there`),
  )
}
