import { describe, expect, it } from 'vitest'
import { agent, answered, START_MS, story } from '../../test/log-story.ts'
import type { LogEntry } from './entry.ts'
import { incidents } from './incident.ts'
import { surprise } from './rate/surprise.ts'
import { recentMap } from './recent.ts'
import { drawInjection, INJECTIONS, type InjectionKind } from './simulator/injection.ts'
import { seededRandom } from './simulator/random.ts'
import { SIMULATION_START_MS, type SimulationOptions, simulate } from './simulator/traffic.ts'
import { type LogFinding, logWatch, PATTERNS } from './watch.ts'

const DAY_MS = 86_400_000
const SMALL = { days: 10, requestsPerDay: 500, people: 12 }

/** A small world that is judged after seven days. */
function watched(options: Partial<SimulationOptions> & { readonly seed: string }) {
  const findings: LogFinding[] = []
  const watch = logWatch({ warmUpDays: 7 }, (finding) => findings.push(finding))
  const sources = simulate({ ...SMALL, ...options }, watch)
  return { findings, sources }
}

const withOne = (kind: InjectionKind) => {
  const fromMs = SIMULATION_START_MS + 8.4 * DAY_MS
  const random = seededRandom(`one ${kind}`)
  const injection = drawInjection(kind, INJECTIONS[kind].stated, random, { fromMs, toMs: fromMs + 3_600_000 })
  const { findings, sources } = watched({ seed: `one ${kind}`, injections: [injection] })
  return { findings, injection, source: sources.get(injection) }
}

describe('a simulated world', () => {
  it('is the same for the same seed, and another for another', () => {
    const leaves = (seed: string) => {
      const out: LogEntry[] = []
      simulate({ ...SMALL, days: 1, seed }, { leaf: (entry) => out.push(entry), packet() {}, flow() {}, tick() {} })
      return out
    }
    const one = leaves('a')
    expect(one.length).toBeGreaterThan(1_000)
    expect(leaves('a')).toEqual(one)
    expect(leaves('b')).not.toEqual(one)
  })

  it('breaks no invariant, and hardly looks unusual', () => {
    const { findings } = watched({ seed: 'quiet' })
    expect(findings.filter(({ group }) => group === 'invariant')).toEqual([])
    expect(findings.length).toBeLessThanOrEqual(3)
  }, 60_000)

  // Odd hours and drift need more days than a test has; `evaluation/anomaly.ts` measures them with all others.
  const kinds = (Object.keys(INJECTIONS) as InjectionKind[]).filter((kind) => kind !== 'odd-hours' && kind !== 'drift')
  it.each(kinds)(
    'shows an injected %s',
    (kind) => {
      const { findings, injection, source } = withOne(kind)
      const { expects, graceMinutes } = INJECTIONS[kind]
      const found = findings.filter(
        ({ id, atMs }) =>
          (expects as readonly string[]).includes(id) &&
          atMs >= injection.startMs &&
          atMs <= injection.endMs + graceMinutes * 60_000,
      )
      if (source === undefined) expect(found).not.toEqual([])
      else expect(found.map((finding) => finding.source)).toContain(source)
      for (const { message, severity } of found) {
        expect(message).toMatch(/\.$/)
        expect(severity).toBeGreaterThan(0)
      }
    },
    60_000,
  )
})

describe('a watch', () => {
  it('says an incident once, and again when it was over', () => {
    const said: number[] = []
    const say = incidents(({ atMs }) => said.push(atMs))
    const { holdMs } = PATTERNS.burst
    const finding = {
      id: 'burst',
      group: 'rate',
      source: 'requests',
      severity: 5,
      confidence: 1,
      message: '',
      leaves: [],
      evidence: {},
    } as const
    for (const atMs of [0, holdMs, 2 * holdMs, 3 * holdMs + 1]) say({ ...finding, atMs })
    expect(said).toEqual([0, 3 * holdMs + 1])
  })

  it('says an incident again when it grows much', () => {
    const said: number[] = []
    const say = incidents(({ evidence }) => said.push(Number(evidence['score'])))
    const finding = {
      id: 'burst',
      group: 'rate',
      source: 'requests',
      severity: 5,
      confidence: 1,
      message: '',
      leaves: [],
      atMs: 0,
    } as const
    for (const score of [4, 5, 6.1, 9, 9.2]) say({ ...finding, evidence: { score } })
    expect(said).toEqual([4, 6.1, 9.2])
  })

  it('says nothing of rates before it is warm, and holds invariants from the first leaf on', () => {
    const own = story()
    own.table()
    for (let i = 0; i < 3; i++) answered(own, `a${i}`)
    own.atMs += 3 * DAY_MS
    for (let i = 0; i < 400; i++) answered(own, `b${i}`)
    own.reply('b1', 'stream-open', 2)
    const ids: string[] = []
    const watch = logWatch({}, ({ id }) => ids.push(id))
    own.entries.forEach(watch.leaf)
    expect(ids).toEqual(['reply-without-attempt'])
  })

  it('goes on behind a gap of years', () => {
    const watch = logWatch({}, () => {})
    watch.tick(START_MS)
    watch.tick(START_MS + 20 * 365 * DAY_MS)
    watch.flow({ agent: agent.instance, timeMs: START_MS + 20 * 365 * DAY_MS, bytes: 1 })
  })
})

describe('parts', () => {
  it('recent: keeps what was touched last, within its limit', () => {
    const dropped: number[] = []
    const map = recentMap<number>(8, (value) => dropped.push(value))
    for (let i = 0; i < 100; i++) {
      map.set(`${i}`, i)
      expect(map.get('0')).toBe(0)
      expect(map.entries().length).toBeLessThanOrEqual(8)
    }
    expect(map.get('99')).toBe(99)
    expect(map.get('50')).toBeUndefined()
    expect(map.forgotten).toBe(dropped.length)
    expect(() => recentMap(1)).toThrow(RangeError)
  })

  it('surprise: 0 at the mean, signed, and less where means vary', () => {
    expect(surprise(40, 40, 0)).toBe(0)
    expect(surprise(80, 40, 0)).toBeGreaterThan(5)
    expect(surprise(0, 40, 0)).toBeCloseTo(-Math.sqrt(80))
    expect(surprise(80, 40, 0.1)).toBeLessThan(surprise(80, 40, 0) / 2)
  })
})
