import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { brokenLinks, compileBlocks, faultyMarks, missingFiles, type Page, pagesOf } from './check.ts'
import { anchorsOf, blocksOf, filesNamedIn, linksOf } from './markdown.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const fenced = (info: string, ...lines: readonly string[]) => ['```' + info, ...lines, '```'].join('\n')
const page = (...parts: readonly string[]): Page => ({ path: 'planted.md', text: parts.join('\n') })

describe('the documentation', () => {
  const pages = pagesOf(ROOT)

  it('holds TypeScript that compiles against the packages', () => {
    expect(faultyMarks(pages)).toEqual([])
    const { faults, blocks } = compileBlocks(ROOT, pages)
    expect(faults).toEqual([])
    expect(blocks).toBeGreaterThan(4)
  }, 120_000)

  it('links to files and headings that are there', () => {
    expect(brokenLinks(ROOT, pages)).toEqual([])
    expect(pages.flatMap(({ text }) => linksOf(text)).length).toBeGreaterThan(10)
  })

  it('names files that are there', () => {
    expect(missingFiles(ROOT, pages)).toEqual([])
    expect(pages.flatMap(({ text }) => filesNamedIn(text)).length).toBeGreaterThan(30)
  })
})

describe('the checks, over a page that breaks a promise', () => {
  it('name the page and the line of code that does not compile, and no other', () => {
    const sound = fenced('ts', "import { createClient } from '@mystranet/sdk'", 'console.log(typeof createClient)')
    const wrong = fenced('ts', "import { parseTrustFile } from '@mystranet/sdk'", '', "parseTrustFile('a path')")
    const { faults, blocks } = compileBlocks(ROOT, [page('# Title', sound, wrong, fenced('ts ignore: a sketch', '?'))])
    expect(blocks).toBe(2)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(/^planted\.md:9: error TS2345/)
  }, 120_000)

  it('name an export that a package does not have', () => {
    const { faults } = compileBlocks(ROOT, [page(fenced('ts', "import { noSuchThing } from '@mystranet/sdk'"))])
    expect(faults).toEqual([expect.stringMatching(/^planted\.md:2: error TS2305/)])
  }, 120_000)

  it('accept a skipped block only with a reason', () => {
    expect(faultyMarks([page(fenced('ts ignore: needs a KMS', 'x'), fenced('ts', 'x'), fenced('sh', 'x'))])).toEqual([])
    expect(faultyMarks([page(fenced('ts ignore', 'x'))])).toEqual([expect.stringContaining('planted.md:1: ')])
    expect(faultyMarks([page(fenced('ts ignore: ', 'x'))])).toHaveLength(1)
    expect(faultyMarks([page(fenced('ts later', 'x'))])).toHaveLength(1)
    expect(faultyMarks([page(fenced('typescript', 'x'))])).toEqual([expect.stringContaining('wanted ts')])
  })

  it('name a file that is not there, and no pattern', () => {
    const text = page('`scripts/docs/check.ts`, `packages/*/README.md`', '`scripts/docs/gone.ts` and `docs/gone.md`')
    expect(missingFiles(ROOT, [text])).toEqual([
      'planted.md:2: scripts/docs/gone.ts is not there',
      'planted.md:2: docs/gone.md is not there',
    ])
  })

  it('name a link to a file or a heading that is not there', () => {
    const root = mkdtempSync(join(tmpdir(), 'weave-docs-'))
    try {
      mkdirSync(join(root, 'docs'))
      writeFileSync(join(root, 'docs/a.md'), '# One two\n')
      const links = ['[a](docs/a.md)', '[b](docs/a.md#one-two)', '[c](https://example.com/x)', '`[d](docs/d.md)`']
      expect(brokenLinks(root, [page(...links, fenced('md', '[e](docs/e.md)'))])).toEqual([])
      const broken = ['[f](docs/f.md)', '![g](g.svg)', '[h](docs/a.md#three)', '[i]: docs/i.md', '[j](#nowhere)']
      expect(brokenLinks(root, [page(...broken)]).map((fault) => fault.split(': ')[0])).toEqual(
        broken.map((_, at) => `planted.md:${at + 1}`),
      )
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})

describe('reading Markdown', () => {
  it('finds blocks with their lines, longer fences around shorter ones included', () => {
    const text = ['a', '````ts ignore: why not', '```ts', 'inner', '```', '````', '```', 'plain', '```'].join('\n')
    expect(blocksOf(text)).toEqual([
      { language: 'ts', mark: 'ignore: why not', line: 3, code: '```ts\ninner\n```' },
      { language: '', mark: '', line: 8, code: 'plain' },
    ])
  })

  it('names headings as GitHub does', () => {
    const text = ['# What it is', '## `weave up`, now', '## What it is', fenced('sh', '# no heading')].join('\n')
    expect([...anchorsOf(text)]).toEqual(['what-it-is', 'weave-up-now', 'what-it-is-1'])
  })
})
