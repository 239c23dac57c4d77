import { describe, expect, it } from 'vitest'
import { openOf, recordOf } from '../../test/http-records.ts'
import { extractHttpFeatures, HTTP_FEATURES, HTTP_MODEL_FEATURES } from './feature.ts'
import { type Around, tallyOf } from './tally.ts'

const client: Around = {
  group: 'client',
  seconds: 2,
  sustainedPerS: 6,
  usualPerS: 12,
  share: 0.5,
  open: openOf(),
  pressingClients: Number.NaN,
}
const listener: Around = { ...client, group: 'listener', share: Number.NaN, pressingClients: 3 }

/** Every feature by name. */
function featuresOf(records: Parameters<typeof tallyOf>[0], around: Around): Record<string, number> {
  const row = new Float64Array(HTTP_FEATURES.length)
  extractHttpFeatures(tallyOf(records, around), row)
  return Object.fromEntries(HTTP_FEATURES.map(({ name }, at) => [name, row[at]!]))
}

describe('features of a window of requests', () => {
  it('are exact on records made by hand', () => {
    const records = [
      recordOf({ endMs: 0, startMs: -10, target: 1, isFirst: true, bytesIn: 100 }),
      recordOf({ endMs: 100, startMs: 80, target: 1, status: 400, bytesIn: 100 }),
      recordOf({ endMs: 200, startMs: 170, target: 2, status: 404, path: 'answers', bytesIn: 300 }),
      recordOf({
        endMs: 203,
        startMs: 163,
        target: 3,
        status: 202,
        isPost: true,
        path: 'packets',
        bodyMs: 2_500,
        bytesIn: 300,
      }),
    ]
    expect(featuresOf(records, client)).toEqual({
      listener: 0,
      requests: 4,
      duration: 2,
      rate: 2,
      'rate.sustained': 6,
      'rate.relative': -1,
      'answer.median': 25,
      // Gaps 100, 100, 3: mean 203 / 3.
      'gap.deviation.relative': expect.closeTo(
        Math.sqrt((2 * (100 - 203 / 3) ** 2 + (3 - 203 / 3) ** 2) / 3) / (203 / 3),
        12,
      ),
      'gap.burst': 1 / 3,
      'client.share': 0.5,
      'client.distinct': Number.NaN,
      'client.entropy': Number.NaN,
      'client.top': Number.NaN,
      'target.distinct': 0.75,
      'target.entropy': 1.5,
      'target.top': 0.5,
      'method.post': 0.25,
      'path.packets': 0.25,
      'path.answers': 0.25,
      'path.keys': 0.5,
      'path.log': 0,
      'path.health': 0,
      'path.other': 0,
      'outcome.none': 0,
      'outcome.done': 0.5,
      'outcome.refused': 0.25,
      'outcome.denied': 0,
      'outcome.absent': 0.25,
      'outcome.limited': 0,
      'outcome.failed': 0,
      'refusal.repeated': 0.25,
      'head.slow': 0,
      'body.slow': 0.25,
      'body.broken': 0,
      'connection.first': 0.25,
      'bytes.mean': 200,
      'bytes.deviation': 100,
      'open.connections': 0,
      'open.silent': 0,
      'open.silent.share': Number.NaN,
      'open.heads': 0,
      'open.heads.share': Number.NaN,
      'open.heads.slow': 0,
      'open.heads.slow.share': Number.NaN,
      'open.bodies': 0,
      'open.bodies.share': Number.NaN,
      'open.bodies.slow': 0,
      'open.bodies.slow.share': Number.NaN,
      'open.answers': 0,
      'open.answers.share': Number.NaN,
      'open.head.age': Number.NaN,
      'open.body.rate': Number.NaN,
      'open.clients': Number.NaN,
    })
  })

  it('show what is open and who asks, of the listener', () => {
    const open = openOf({
      connections: 8,
      silent: 1,
      heads: 2,
      slowHeads: 1,
      headMs: 3_000,
      bodies: 2,
      slowBodies: 1,
      bodyMs: 4_000,
      bodyBytes: 1_000,
      answers: 2,
    })
    const records = [
      recordOf({ client: 'a', status: 400 }),
      recordOf({ client: 'b', status: 401 }),
      recordOf({ client: 'a', status: 404 }),
      recordOf({ client: 'a', status: 503, bodyMs: Number.NaN, bytesIn: Number.NaN }),
      recordOf({ client: 'b', status: 0, path: 'none', headMs: Number.NaN, target: 0 }),
    ]
    expect(featuresOf(records, { ...listener, open })).toMatchObject({
      listener: 1,
      'client.share': Number.NaN,
      'client.distinct': 0.4,
      'client.top': 0.6,
      'client.entropy': expect.closeTo(-(0.6 * Math.log2(0.6) + 0.4 * Math.log2(0.4)), 12),
      'target.distinct': 0.25,
      'outcome.refused': 0.2,
      'outcome.denied': 0.2,
      'outcome.absent': 0.2,
      'outcome.failed': 0.2,
      'outcome.none': 0.2,
      'outcome.done': 0,
      // Of the same client, not of the window.
      'refusal.repeated': 0.2,
      'head.slow': 0.2,
      'body.broken': 0.2,
      'bytes.mean': Number.NaN,
      'gap.burst': Number.NaN,
      'open.connections': 8,
      'open.silent.share': 0.125,
      'open.heads.share': 0.25,
      'open.heads.slow.share': 0.125,
      'open.bodies.slow': 1,
      'open.answers.share': 0.25,
      'open.head.age': 1.5,
      'open.body.rate': 250,
      'open.clients': 3,
    })
  })

  it('have a NaN rule that holds: without a request, NaN where it says so and nowhere else', () => {
    const values = featuresOf([], { ...listener, share: Number.NaN })
    for (const { name, nan } of HTTP_FEATURES) {
      const wanted =
        /no request|fewer than three|is open|of the listener/.test(nan) && nan !== 'the window is of one client'
      expect([name, Number.isNaN(values[name]!)]).toEqual([name, wanted])
    }
  })

  it('have distinct names, and a room that is large enough', () => {
    expect(new Set(HTTP_FEATURES.map(({ name }) => name)).size).toBe(HTTP_FEATURES.length)
    expect(HTTP_MODEL_FEATURES).not.toContain('rate.relative')
    expect(() => extractHttpFeatures(tallyOf([], client), new Float64Array(3))).toThrow(RangeError)
  })
})
