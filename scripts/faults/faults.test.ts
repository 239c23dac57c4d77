/** A few kills of each part, of a fixed seed; `pnpm faults` makes 200 of each. */
import { describe, expect, it } from 'vitest'
import type { Ask } from './load.ts'
import { drawFaults } from './print.ts'
import { runFaults } from './run.ts'
import { createWhereabouts } from './stages.ts'
import { sum, tally } from './tally.ts'

const SOUND = { lost: 0, doubled: 0, truncated: 0, misreported: 0 }

describe('kill -9 under load', () => {
  it.each([['up'], ['agent'], ['broker'], ['client']] as const)(
    'of %s: no packet is lost, runs twice or is cut',
    async (part) => {
      const all = await runFaults({ parts: [part], kills: 3, seed: 20_260_701, progress: () => undefined })
      const { text, isSound } = drawFaults(all)
      expect(sum(all.map(({ tally: { total } }) => total)), text).toMatchObject(SOUND)
      expect(isSound, text).toBe(true)
      const kills = all.flatMap((each) => Object.values(each.kills)).reduce((a, b) => a + b, 0)
      expect(kills).toBeGreaterThanOrEqual(3)
      expect(text).toMatch(/answered +[1-9]|met no kill/)
    },
    300_000,
  )
})

describe('the tally', () => {
  const ask = (end: Ask['end'], packet = 'p'): Ask => ({ number: 1, sentMs: 0, packets: [packet], row: undefined, end })
  const requests = (attempts: number) => new Map([['p', { attempts, isEnded: true }]])
  const count = (end: Ask['end'], attempts: number, journal: readonly string[]) =>
    tally([ask(end)], requests(attempts), journal).total
  const answered = { as: 'answered' } as const
  const reported = (code: string) => ({ as: 'reported', code, message: '' }) as const

  it('takes one run of one attempt, and two of two', () => {
    expect(count(answered, 1, ['p start', 'p finish'])).toMatchObject({ answered: 1, ...SOUND })
    expect(count(answered, 2, ['p start', 'p failed', 'p start'])).toMatchObject({ answered: 1, ...SOUND })
  })

  it('counts a second run without its attempt, and a run without any', () => {
    expect(count(answered, 1, ['p start', 'p start'])).toMatchObject({ doubled: 1 })
    expect(tally([ask(reported('INTERRUPTED'))], new Map(), ['p start']).total).toMatchObject({ doubled: 1 })
  })

  it('counts what has no end, no code, or no engine behind it', () => {
    expect(count(undefined, 1, [])).toMatchObject({ lost: 1 })
    expect(count({ as: 'broken', message: 'x' }, 1, [])).toMatchObject({ lost: 1 })
    expect(count(answered, 1, [])).toMatchObject({ lost: 1 })
  })

  it('counts what is shown as whole and is short', () => {
    expect(count({ as: 'short', text: 'a' }, 1, ['p start'])).toMatchObject({ truncated: 1 })
  })

  it('counts a report that says too little, and one that accuses a router that only crashed', () => {
    expect(count(reported('LOG_BUSY'), 1, ['p start'])).toMatchObject({ reported: 1, misreported: 1 })
    expect(count(reported('VERDICT_FAILED'), 1, [])).toMatchObject({ misreported: 1 })
    expect(count(reported('ATTEMPT_UNPROVEN'), 1, [])).toMatchObject({ misreported: 1 })
    expect(count(reported('INTERRUPTED'), 1, ['p start'])).toMatchObject({ reported: 1, misreported: 0 })
    expect(tally([ask(answered)], requests(1), ['p start', 'q start']).faults).toEqual(['q ran, and nobody asked it'])
  })
})

describe('whereabouts', () => {
  const traced = (stage: string, packet = 'p') => JSON.stringify({ stage, packet })
  it('follow a packet, back to its next delivery too, until its sender has an end', () => {
    const where = createWhereabouts()
    const entered: string[] = []
    where.watch((stage) => entered.push(stage))
    for (const stage of ['submit', 'route', 'commit', 'release', 'deliver']) where.traced(traced(stage))
    where.noted('p start')
    where.traced(traced('stream-open'))
    where.traced(traced('deliver'))
    where.noted('p finish')
    where.traced(traced('stream-close'))
    where.traced(traced('deliver'))
    expect(entered).toEqual(['submit', 'commit', 'queue', 'deliver', 'open', 'infer', 'deliver', 'answer', 'verify'])
    expect(where.count('verify')).toBe(1)
    where.ended('p')
    where.traced(traced('deliver'))
    expect(where.count('deliver') + where.count('verify')).toBe(0)
  })

  it('leave out what was refused, and lines that a kill has cut', () => {
    const where = createWhereabouts()
    where.traced(traced('submit'))
    where.traced('{"stage":"route","pack')
    where.traced('weave: a line for people')
    expect(where.count('submit')).toBe(1)
    where.traced(traced('refuse'))
    expect(where.count('submit')).toBe(0)
  })
})
