import { describe, expect, it } from 'vitest'
import { seededRandom } from '../simulator/random.ts'
import { BEACON_TIMES, findPeriod } from './beacon.ts'

const random = seededRandom('beacon')

function beacon(count: number, periodMs: number, jitter = 0.05): number[] {
  let atMs = 0
  return Array.from({ length: count }, () => {
    atMs += periodMs * random.between(1 - jitter, 1 + jitter)
    return atMs
  })
}

/** Sessions of eight requests on average, some an hour. */
function person(spanMs: number, everyMs: number): number[] {
  const times: number[] = []
  for (let startMs = random.exponential(everyMs); startMs < spanMs; startMs += random.exponential(everyMs)) {
    let atMs = startMs
    do {
      times.push(atMs)
      atMs += 2_000 + random.exponential(55_000)
    } while (random.unit() > 1 / 8)
  }
  return times.sort((a, b) => a - b)
}

describe('a rhythm', () => {
  it.each([15_000, 60_000, 600_000, 3_600_000])('of %i ms is found, give or take 5 percent', (periodMs) => {
    const found = findPeriod(beacon(60, periodMs))
    expect(Math.abs((found?.periodMs ?? 0) / periodMs - 1)).toBeLessThan(0.05)
  })

  it('is found beside what a person asks', () => {
    let found = 0
    for (let i = 0; i < 40; i++) {
      const periodMs = random.between(60_000, 600_000)
      const own = beacon(100, periodMs)
      const times = [...own, ...person(100 * periodMs, 3_600_000)].sort((a, b) => a - b).slice(-BEACON_TIMES)
      if (findPeriod(times) !== undefined) found++
    }
    expect(found).toBeGreaterThanOrEqual(38)
  })

  it('is not found in what people ask', () => {
    let found = 0
    for (let i = 0; i < 400; i++) {
      const times = person(48 * 3_600_000, random.between(600_000, 7_200_000)).slice(-BEACON_TIMES)
      if (findPeriod(times) !== undefined) found++
    }
    expect(found).toBeLessThanOrEqual(1)
  })
})
