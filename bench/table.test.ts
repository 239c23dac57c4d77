import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { MEASURES, NOT_YET } from './measures.ts'
import { drawTable } from './print.ts'
import { linesFor, type Measured, type Row, reaches, rowOf, TABLE, unmeasured } from './table.ts'

/** As they were agreed on: whoever compares runs relies on them. */
const IDS = `
  sdk.sign.vs_primitive sdk.verify.vs_primitive sdk.open.vs_primitive sdk.seal.vs_panva sdk.seal.vs_hpke_core
  sdk.frame.make sdk.frame.check sdk.stream.bytes_per_token sdk.bundle.verifier sdk.bundle.all
  sdk.browser.verify sdk.browser.verify_cold
  path.first_token.added path.tokens.vs_direct path.demo.first_verified_token
  log.commit.p50 log.commit.p99 log.commit.saturated log.commit.p50_20ms log.receipt log.fsck log.recover
  fabric.accepted fabric.dispatch.p99 fabric.failover.agent fabric.failover.nats fabric.failover.nexus
  fabric.faults.lost fabric.faults.doubled fabric.faults.truncated
  detector.packets detector.scorer.vs_ort detector.gguf.header detector.gguf.hash detector.floods.families
  detector.pe.auc_cross detector.ece memory.slope
`
  .trim()
  .split(/\s+/)

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

function bench(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--conditions=@mystranet/source', MAIN, ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

describe('the table of measures', () => {
  it('has every id, each once', () => {
    expect(TABLE.map(({ id }) => id)).toEqual(IDS)
  })

  it('has a measurement or a reason for each id, and never two measurements', () => {
    const measuredIds = MEASURES.flatMap(({ ids }) => ids)
    expect(new Set(measuredIds).size).toBe(measuredIds.length)
    expect(measuredIds.filter((id) => !IDS.includes(id))).toEqual([])
    const silent = IDS.filter((id) => !measuredIds.includes(id) && NOT_YET[id.split('.')[0] ?? ''] === undefined)
    expect(silent).toEqual([])
  })

  it('chooses lines by the beginnings of their ids', () => {
    expect(linesFor([]).length).toBe(IDS.length)
    expect(linesFor(['sdk.seal', 'memory']).map(({ id }) => id)).toEqual([
      'sdk.seal.vs_panva',
      'sdk.seal.vs_hpke_core',
      'memory.slope',
    ])
    expect(() => linesFor(['sdk', 'sdc'])).toThrow(RangeError)
  })

  it('holds a value to its goal in the direction and with the strictness of its line', () => {
    const verdicts = (id: string, values: readonly (number | null)[], change: Partial<Measured> = {}) => {
      const line = TABLE.find((each) => each.id === id)!
      return values.map((value) => reaches(rowOf(line, { ...unmeasured(''), ...change, value }), line))
    }
    expect(verdicts('sdk.open.vs_primitive', [0.849, 0.85, 0.9, null])).toEqual([false, true, true, undefined])
    expect(verdicts('sdk.frame.make', [19, 20, 21])).toEqual([true, true, false])
    expect(verdicts('detector.gguf.header', [49, 50])).toEqual([true, false])
    expect(verdicts('sdk.stream.bytes_per_token', [150, 186], { goal: 150 })).toEqual([false, false])
  })

  it('marks what is reached, missed and not measured', () => {
    const row = (id: string, value: number | null): [Row, (typeof TABLE)[number]] => {
      const line = TABLE.find((each) => each.id === id)!
      return [rowOf(line, { ...unmeasured('why'), value }), line]
    }
    const on = { cpu: 'a cpu', cores: 2, memoryGb: 8, os: 'an os', node: 'v0', loadBefore: 0, loadAfter: 0 }
    const rows = [row('sdk.frame.make', 10), row('sdk.frame.check', 30), row('memory.slope', null)]
    const text = drawTable(rows, on)
    const marks = text.split('\n').flatMap((each) => /^([✓✗–]) +(\S+)/.exec(each)?.slice(1, 3).join(' ') ?? [])
    expect(marks).toEqual(['✓ sdk.frame.make', '✗ sdk.frame.check', '– memory.slope'])
    expect(text).toContain('a cpu, 2 cores')
  })
})

describe('pnpm bench --json', () => {
  it('prints one object and nothing else, with rows that could not be measured', async () => {
    const { code, out } = await bench('--json', 'memory', 'sdk.sign', '--pairs', '2')
    expect(code).toBe(0)
    const { machine, rows } = JSON.parse(out) as { machine: object; rows: Row[] }
    expect(Object.keys(machine)).toEqual(['cpu', 'cores', 'memoryGb', 'os', 'node', 'loadBefore', 'loadAfter'])
    expect(rows.map(({ id }) => id)).toEqual(['sdk.sign.vs_primitive', 'memory.slope'])
    const [sign, slope] = rows
    expect(sign).toMatchObject({ unit: 'ratio', goal: 0.9, better: 'higher', n: 2 })
    expect(sign?.value).toBeGreaterThanOrEqual(sign?.min ?? Number.NaN)
    expect(sign?.value).toBeLessThanOrEqual(sign?.max ?? Number.NaN)
    expect(sign?.peer).toEqual({ name: 'node:crypto', version: process.version, value: expect.any(Number) })
    expect(slope).toEqual({
      id: 'memory.slope',
      unit: 'MB/h',
      goal: 1,
      better: 'lower',
      value: null,
      n: 0,
      min: null,
      max: null,
      note: expect.stringMatching(/./),
    })
  })

  it('says so and ends with 2 for a word that begins no id', async () => {
    const { code, out, err } = await bench('--json', 'nothing.like.this')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Cannot measure nothing.like.this')
  })
})
