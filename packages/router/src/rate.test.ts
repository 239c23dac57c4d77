import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimit } from './rate.ts'

describe('createRateLimit()', () => {
  it('lets a burst in, then one a step, and says how long to wait', () => {
    const limit = createRateLimit('sender', { perMinute: 60, burst: 2 })
    limit.take('a', 0)
    limit.take('a', 0)
    expect(() => limit.take('a', 0)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', retryAfterMs: 1_000 }))
    limit.take('b', 0)
    limit.take('a', 1_000)
    expect(() => limit.take('a', 1_000)).toThrow(/RATE|wanted/)
  })

  it('never lets more in than burst and rate allow, whatever the times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (steps) => {
        const limit = createRateLimit('sender', { perMinute: 600, burst: 5 })
        let nowMs = 0
        let taken = 0
        for (const step of steps) {
          nowMs += step
          try {
            limit.take('a', nowMs)
            taken += 1
          } catch {}
          expect(taken).toBeLessThanOrEqual(5 + Math.floor(nowMs / 100 + 1e-6))
        }
      }),
      { seed: 3 },
    )
  })
})
