import { CODES, type Code } from '@mystranet/schemas/codes'
import { OUTCOMES } from '@mystranet/schemas/kinds'
import type { HeaderCore } from '@mystranet/schemas/messages'
import { describe, expect, it } from 'vitest'
import type { AttemptRecord, RequestRecord } from '../ports.ts'
import { codeOfClose, judge, mayTryAgain } from './life.ts'
import { chooseAgent } from './route.ts'

const attempt = (over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  number: 1,
  agent: 'a',
  rule: 'r',
  acceptByMs: 1_000,
  addendum: new Uint8Array(0),
  state: 'made',
  ...over,
})
const record = (last: Partial<AttemptRecord>, over: Partial<RequestRecord> = {}): RequestRecord => ({
  id: 'p',
  packet: new Uint8Array(0),
  expiresMs: 10_000,
  state: 'released',
  addendum: new Uint8Array(0),
  attempts: [attempt(last)],
  replies: [],
  notices: [],
  endedMs: 0,
  ...over,
})
const core = (retry?: HeaderCore['retry']) => ({ expiresMs: 10_000, retry }) as HeaderCore
const refused = (code: Code) => record({ state: 'refused', code: CODES[code].wire })

const cut = (code: Code) => record({ state: 'closed', code: CODES[code].wire })
const AGAIN = { maxAttempts: 3, afterOpen: true }

describe('judge()', () => {
  it.each([
    ['waits before a void', record({}, { state: 'prepared' }), 39_999, false, 'none'],
    ['voids 30 s after expiry', record({}, { state: 'prepared' }), 40_000, false, 'void'],
    ['keeps an attempt while it may be accepted', record({}), 2_999, false, 'publish'],
    ['gives an attempt up 2 s after accept_by', record({}), 3_000, false, 'late'],
    ['waits for an agent that accepted', record({ state: 'accepted' }), 39_999, false, 'none'],
    ['gives up what an agent lost', record({ state: 'accepted' }), 40_000, false, 'lost'],
    ['not while its agent holds it', record({ state: 'opened' }), 40_000, true, 'none'],
  ] as const)('%s', (_, each, nowMs, isLeased, next) => {
    expect(judge(each, nowMs, isLeased)).toBe(next)
  })
})

describe('mayTryAgain()', () => {
  it.each([
    ['after a NACK that ran nothing', refused('AGENT_BUSY'), core(), 1, true],
    ['elsewhere, when only this agent cannot', refused('CONTEXT_OVERFLOW'), core(), 2, true],
    ['not at the same agent for a fault of the request', refused('CONTEXT_OVERFLOW'), core(), 1, false],
    ['not when every agent would say the same', refused('CONTENT_INVALID'), core(), 2, false],
    ['not after what ran', refused('ENGINE_FAILED'), core(), 2, false],
    [
      'after what ran, if the sender allows it',
      refused('ENGINE_FAILED'),
      core({ maxAttempts: 3, afterOpen: true }),
      2,
      true,
    ],
    ['not beyond max_attempts', refused('AGENT_BUSY'), core({ maxAttempts: 1 }), 2, false],
    ['after silence', record({ state: 'late' }), core(), 1, true],
    ['not while it may still be accepted', record({ state: 'accepted' }), core(), 2, false],
    ['not once it is void', record({ state: 'late' }, { state: 'void' }), core(), 1, false],
    [
      'not while it runs, whatever it said before',
      record({ state: 'opened', code: CODES.AGENT_BUSY.wire }),
      core(),
      2,
      false,
    ],
    ['not after a refusal without a reason', record({ state: 'refused' }), core(), 2, false],
    ['not after an end that was cut, unless the sender allows it', cut('ENGINE_FAILED'), core(), 2, false],
    ['after an end that was cut, if the sender allows it', cut('ENGINE_FAILED'), core(AGAIN), 2, true],
    ['not after an end that the sender cut', cut('CANCELLED'), core(AGAIN), 2, false],
    ['not after a good end', record({ state: 'closed' }), core({ maxAttempts: 3, afterOpen: true }), 2, false],
  ] as const)('%s', (_, each, header, candidates, may) => {
    expect(mayTryAgain(each, header, candidates, 5_000)).toBe(may)
  })

  it('not after it expired', () => {
    expect(mayTryAgain(refused('AGENT_BUSY'), core(), 2, 10_000)).toBe(false)
  })
})

it('codeOfClose() names what the router saw, and nothing of what ended well', () => {
  expect(codeOfClose(OUTCOMES.ABORTED)).toBe('INTERRUPTED')
  expect(codeOfClose(OUTCOMES.STOP)).toBeUndefined()
})

describe('chooseAgent()', () => {
  const [a, b] = [new Uint8Array(32).fill(10), new Uint8Array(32).fill(11)]
  const names = ['0a'.repeat(32), '0b'.repeat(32)] as const
  const routed = {
    candidates: names,
    rule: { id: 'r', senders: [], candidates: [{ instance: a }, { instance: b, weight: 4 }] },
  }
  const load = (running: number, draining = false) => ({
    agent: { slots: 1, running, queued: 0, draining },
    waiting: 0,
  })

  it('prefers connected, then untried, then idle, then the order of the rule', () => {
    expect(chooseAgent(routed, new Map())).toBe(names[0])
    expect(chooseAgent(routed, new Map([[names[1], load(9)]]))).toBe(names[1])
    expect(chooseAgent(routed, new Map(names.map((name) => [name, load(0)])))).toBe(names[0])
    expect(
      chooseAgent(
        routed,
        new Map([
          [names[0], load(2)],
          [names[1], load(1)],
        ]),
      ),
    ).toBe(names[1])
    expect(
      chooseAgent(
        routed,
        new Map([
          [names[0], load(1)],
          [names[1], load(3)],
        ]),
      ),
    ).toBe(names[1])
    expect(
      chooseAgent(
        routed,
        new Map([
          [names[0], load(0, true)],
          [names[1], load(3)],
        ]),
      ),
    ).toBe(names[1])
    expect(chooseAgent(routed, new Map(names.map((name) => [name, load(0)])), [names[0]])).toBe(names[1])
  })
})
