import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { emptyFlow } from '../test/flow.ts'
import type { VolumeBatch } from './admin/volumes.ts'
import { volumeDesk } from './admin/volumes.ts'
import { portionsOf, readAgents, volumeTeller } from './volumes.ts'

const HOUR_MS = 3_600_000
const NOW_MS = 472_223 * HOUR_MS + 1_800_000
const AGENT = 'ab'.repeat(32)
const AGENTS = readAgents([`192.0.2.7=${AGENT}`])
const agent = Uint8Array.of(192, 0, 2, 7)
const other = Uint8Array.of(203, 0, 113, 5)

function setup() {
  const asked: VolumeBatch[] = []
  const state = { fails: false, loses: false }
  const seen: number[] = []
  const desk = volumeDesk(({ bytes }) => seen.push(bytes) > 0)
  const teller = volumeTeller(
    AGENTS,
    async (batch) => {
      if (state.fails) throw new Error('down')
      asked.push(batch)
      const taken = desk(JSON.parse(JSON.stringify(batch)))
      if (state.loses) throw new Error('lost')
      return taken
    },
    () => NOW_MS,
  )
  const flow = (over = {}) => emptyFlow({ source: agent, destination: other, bytes: 100n, endMs: NOW_MS, ...over })
  return { asked, state, seen, teller, flow }
}

describe('volumeTeller', () => {
  it('adds up what comes from and to an agent, and nothing else', async () => {
    const { asked, teller, flow } = setup()
    teller.take(flow())
    teller.take(flow({ source: other, destination: agent, samplingEvery: 10 }))
    teller.take(flow({ source: other }))
    teller.take(flow({ source: undefined, destination: undefined }))
    teller.take(flow({ bytes: undefined }))
    await teller.flush()
    await teller.flush()
    expect(asked).toMatchObject([{ batch: 1, volumes: [{ agent: AGENT, timeMs: NOW_MS, bytes: 1_100 }] }])
    expect(teller.counts).toMatchObject({ ofAgents: 3, withoutBytes: 1, told: 1, refused: 0 })
  })

  it('counts what is hours from now, and tells none of it', async () => {
    const { asked, teller, flow } = setup()
    teller.take(flow({ endMs: NOW_MS - 3 * HOUR_MS }))
    teller.take(flow({ endMs: NOW_MS + 3 * HOUR_MS }))
    await teller.flush()
    expect([asked, teller.counts.farFromNow]).toEqual([[], 2])
  })

  it.each(['fails', 'loses'] as const)('tells each byte once where telling %s', async (how) => {
    const { state, seen, teller, flow } = setup()
    teller.take(flow())
    state[how] = true
    await expect(teller.flush()).rejects.toThrow()
    teller.take(flow({ bytes: 7n }))
    await expect(teller.flush()).rejects.toThrow()
    state[how] = false
    await teller.flush()
    await teller.flush()
    expect(seen).toEqual([100, 7])
  })

  it('holds one sum an agent and hour, whatever comes, and tells only what is taken', async () => {
    const time = fc.option(fc.oneof(fc.double(), fc.integer({ min: NOW_MS - 8 * HOUR_MS, max: NOW_MS + 8 * HOUR_MS })))
    const any = fc.record({
      startMs: time.map((each) => each ?? undefined),
      endMs: time.map((each) => each ?? undefined),
      bytes: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      samplingEvery: fc.option(fc.nat({ max: 2 ** 32 - 1 })).map((each) => each ?? undefined),
    })
    const property = fc.asyncProperty(fc.array(any, { maxLength: 50 }), async (flows) => {
      const { asked, teller, flow } = setup()
      for (const each of flows) teller.take(flow(each))
      await teller.flush()
      expect(asked[0]?.volumes.length ?? 0).toBeLessThanOrEqual(6)
    })
    await fc.assert(property, { seed: 5, numRuns: 300 })
  })
})

test('bytes of a flow lie in the hours in which it ran, and are all there', () => {
  const hour = NOW_MS - (NOW_MS % HOUR_MS)
  const spread = portionsOf({ startMs: hour - 900_000, endMs: hour + 2_700_000, bytes: 400n, samplingEvery: 2 }, NOW_MS)
  expect(spread).toEqual([
    { timeMs: hour - 900_000, bytes: 200 },
    { timeMs: hour, bytes: 600 },
  ])
  const one = { bytes: 5n, samplingEvery: undefined }
  expect(portionsOf({ ...one, startMs: undefined, endMs: undefined }, NOW_MS)).toEqual([{ timeMs: NOW_MS, bytes: 5 }])
  expect(portionsOf({ ...one, startMs: hour, endMs: hour - 1 }, NOW_MS)).toEqual([{ timeMs: hour - 1, bytes: 5 }])
  expect(portionsOf({ ...one, startMs: 0, endMs: hour }, NOW_MS)).toEqual([{ timeMs: hour, bytes: 5 }])
})

test.each(['192.0.2.7', `host=${AGENT}`, `192.0.2.7=${AGENT}0`, `=${AGENT}`])('refuses --agent %s', (text) => {
  expect(() => readAgents([text])).toThrow('wanted ADDRESS=INSTANCE')
})

describe('volumeDesk', () => {
  const desk = () => volumeDesk(({ timeMs }) => timeMs > 5)
  const volume = { agent: AGENT, timeMs: 9, bytes: 1 }

  it('takes what can be judged, and a batch once', () => {
    const take = desk()
    const batch = { teller: 'a', batch: 1, volumes: [volume, { ...volume, timeMs: 1 }] }
    expect(take(batch)).toEqual({ taken: 1, refused: 1 })
    expect(take(batch)).toEqual({ taken: 0, refused: 0 })
    expect(take({ ...batch, teller: 'b' })).toEqual({ taken: 1, refused: 1 })
    expect(take({ ...batch, batch: 2 })).toEqual({ taken: 1, refused: 1 })
  })

  it.each([
    null,
    {},
    { teller: 'a', batch: 1.5, volumes: [] },
    { teller: 'a', batch: 1, volumes: {} },
    { teller: 'a', batch: 1, volumes: [null] },
    { teller: 'a', batch: 1, volumes: [volume, { ...volume, agent: 'ab' }] },
    { teller: 'a', batch: 1, volumes: [{ ...volume, bytes: -1 }] },
    { teller: 'a', batch: 1, volumes: [{ ...volume, timeMs: '9' }] },
    { teller: 'a'.repeat(65), batch: 1, volumes: [] },
    { teller: 'a', batch: 1, volumes: Array.from({ length: 8_193 }, () => volume) },
  ])('refuses %j, and takes nothing of it', (given) => {
    const seen: unknown[] = []
    const take = volumeDesk((fact) => seen.push(fact) > 0)
    expect(() => take(given)).toThrow(expect.objectContaining({ code: 'DOCUMENT_MALFORMED' }))
    expect(seen).toEqual([])
  })
})
