import { describe, expect, it } from 'vitest'
import { openOf, recordOf } from '../../test/http-records.ts'
import type { HttpModel } from './model.ts'
import type { HttpRecord, OpenRecord } from './record.ts'
import { HTTP_RULES } from './rule.ts'
import { type HttpVerdict, type HttpWatchOptions, httpWatch } from './watch.ts'

function setup(options: HttpWatchOptions = {}) {
  const verdicts: HttpVerdict[] = []
  const watch = httpWatch((verdict) => verdicts.push(verdict), options)
  const families = (group: string, subject?: string) =>
    verdicts
      .filter((one) => one.group === group && (subject === undefined || one.subject === subject))
      .flatMap(({ rules }) => rules.map(({ family }) => family))
  return { watch, verdicts, families }
}

/** `perS` records a second for `seconds`. */
function play(
  watch: { record(record: HttpRecord): void },
  perS: number,
  seconds: number,
  make: (at: number) => Partial<HttpRecord>,
) {
  for (let at = 0; at < perS * seconds; at++) watch.record(recordOf({ endMs: (at * 1_000) / perS, ...make(at) }))
}
const sweeps = (watch: { sweep(open: readonly OpenRecord[], nowMs: number): void }, open: readonly OpenRecord[]) => {
  for (let nowMs = 0; nowMs <= 6_000; nowMs += 500) watch.sweep(open, nowMs)
}

