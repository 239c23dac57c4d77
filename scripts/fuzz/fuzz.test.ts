import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { fuzz } from './loop.ts'
import { missing } from './report.ts'
import type { Target } from './target.ts'
import { UNCOVERED } from './uncovered.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const files = globSync('target/*.ts', { cwd: import.meta.dirname }).sort()
const targets = await Promise.all(
  files.map(async (file) => {
    const { target } = (await import(pathToFileURL(join(import.meta.dirname, file)).href)) as {
      readonly target: Target
    }
    return target
  }),
)

describe('every parser of bytes from outside', () => {
  it.each(targets.map((target) => [target.name, target] as const))(
    '%s refuses with what it declares, all of it, and never fails',
    async (_, target) => {
      const outcome = await fuzz(target, { seed: 'short', inputs: 300 })
      expect(outcome.crashes).toEqual([])
      expect(missing(target, outcome)).toEqual([])
      expect(outcome.counts['ok']).toBeGreaterThan(0)
    },
  )

  it('is a target, or has a reason why not', () => {
    const covered = new Set(targets.flatMap(({ covers }) => covers))
    const parsers = readersOf('schemas').concat(readersOf('sdk'))
    expect(parsers.length).toBeGreaterThan(30)
    expect(parsers.filter((name) => !covered.has(name) && !(name in UNCOVERED))).toEqual([])
    // A reason that has outlived its function, or a target that names one that is gone.
    expect(Object.keys(UNCOVERED).filter((name) => !parsers.includes(name) || covered.has(name))).toEqual([])
    const named = [...covered].filter((name) => /^(schemas|sdk)\//.test(name))
    expect(named.filter((name) => !declares(name))).toEqual([])
  })
})

const READER = /^export (?:async )?(?:function|const) ((?:parse|read|decode|verify|open)\w*)(?=[(<]| =)/gm

/** What the sources of a package export to read something. */
function readersOf(name: string): string[] {
  const folder = join(ROOT, 'packages', name, 'src')
  return globSync('**/*.ts', { cwd: folder })
    .filter((file) => !/\.(test|contract)\.ts$|(^|\/)(gen|adapters|client)\/|fixture/.test(file))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(READER)].map(([, reader]) => `${name}/${file} ${reader}`),
    )
}

function declares(name: string): boolean {
  const [file = '', reader = ''] = name.split(' ')
  const [pkg = '', ...rest] = file.split('/')
  const source = readFileSync(join(ROOT, 'packages', pkg, 'src', ...rest), 'utf8')
  return new RegExp(`^export (async )?(function|const) ${reader}\\b`, 'm').test(source)
}

describe('pnpm fuzz', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weave-fuzz-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** A target that does `body` with each input. */
  const run = (body: string, ...more: readonly string[]) => {
    const open = `async () => ({ manner: 'bytes', seeds: [new Uint8Array([1, 2, 3])], run: (input) => { ${body} } })`
    writeFileSync(
      join(folder, 'planted.ts'),
      `export const target = { name: 'planted', inputs: 200, codes: ['REFUSED'], covers: [], open: ${open} }\n`,
    )
    const argv = ['--conditions=@mystranet/source', join(import.meta.dirname, 'main.ts'), '--folder', folder, ...more]
    return spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8', timeout: 60_000 })
  }

  const REFUSES = "if (input[0] !== 1) return 'REFUSED'"

  it('is red for a throw that is no refusal, and prints an input that does it again', () => {
    const body = `${REFUSES}; if (input.length > 3) throw new TypeError('planted'); return 'ok'`
    const { status, stdout } = run(body)
    expect([status, stdout]).toEqual([1, expect.stringContaining('TypeError: planted')])
    const [, base64 = ''] = /pnpm fuzz --replay planted (\S+)/.exec(stdout) ?? []
    expect(Buffer.from(base64, 'base64').length).toBeGreaterThan(3)
    const again = run(body, '--replay', 'planted', base64)
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('TypeError: planted')])
  })

  it('is red for an input that does not end, and names it', () => {
    const { status, stdout } = run(`${REFUSES}; if (input.length > 3) for (;;); return 'ok'`, '--hang', '1')
    expect([status, stdout]).toEqual([1, expect.stringContaining('one input takes longer than 1000 ms')])
    expect(stdout).toMatch(/--replay planted [A-Za-z0-9+/]{5}/)
  })

  it('is red for a refusal that is declared and came too rarely, and for one that is not declared', () => {
    const rare = run("return input[0] === 77 ? 'REFUSED' : 'ok'")
    expect([rare.status, rare.stdout]).toEqual([1, expect.stringMatching(/REFUSED came \d+ times in 200 inputs/)])
    const other = run("return input.length > 3 ? 'OTHER' : 'ok'")
    expect([other.status, other.stdout]).toEqual([
      1,
      expect.stringContaining('refused with OTHER, which it does not declare'),
    ])
  })

  it('is green when every input is accepted or refused as declared', () => {
    const { status, stdout } = run("return input.length > 3 || input.length < 3 ? 'REFUSED' : 'ok'", '--seed', 'green')
    expect([status, stdout]).toEqual([0, expect.stringContaining('200 inputs to 1 targets, 0 crashes or hangs')])
  })
})
