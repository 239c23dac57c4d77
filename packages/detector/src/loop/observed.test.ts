import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RULES } from '../flow/rule.ts'
import { memorySource, scanGguf } from '../gguf/scan.ts'
import { HTTP_RULES } from '../l7/rule.ts'
import {
  floodObservation,
  flowObservation,
  httpObservation,
  logObservation,
  peObservation,
  scanObservation,
} from './observed.ts'

describe('observations of the parts', () => {
  it('tells of a flow that is an attack, with its rules, and not of a clear one', () => {
    const rule = RULES.find(({ severity }) => severity === 9)
    if (rule === undefined) throw new Error('no such rule')
    const verdict = {
      group: 'destination',
      subject: '192.0.2.1',
      verdict: 'attack',
      rules: [rule],
      packets: 64,
      startUs: 1_700_000_000_000_000,
      rate: 5_000,
      features: undefined,
    } as unknown as Parameters<typeof flowObservation>[0]
    expect(flowObservation(verdict)).toMatchObject({
      type: `flow.${rule.family}`,
      source: 'destination 192.0.2.1',
      severity: 9,
      detail: { packets: 64, rules: [{ id: rule.id, says: rule.says }] },
      atMs: 1_700_000_000_000,
    })
    expect(flowObservation({ ...verdict, verdict: 'clear', rules: [] })).toBeUndefined()
    expect(flowObservation({ ...verdict, startUs: Number.NaN })?.atMs).toBeGreaterThan(1_700_000_000_000)
  })

  it('tells of a flood of requests, called by rules or by the model alone', () => {
    const [rule] = HTTP_RULES
    const verdict = {
      group: 'client',
      subject: '192.0.2.1',
      verdict: 'attack',
      rules: [rule],
      votes: [],
      probability: 0.75,
      requests: 9,
      open: {},
      startMs: 1,
      endMs: 5.5,
      sustainedPerS: 3,
      features: new Float64Array(),
    } as unknown as Parameters<typeof httpObservation>[0]
    expect(httpObservation(verdict, 'l7/attack/strict')).toMatchObject({
      type: `http.${rule?.family}`,
      confidence: 0.75,
      tunes: 'l7/attack/strict',
      atMs: 5,
    })
    expect(httpObservation({ ...verdict, rules: [], probability: undefined })).toMatchObject({
      type: 'http.model',
      severity: 5,
      confidence: 0.5,
    })
    expect(httpObservation({ ...verdict, verdict: 'clear' })).toBeUndefined()
  })

  it('tells of a log', () => {
    const finding = {
      id: 'chain-broken',
      group: 'invariant',
      source: 'ab',
      severity: 9,
      confidence: 1,
      atMs: 5,
      message: 'x',
      leaves: [1],
      evidence: { n: 1 },
    } as const
    expect(logObservation(finding)).toMatchObject({ type: 'log.chain-broken', severity: 9, detail: { leaves: [1] } })
    expect(logObservation({ ...finding, atMs: 9 }).once).toBe(logObservation(finding).once)
    expect(logObservation({ ...finding, leaves: [2] }).once).not.toBe(logObservation(finding).once)
    expect(logObservation({ ...finding, leaves: [] }).once).toBeUndefined()
  })

  it('tells of a refused model file once, by its digest, and not of a clean one', async () => {
    const { files } = await scanGguf(memorySource(new TextEncoder().encode('GGUF, or so it says')))
    const [file] = files
    if (file === undefined) throw new Error('nothing was scanned')
    const told = scanObservation({ ...file, name: '/home/ann/models/m.gguf' }, 7, 'ab')
    expect(told).toMatchObject({ type: 'gguf.invalid', source: 'm.gguf', confidence: 1, atMs: 7 })
    expect(scanObservation({ ...file, name: 'other' }, 8, 'ab')?.once).toBe(told?.once)
    expect(scanObservation(file, 8, 'cd')?.once).not.toBe(told?.once)
    expect(scanObservation({ ...file, verdict: 'clean' }, 7)).toBeUndefined()
  })

  it('gives every source a size that fits its field, whatever a file is called', async () => {
    const { files } = await scanGguf(memorySource(new Uint8Array(3)))
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
        const source = scanObservation({ ...(files[0] as NonNullable<(typeof files)[0]>), name }, 1)?.source ?? ''
        const size = new TextEncoder().encode(source).length
        expect(source.isWellFormed()).toBe(true)
        expect(size).toBeGreaterThan(0)
        expect(size).toBeLessThanOrEqual(256)
      }),
      { seed: 2, numRuns: 300 },
    )
  })
})

describe('floodObservation', () => {
  const verdict = {
    group: 'destination',
    subject: '192.0.2.1',
    verdict: 'attack',
    sum: 1,
    rules: [],
    votes: [
      { member: 'rules', vote: 0, weight: 1, score: 0 },
      { member: 'trees', vote: 1, weight: 0.5, score: 4 },
      { member: 'outlier', vote: 1, weight: 0.5, score: 4 },
    ],
    packets: 64,
    startUs: 5_000_000,
    rate: 900,
    usualLimit: undefined,
    probability: 0.9,
    floodClass: 'udp-flood',
    topFeatures: [],
  } as unknown as Parameters<typeof floodObservation>[0]

  it('names the threshold that made it an attack, and none where a rule would have', () => {
    const seen = floodObservation(verdict, 'flood@1.0.0')
    expect(seen).toMatchObject({
      type: 'flow.udp-flood',
      confidence: 0.9,
      tunes: 'flood/udp-flood/fpr-1e-3',
      atMs: 5_000,
    })
    expect(seen?.modelVersion).toContain('flood@1.0.0')
    const half = verdict.votes.map((each) => (each.member === 'trees' ? { ...each, vote: 0.5 } : each))
    expect(floodObservation({ ...verdict, votes: half }, '')?.tunes).toBe('flood/udp-flood/fpr-1e-2')
    const [rule] = RULES
    if (rule === undefined) throw new Error('no rule')
    const told = floodObservation({ ...verdict, rules: [rule] }, '')
    expect(told).toMatchObject({ type: `flow.${rule.family}`, severity: rule.severity })
    expect(told?.tunes).toBeUndefined()
  })

  it('tells of no window that is clear, or that nobody is sure of', () => {
    for (const says of ['clear', 'unsure'] as const) {
      expect(floodObservation({ ...verdict, verdict: says }, '')).toBeUndefined()
    }
  })
})

describe('peObservation', () => {
  const report = {
    format: 'weave-pe-scan/1',
    name: 'C:\\\\a\\\\setup.exe',
    bytes: 9,
    verdict: 'malware',
    because: 'its header',
    findings: [],
    vote: { model: 'pe@1.0.0', probability: 0.99, margin: 5, threshold: 0.9, unremarkableUpTo: 0.1, top: [] },
  } as unknown as Parameters<typeof peObservation>[0]

  it('tells of malware and of what is no program, once a file, and of nothing else', () => {
    const seen = peObservation(report, 5, 'ab')
    expect(seen).toMatchObject({ type: 'pe.malware', source: 'setup.exe', confidence: 0.99, modelVersion: 'pe@1.0.0' })
    expect(peObservation({ ...report, name: 'other' }, 6, 'ab')?.once).toBe(seen?.once)
    const { vote: _, ...broken } = report
    expect(peObservation({ ...broken, verdict: 'invalid' }, 5)).toMatchObject({ type: 'pe.invalid', severity: 3 })
    for (const verdict of ['unremarkable', 'abstain', 'incomplete'] as const) {
      expect(peObservation({ ...report, verdict }, 5)).toBeUndefined()
    }
  })
})