describe('rules for requests', () => {
  it.each([
    ['slow-head', { heads: 40, slowHeads: 40 }],
    ['slow-body', { bodies: 40, slowBodies: 40 }],
    ['silent-connections', { silent: 100 }],
  ] as const)('%s: one client whose connections do not get on', (family, open) => {
    const { watch, families, verdicts } = setup()
    sweeps(watch, [openOf({ connections: 100, answers: 0, ...open }), openOf({ connections: 3, client: 'other' })])
    if (family !== 'silent-connections') expect(families('client', '192.0.2.1')).toEqual([])
    sweeps(watch, [openOf({ connections: 41, ...open, ...(family === 'silent-connections' && { connections: 100 }) })])
    expect(new Set(families('client', '192.0.2.1'))).toEqual(new Set([family]))
    expect(new Set(families('listener'))).toEqual(new Set([family]))
    expect(families('client', 'other')).toEqual([])
    const attack = verdicts.find(({ verdict }) => verdict === 'attack')
    expect(attack?.top.length).toBeGreaterThan(0)
    expect(attack?.votes).toEqual([{ member: 'rules', says: 'attack' }])
  })

  it('a few connections each from many clients: the listener is attacked, and nobody is named', () => {
    const { watch, families } = setup()
    const open = Array.from({ length: 50 }, (_, at) =>
      openOf({ client: `c${at}`, connections: 1, heads: 1, slowHeads: 1 }),
    )
    sweeps(watch, open)
    expect(families('listener')).toEqual(['slow-head'])
    expect(families('client')).toEqual([])
  })

  it('the listener has the sum of every number of its clients', () => {
    const { watch, verdicts } = setup()
    const numbers = {
      connections: 30,
      silent: 2,
      heads: 3,
      slowHeads: 4,
      headMs: 5,
      bodies: 6,
      slowBodies: 7,
      bodyMs: 8,
    }
    const all = { ...numbers, bodyBytes: 9, answers: 10 }
    sweeps(watch, [openOf(all), openOf({ ...all, client: 'other' })])
    const doubled = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, 2 * value]))
    expect(verdicts.find(({ group }) => group === 'listener')?.open).toEqual({ client: '', ...doubled })
  })

  it('long streams are no attack, however many', () => {
    const { watch, verdicts } = setup()
    sweeps(watch, [openOf({ connections: 500, answers: 490, heads: 10 })])
    play(watch, 10, 20, () => ({ path: 'answers' }))
    expect(verdicts.length).toBeGreaterThan(2)
    expect(verdicts.filter(({ verdict }) => verdict === 'attack')).toEqual([])
  })

  it('a flood is one by its rate for longer than a batch has it; whoever reads the log once is none', () => {
    const flood = setup()
    play(flood.watch, 200, 10, () => ({ path: 'answers' }))
    expect(new Set(flood.families('client'))).toEqual(new Set(['http-flood']))
    const burst = setup()
    play(burst.watch, 200, 2, () => ({ path: 'answers' }))
    expect(burst.families('client')).toEqual([])
    const mirror = setup()
    play(mirror.watch, 200, 10, (at) => ({ path: 'log', target: at + 1 }))
    expect(mirror.families('client')).toEqual([])
    const hammer = setup()
    play(hammer.watch, 200, 10, () => ({ path: 'log', target: 7 }))
    expect(new Set(hammer.families('client'))).toEqual(new Set(['http-flood']))
  })

  it('refusals without end are a storm; those of a program that waits are none', () => {
    const storm = setup()
    play(storm.watch, 10, 20, () => ({ status: 400, path: 'packets' }))
    expect(new Set(storm.families('client'))).toEqual(new Set(['refusal-storm']))
    const patient = setup()
    play(patient.watch, 2, 60, () => ({ status: 400, path: 'packets' }))
    expect(patient.families('client')).toEqual([])
    const early = setup()
    play(early.watch, 40, 20, () => ({ status: 429, path: 'packets' }))
    expect(early.families('client')).toEqual([])
    const keys = setup()
    play(keys.watch, 20, 20, () => ({ path: 'keys' }))
    expect(new Set(keys.families('client'))).toEqual(new Set(['http-flood']))
    const many = setup()
    play(many.watch, 200, 10, (at) => ({ status: 400, client: `c${at % 100}` }))
    expect(new Set(many.families('listener'))).toEqual(new Set(['http-flood', 'refusal-storm']))
  })

  it('a client that always asks that fast has a higher limit; one that floods never gets it', () => {
    const { watch, families } = setup({
      rules: HTTP_RULES.map((rule) => ({ ...rule, minPerS: Math.min(rule.minPerS, 5) })),
    })
    // Under the limit of 5 a second for long: what is usual becomes 4, and its limit 16.
    play(watch, 4, 300, () => ({}))
    for (let at = 0; at < 12 * 60; at++) watch.record(recordOf({ endMs: 300_000 + (at * 1_000) / 12 }))
    expect(families('client')).toEqual([])
    for (let at = 0; at < 200 * 30; at++) watch.record(recordOf({ endMs: 360_000 + at * 5 }))
    const first = families('client').length
    expect(first).toBeGreaterThan(0)
    for (let at = 0; at < 200 * 200; at++) watch.record(recordOf({ endMs: 390_000 + at * 5 }))
    expect(families('client').length).toBeGreaterThan(first + 500)
  })

  it('has ids of its own and names features that there are', async () => {
    const { HTTP_FEATURES } = await import('./feature.ts')
    expect(new Set(HTTP_RULES.map(({ id }) => id)).size).toBe(HTTP_RULES.length)
    const names = new Set(HTTP_FEATURES.map(({ name }) => name))
    expect(HTTP_RULES.flatMap(({ looksAt }) => looksAt).filter((name) => !names.has(name))).toEqual([])
  })
})

