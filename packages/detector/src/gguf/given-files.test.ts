import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ggufFile, withTemplate } from '../../test/gguf-file.ts'
import { memorySource, scanGguf, type Verdict } from './scan.ts'

/** Files of other makers lie beside the repository, or where `WEAVE_GGUF_FILES` says; in CI they must be there. */
const given = process.env['WEAVE_GGUF_FILES'] ?? new URL('../../../../../shared/data/gguf', import.meta.url).pathname
const filesOf = (folder: string, end: string) =>
  (existsSync(`${given}/${folder}`) ? readdirSync(`${given}/${folder}`) : [])
    .filter((name) => name.endsWith(end))
    .sort()
const scanned = async (bytes: Uint8Array) => {
  const { verdict, unsupportedByEngine, files } = await scanGguf(memorySource(bytes))
  return { verdict, unsupportedByEngine, findings: files[0]?.findings ?? [] }
}

const odd: readonly Verdict[] = ['suspicious', 'invalid']
const invalid: readonly Verdict[] = ['invalid']
/** Number → verdicts, of which it gets one, and ids, of which it gets at least one. */
const EXPECTED: Readonly<
  Record<string, readonly [verdicts: readonly Verdict[], ids: readonly string[], engine?: true]>
> = {
  '02': [invalid, ['G00']],
  '04': [invalid, ['G00']],
  '06': [invalid, ['G01']],
  '08': [invalid, ['G02']],
  '10': [invalid, ['G03']],
  '12': [invalid, ['G03']],
  '14': [invalid, ['G04']],
  '16': [odd, ['G04'], true],
  '18': [invalid, ['G04']],
  '20': [invalid, ['G10']],
  '22': [invalid, ['G22']],
  '24': [odd, ['G26']],
  '26': [invalid, ['G13']],
  '28': [invalid, ['G13']],
  '30': [invalid, ['G05']],
  '32': [invalid, ['G10']],
  '34': [invalid, ['G09', 'G07']],
  '36': [invalid, ['G14']],
  '38': [invalid, ['G14']],
  '40': [invalid, ['G07']],
  '42': [odd, ['G12']],
  '44': [invalid, ['G11']],
  '46': [invalid, ['G08', 'G11', 'G07']],
  '48': [invalid, ['G03']],
  '50': [odd, ['G25']],
  '52': [invalid, ['G06', 'G11']],
  '54': [odd, ['G00'], true],
  '56': [invalid, ['G15']],
  '58': [['suspicious'], ['G27']],
}

describe('files of other makers', () => {
  const isGiven = filesOf('hostile', '.gguf').length > 0
  it.skipIf(!isGiven && !process.env['CI'])(
    'lie in shared/data/gguf beside the repository, or in WEAVE_GGUF_FILES',
    () => {
      // How many there are is their makers' business: each that is there is judged below.
      const there = [filesOf('hostile', '.gguf'), filesOf('valid', '.gguf'), filesOf('valid', '.jinja')]
      expect(there.map((names) => names.length > 0)).toEqual([true, true, true])
    },
  )

  it.each(filesOf('hostile', '.gguf').filter((name) => name.slice(0, 2) in EXPECTED))('judges %s', async (name) => {
    const [verdicts, ids, engine] = EXPECTED[name.slice(0, 2)] as (typeof EXPECTED)[string]
    const { verdict, unsupportedByEngine, findings } = await scanned(readFileSync(`${given}/hostile/${name}`))
    expect(verdicts).toContain(verdict)
    expect(findings.some(({ id }) => ids.includes(id))).toBe(true)
    if (engine) expect(unsupportedByEngine).toBe(true)
  })

  const good = [
    ...filesOf('valid', '.gguf').map((name) => `valid/${name}`),
    ...filesOf('hostile', '00_ok.gguf').map((name) => `hostile/${name}`),
  ]
  it.each(good)('finds nothing in %s', async (name) => {
    expect(await scanned(readFileSync(`${given}/${name}`))).toEqual({
      verdict: 'clean',
      unsupportedByEngine: false,
      findings: [],
    })
  })

  it.each(filesOf('valid', '.jinja'))('knows the template %s, and finds nothing in it', async (name) => {
    const template = readFileSync(`${given}/valid/${name}`, 'utf8')
    const report = await scanGguf(memorySource(ggufFile({ pairs: withTemplate(template) })))
    expect(report.files[0]?.findings).toEqual([])
    expect(report.files[0]?.templates[0]?.known).toMatch(/./)
  })

  it.each(filesOf('valid', '.jinja'))('finds nothing in %s when it is not known either', async (name) => {
    const template = `{#- changed -#}\n${readFileSync(`${given}/valid/${name}`, 'utf8')}`
    const report = await scanGguf(memorySource(ggufFile({ pairs: withTemplate(template) })))
    expect(report.files[0]?.templates[0]?.known).toBeUndefined()
    expect(report.files[0]?.findings).toEqual([])
  })
})
