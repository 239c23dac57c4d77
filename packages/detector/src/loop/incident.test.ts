import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createIncidents, VARIOUS } from './incident.ts'
import { anomalyOf, type Observation, parseObservation } from './observation.ts'

const seen = (over: Partial<Observation> = {}): Observation => ({
  type: 'flow.syn-flood',
  source: '192.0.2.1',
  severity: 5,
  confidence: 0.5,
  modelVersion: 'rules@1',
  detail: { packets: 64 },
  atMs: 0,
  ...over,
})

describe('incidents', () => {
  it('tells the first at once, the rest once a window with their number and the worst of them', () => {
    const incidents = createIncidents({ windowMs: 100 })
    expect(incidents.add(seen(), false)).toMatchObject([{ part: 0, count: 1, worst: { severity: 5 } }])
    for (let i = 1; i <= 50; i++)
      expect(incidents.add(seen({ atMs: i, severity: i === 25 ? 9 : 5 }), false)).toEqual([])
    expect(incidents.due(99)).toEqual([])
    expect(incidents.due(100)).toMatchObject([
      { part: 1, openedMs: 0, firstMs: 1, lastMs: 50, count: 50, sources: 1, worst: { severity: 9 } },
    ])
    expect(incidents.due(200)).toEqual([])
    // It was quiet for a window, and is over.
    expect(incidents.add(seen({ atMs: 201 }), false)).toMatchObject([{ part: 0, openedMs: 201 }])
    expect(incidents.counts).toEqual({ observations: 52, reports: 3, merged: 49 })
  })

  it('keeps types, sources and models apart, and what is found once only from everything', () => {
    const incidents = createIncidents()
    const apart = [seen(), seen({ type: 'x' }), seen({ source: 'y' }), seen({ modelVersion: 'z' })]
    for (const each of apart) expect(incidents.add(each, false)).toHaveLength(1)
    for (let i = 0; i < 2; i++) expect(incidents.add(seen({ once: 'digest' }), false)).toHaveLength(1)
  })

  it('merges what is of low severity over all sources under pressure, and nothing else', () => {
    const incidents = createIncidents({ windowMs: 100 })
    const add = (source: string, severity: number) => incidents.add(seen({ source, severity }), true)
    expect(add('a', 3)).toMatchObject([{ worst: { source: VARIOUS } }])
    expect(add('b', 3)).toEqual([])
    expect(add('c', 1)).toEqual([])
    expect(add('d', 4)).toMatchObject([{ worst: { source: 'd' } }])
    expect(incidents.due(100)).toMatchObject([{ count: 2, sources: 2 }])
  })

  it('merges over all sources beyond so many new ones a minute, and begins again later', () => {
    const incidents = createIncidents({ maxNewPerMinute: 2, windowMs: 60_000 })
    const add = (source: string, atMs: number) => incidents.add(seen({ source, atMs, severity: 9 }), false)
    expect([add('a', 0), add('b', 0)].flat().map(({ worst }) => worst.source)).toEqual(['a', 'b'])
    expect(add('c', 0)[0]?.worst.source).toBe(VARIOUS)
    for (let i = 0; i < 5_000; i++) expect(add(`s${i}`, 0)).toEqual([])
    expect(incidents.due(60_000)).toMatchObject([{ count: 5_000, sources: 1_024 }])
    expect(add('d', 60_000)[0]?.worst.source).toBe('d')
  })

  it('tells and closes the oldest when too many are open', () => {
    const incidents = createIncidents({ maxOpen: 2 })
    incidents.add(seen({ source: 'a' }), false)
    incidents.add(seen({ source: 'a' }), false)
    incidents.add(seen({ source: 'b' }), false)
    const told = incidents.add(seen({ source: 'c' }), false)
    expect(told.map(({ worst, part, count }) => [worst.source, part, count])).toEqual([
      ['a', 1, 1],
      ['c', 0, 1],
    ])
  })

  it('waits longer with a source of low standing', () => {
    const incidents = createIncidents({ windowMs: 100, patience: (source) => (source === 'bad' ? 5 : 1) })
    for (const source of ['bad', 'good', 'bad', 'good']) incidents.add(seen({ source }), false)
    expect(incidents.due(100).map(({ worst }) => worst.source)).toEqual(['good'])
    expect(incidents.due(500).map(({ worst }) => worst.source)).toEqual(['bad'])
  })

  it('counts every observation in exactly one report, whatever comes', () => {
    const any = fc.array(
      fc.record({
        type: fc.constantFrom('a', 'b'),
        source: fc.constantFrom('1', '2', '3', '4'),
        severity: fc.integer({ min: 1, max: 10 }),
        atMs: fc.integer({ min: 0, max: 1_000 }),
        isPressed: fc.boolean(),
      }),
      { maxLength: 100 },
    )
    fc.assert(
      fc.property(any, (stream) => {
        const incidents = createIncidents({ windowMs: 50, maxOpen: 3, maxNewPerMinute: 5 })
        let told = 0
        for (const { isPressed, ...each } of stream) {
          for (const { count } of [...incidents.add(seen(each), isPressed), ...incidents.due(each.atMs)]) told += count
        }
        for (const { count } of incidents.end()) told += count
        expect(told).toBe(stream.length)
      }),
      { seed: 3, numRuns: 200 },
    )
  })
})

describe('parseObservation', () => {
  it('gives back what was an observation, and nothing of what was none', () => {
    const whole = { ...seen({ atMs: 5, tunes: 'a/b/c', once: 'x' }) }
    expect(parseObservation(JSON.parse(JSON.stringify(whole)))).toEqual(whole)
    const wrong = [
      { type: '' },
      { type: 'x'.repeat(129) },
      { source: 'é'.repeat(129) },
      { source: '\ud800' },
      { severity: 0 },
      { severity: 1.5 },
      { confidence: 1.1 },
      { modelVersion: 7 },
      { atMs: 0 },
      { tunes: '' },
      { once: 5 },
    ]
    for (const each of wrong) {
      expect(() => parseObservation({ ...whole, ...each })).toThrow(Object.keys(each)[0])
    }
  })

  it('refuses with its own code, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(() => parseObservation(value)).toThrow(/Cannot take the observation/)
      }),
      { seed: 4, numRuns: 300 },
    )
  })
})

describe('anomalyOf', () => {
  const report = (detail: unknown, samples: readonly unknown[] = []) => {
    const draft = anomalyOf({
      worst: seen({ detail, tunes: 'flood/syn' }),
      openedMs: 1,
      part: 0,
      firstMs: 1,
      lastMs: 2,
      count: 3,
      sources: 2,
      samples,
    })
    if (draft.topic !== 'ai.anomalies.v1') throw new Error('it is no anomaly')
    return JSON.parse(new TextDecoder().decode(draft.fields.payload)) as Record<string, unknown>
  }

  it('says what the payload had no room for', () => {
    expect(report({ n: 5n, x: Number.NaN, b: Uint8Array.of(1, 2) })).toEqual({
      format: 'weave-incident/1',
      part: 0,
      firstMs: 1,
      lastMs: 2,
      count: 3,
      sources: 2,
      tunes: 'flood/syn',
      detail: { n: '5', x: 'NaN', b: [1, 2] },
      samples: [],
    })
    const large = 'x'.repeat(400_000)
    expect(report('small', [large, large])).toMatchObject({ detail: 'small', omitted: 'samples' })
    expect(report(large + large)).toMatchObject({ count: 3, omitted: 'detail' })
  })
})