describe('windows of requests', () => {
  it('close at 64 requests and after 5 seconds, of a client and of all', () => {
    const { watch, verdicts } = setup()
    play(watch, 100, 1, () => ({}))
    expect(verdicts.map(({ group, requests }) => [group, requests])).toEqual([
      ['client', 64],
      ['listener', 64],
    ])
    watch.record(recordOf({ endMs: 5_700 }))
    expect(verdicts.slice(2).map(({ group, requests, startMs, endMs }) => [group, requests, startMs, endMs])).toEqual([
      ['listener', 36, 640, 5_700],
      ['client', 36, 640, 5_700],
    ])
  })

  it('of little are not judged, and counted', () => {
    const { watch, verdicts } = setup()
    play(watch, 7, 1, () => ({}))
    watch.end()
    expect(verdicts).toEqual([])
    expect(watch.counts.dropped).toBe(2)
  })

  it('give a client its share of all requests', () => {
    const { watch, verdicts } = setup()
    play(watch, 160, 1, (at) => ({ client: at % 2 === 0 ? 'a' : 'b' }))
    const share = verdicts.find(({ subject }) => subject === 'a')!.features[9]!
    expect(share).toBeCloseTo(64 / 127, 12)
  })

  it('survive a clock that is set back', () => {
    const { watch, verdicts } = setup()
    for (let at = 0; at < 10; at++) watch.record(recordOf({ endMs: 1e6 + at }))
    watch.record(recordOf({ endMs: 0 }))
    expect(verdicts).toHaveLength(2)
    expect(verdicts.every(({ sustainedPerS }) => sustainedPerS >= 0)).toBe(true)
  })

  it('take bounded memory, whoever comes: the client whose window is oldest goes first', () => {
    const { watch, verdicts } = setup({ maxClients: 100 })
    for (let at = 0; at < 10; at++) watch.record(recordOf({ endMs: at, client: 'first' }))
    for (let at = 0; at < 50_000; at++) watch.record(recordOf({ endMs: 10, client: `c${at}` }))
    expect(watch.counts.evicted).toBe(50_001 - 100)
    expect(verdicts.find(({ subject }) => subject === 'first')).toMatchObject({ requests: 10 })
    const open = Array.from({ length: 500 }, (_, at) => openOf({ client: `d${at}`, connections: 2, heads: 2 }))
    watch.sweep(open, 20)
    expect(watch.counts.unseen).toBe(800)
    watch.sweep(open, 6_000)
    expect(verdicts.findLast(({ group }) => group === 'listener')?.open.connections).toBe(1_000)
  })

  it('refuse limits that are none', () => {
    expect(() => setup({ maxRecords: 0 })).toThrow(RangeError)
    expect(() => setup({ maxClients: Number.NaN })).toThrow(RangeError)
  })
})

describe('a model beside the rules', () => {
  const modelSaying = (opinion: Awaited<ReturnType<HttpModel['judge']>>): HttpModel => ({
    judge: async () => opinion,
    explain: async () => ['bytes.mean'],
  })
  const judged = async (model: HttpModel, status = 200) => {
    const { watch, verdicts } = setup({ model })
    play(watch, 64, 1, () => ({ status, path: 'answers' }))
    await watch.end()
    return verdicts
  }

  it('makes an attack of what no rule knows, and says which features weighed', async () => {
    const [verdict] = await judged(modelSaying({ says: 'attack', probability: 0.97 }))
    expect(verdict).toMatchObject({
      verdict: 'attack',
      rules: [],
      probability: 0.97,
      top: [{ name: 'bytes.mean', value: 100 }],
      votes: [
        { member: 'rules', says: 'clear' },
        { member: 'model', says: 'attack' },
      ],
    })
  })

  it('abstains with its reason, and an abstention is no attack', async () => {
    const [verdict] = await judged(modelSaying({ says: 'abstains', reason: 'unsure', probability: 0.5 }))
    expect(verdict).toMatchObject({ verdict: 'clear', votes: [{}, { says: 'abstains', reason: 'unsure' }], top: [] })
  })

  it('has no vote when it fails: the rules go on', async () => {
    const failing: HttpModel = { judge: () => Promise.reject(new Error('broken')), explain: async () => [] }
    const verdicts = await judged(failing, 400)
    expect(verdicts[0]).toMatchObject({
      verdict: 'attack',
      votes: [{ says: 'attack' }, { says: 'abstains', reason: 'it failed' }],
    })
  })

  it('is not waited for beyond 256 windows', async () => {
    let answer: (() => void) | undefined
    const late = new Promise<void>((resolve) => {
      answer = resolve
    })
    const model: HttpModel = {
      judge: () => late.then(() => ({ says: 'clear', probability: 0 })),
      explain: async () => [],
    }
    const { watch, verdicts } = setup({ model })
    play(watch, 64 * 200, 1, (at) => ({ client: `c${Math.floor(at / 64)}` }))
    expect(verdicts).toHaveLength(400 - 256)
    expect(verdicts[0]?.votes[1]).toMatchObject({ says: 'abstains', reason: '256 windows wait for it' })
    answer?.()
    await watch.end()
    expect(verdicts).toHaveLength(400)
  })
})
