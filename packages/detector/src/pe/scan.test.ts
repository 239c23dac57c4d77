import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PeGiven, peFile } from '../../test/pe-file.ts'
import { PE_FILES } from '../../test/pe-files.ts'
import { memorySource } from '../gguf/source.ts'
import { type LoadedModel, loadModel } from '../model/load.ts'
import type { ModelManifest } from '../model/manifest.ts'
import { checkOf, PE_CHECK_IDS } from './checks.ts'
import { PE_HEADER_FEATURES } from './header-model.ts'
import { parseRich } from './parse/rich.ts'
import { UNREAD_WARNINGS, WARNINGS, type Warning } from './parse/warning.ts'
import { peSarifOf } from './sarif.ts'
import { PE_MODEL, scanPe } from './scan.ts'

const shipped = (name: string) => new Uint8Array(readFileSync(new URL(`../../models/pe/${name}`, import.meta.url)))
const model = await loadModel(
  { onnx: shipped('model.onnx'), manifest: shipped('manifest.json'), signature: shipped('manifest.sig') },
  PE_MODEL,
)
const scan = (bytes: Uint8Array, options = {}) => scanPe(memorySource(bytes, 'x.exe'), { model, ...options })
const found = async (given: PeGiven) => (await scan(peFile(given))).findings.map(({ id }) => id)

/** Gives every row the probability that it is told, and the margin 1 where the first feature is not 0. */
const fixedModel = (probability: number): LoadedModel =>
  ({
    manifest: model.manifest as ModelManifest,
    scorer: {
      featureCount: PE_HEADER_FEATURES.length,
      score: async (rows: Float32Array, count: number) => ({
        margin: Float32Array.from({ length: count }, (_, row) => (rows[row * PE_HEADER_FEATURES.length] === 0 ? 0 : 1)),
        probability: new Float32Array(count).fill(probability),
      }),
      release: async () => {},
    },
  }) as unknown as LoadedModel

describe('the verdict', () => {
  const { abstain, thresholds } = model.manifest
  const at = thresholds[0]?.at as number

  it.each([
    [1, 'malware', /reaches 0\.\d+.*odd is not malware/],
    [at + 1e-6, 'malware', /reaches/],
    [at - 1e-4, 'abstain', /too little to decide on/],
    [abstain.low, 'unremarkable', /unremarkable is not clean/],
    [0, 'unremarkable', /at most/],
  ])('of the probability %d is %s', async (probability, verdict, because) => {
    const report = await scan(peFile(), { model: fixedModel(probability) })
    expect(report.verdict).toBe(verdict)
    expect(report.because).toMatch(because)
    expect(report.findings.some(({ id }) => id === 'P00')).toBe(verdict === 'malware')
  })

  it('abstains without a model, and says so', async () => {
    expect(await scan(peFile(), { model: undefined })).toMatchObject({
      verdict: 'abstain',
      because: 'No model was asked.',
    })
  })

  it('names the model, its probability, and the features that move it most', async () => {
    const { vote } = await scan(peFile({ imports: { 'a.dll': ['b'] } }))
    expect(vote).toMatchObject({ model: 'pe@1.0.0', threshold: at, unremarkableUpTo: abstain.low })
    expect(vote?.top.length).toBe(5)
    expect(vote?.top.every(({ name }) => PE_HEADER_FEATURES.includes(name))).toBe(true)
    const weights = vote?.top.map(({ weight }) => Math.abs(weight)) as number[]
    expect(weights).toEqual([...weights].sort((a, b) => b - a))
  })

  it('gives weight only to what changes the margin', async () => {
    const report = await scan(peFile(), { model: fixedModel(0.7) })
    expect(report.vote?.top.map(({ name }) => name).filter((name) => name !== 'dos_standard')).toEqual([])
  })

  it.each([
    ['no-pe', /points to byte/],
    ['short', /It has 3 bytes/],
    ['cut-in-optional', /ends inside its optional header/],
    ['cut-in-section-table', /ends inside its section table/],
  ])('of %s is invalid', async (name, because) => {
    const report = await scan(PE_FILES.get(name) as Uint8Array)
    expect(report.verdict).toBe('invalid')
    expect(report.because).toMatch(because)
  })

  it.each([
    ['NE', [0x4e, 0x45]],
    ['LE', [0x4c, 0x45]],
    ['another', [1, 2]],
  ] as const)('of a file of kind %s is invalid', async (kind, bytes) => {
    expect(await scan(peFile({ patch: [[0x80, bytes]] }))).toMatchObject({
      verdict: 'invalid',
      because: expect.stringContaining(kind),
    })
  })

  it('reads a file that is far in parts, and finds the same', async () => {
    const bytes = peFile({ overlay: new Uint8Array(9_000_000).fill(7) })
    const parts: number[] = []
    const far = {
      ...memorySource(bytes, 'x.exe'),
      isFar: true,
      read: async (offset: number, length: number) => {
        parts.push(length)
        return bytes.subarray(offset, offset + length)
      },
    }
    expect(await scanPe(far, { model })).toEqual(await scan(bytes))
    expect(parts.length).toBe(3)
  })

  it('pays for each name that a bound import refers to', async () => {
    const file = (given: PeGiven) => peFile({ text: `${'x'.repeat(120)}\0`.repeat(4_000), ...given })
    const start = file({}).findIndex((byte, at, all) => byte === 0x78 && all[at + 1] === 0x78)
    // One descriptor with 65,535 references, all of them to names of up to 120 characters.
    const patch = [[start, [1, 0, 0, 0, 8, 0, 0xff, 0xff]]] as const
    const scanned = (given: PeGiven) => scan(file(given), { budget: { workUnits: 5_000_000 } })
    expect((await scanned({ patch })).verdict).not.toBe('incomplete')
    const optional = [[184, 4, start]] as const
    expect((await scanned({ patch, optional })).verdict).toBe('incomplete')
  })

  it('looks for the rich header where linkers write it', async () => {
    const bytes = new Uint8Array(3 * 2 ** 20)
    const { warnings, meter } = { warnings: new Set<Warning>(), meter: { work: () => {} } }
    bytes.set([0x52, 0x69, 0x63, 0x68, 9, 9, 9, 9], 2 ** 20 - 4)
    expect(parseRich(bytes, bytes.length, { warnings, meter })?.values.length).toBeGreaterThan(0)
    bytes.copyWithin(2 * 2 ** 20, 2 ** 20 - 4, 2 ** 20 + 4).fill(0, 2 ** 20 - 4, 2 ** 20 + 4)
    expect(parseRich(bytes, bytes.length, { warnings, meter })).toBeUndefined()
  })

  it('is incomplete when a budget is spent', async () => {
    expect(await scan(peFile(), { budget: { maxBytes: 10 } })).toMatchObject({ verdict: 'incomplete' })
    expect(await scan(peFile(), { budget: { workUnits: 100 } })).toMatchObject({ verdict: 'incomplete' })
    let now = 0
    const bytes = peFile({ overlay: new Uint8Array(100_000) })
    expect(await scan(bytes, { budget: { timeMs: 5 }, nowMs: () => (now += 10) })).toMatchObject({
      verdict: 'incomplete',
      because: expect.stringContaining('more than 5 ms'),
    })
  })
})

describe('findings', () => {
  it('are none in an ordinary file', async () => {
    const findings = await found({ imports: { 'KERNEL32.dll': ['ExitProcess'] }, text: 'words '.repeat(2_000) })
    // Small made files hold many zeros.
    expect(findings.filter((id) => id !== 'P11')).toEqual([])
  })

  it.each([
    ['P01', { optional: [[16, 4, 0x90000]] }],
    ['P02', { codeFlags: 0xe0000020 }],
    ['P03', { sectionAlignment: 0x200, fileAlignment: 0x20 }],
    ['P04', { optional: [[104, 4, 0x7ffffff0]] }],
    ['P05', { imports: { 'KERNEL32.dll': ['LoadLibraryA', 'GetProcAddress'] } }],
    ['P06', { optional: [[96, 4, 0x7ffffff0]] }],
    ['P07', { optional: [[112, 4, 0x7ffffff0]] }],
    ['P08', { relocations: true, optional: [[56, 4, 0x800]] }],
    ['P09', { optional: [[92, 4, 17]] }],
    ['P10', { rich: 'malformed' }],
    ['P11', {}],
    ['P12', { optional: [[0, 2, 1]] }],
    ['P13', { overlay: Uint8Array.of(1, 2, 3) }],
    [
      'P14',
      {
        optional: [
          [128, 4, 0x600],
          [132, 4, 0x10000],
        ],
      },
    ],
  ] as const)('%s', async (id, given) => {
    expect(await found(given)).toContain(id)
  })

  it('have a check for each warning that can come', () => {
    const homeless = WARNINGS.filter((warning) => checkOf(warning) === undefined)
    const unread: readonly string[] = UNREAD_WARNINGS
    expect(homeless.filter((warning) => !unread.includes(warning))).toEqual([])
  })

  it('sum up what is in the file', async () => {
    const { summary } = await scan(PE_FILES.get('full') as Uint8Array)
    expect(summary).toMatchObject({
      kind: 'pe32',
      machine: 0x14c,
      sections: 2,
      libraries: 4,
      importedFunctions: 8,
      exports: 3,
    })
    expect(summary).toMatchObject({
      resources: 3,
      hasTls: true,
      hasDebug: true,
      hasCertificates: false,
      overlayBytes: 3_000,
    })
  })

  it('become SARIF', async () => {
    const reports = [await scan(peFile({ codeFlags: 0xe0000020 })), await scan(Uint8Array.of(1))]
    const [run] = peSarifOf(reports).runs
    expect(run?.tool.driver.rules.map(({ id }) => id)).toEqual(PE_CHECK_IDS)
    expect(run?.results.find(({ ruleId }) => ruleId === 'P02')).toMatchObject({ level: 'warning', ruleIndex: 2 })
    expect(run?.invocations[0]).toMatchObject({ executionSuccessful: false })
    expect(run?.artifacts.map(({ length }) => length)).toEqual([reports[0]?.bytes, 1])
  })
})

it('gives a report for any change of any file', async () => {
  const files = [...PE_FILES.values()]
  await fc.assert(
    fc.asyncProperty(
      fc.nat(files.length - 1),
      fc.array(fc.tuple(fc.nat(0x3ff), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
      async (index, changes) => {
        const bytes = (files[index] as Uint8Array).slice()
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
        const report = await scan(bytes, { model: undefined })
        expect(['abstain', 'invalid', 'incomplete']).toContain(report.verdict)
      },
    ),
    { numRuns: 300, seed: 5 },
  )
})
