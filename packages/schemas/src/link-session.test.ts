import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  beginsSession,
  createLinkSession,
  goneDatagram,
  LINK_SILENCE_MS,
  type LinkSession,
  type SessionEnd,
} from './link-session.ts'
import { MAX_LINK_MESSAGE_BYTES } from './link-wire.ts'

interface End {
  readonly session: LinkSession
  readonly got: Uint8Array[]
  readonly sent: Uint8Array[]
  why: SessionEnd | undefined
}

function end(datagramBytes = 256): End {
  const self: { -readonly [Name in keyof End]: End[Name] } = {
    got: [],
    sent: [],
    why: undefined,
    session: createLinkSession({
      datagramBytes,
      nowMs: 0,
      send: (datagram) => self.sent.push(datagram),
      receive: (message) => self.got.push(message),
      ended: (why) => {
        expect(self.why).toBeUndefined()
        self.why = why
      },
    }),
  }
  return self
}

const carry = (from: End, to: End, nowMs: number, isLost: () => boolean = () => false) => {
  for (const datagram of from.sent.splice(0)) if (!isLost()) to.session.take(datagram, nowMs)
}

describe('a session of a link', () => {
  it('brings messages whole, once and in order, whatever the carrier loses, doubles and swaps', () => {
    const message = fc.uint8Array({ maxLength: 900 }).map((each) => Uint8Array.from(each))
    const fates = fc.array(fc.constantFrom('carry', 'lose', 'double', 'late'), { minLength: 20, maxLength: 60 })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(message, { maxLength: 12 }),
        fates,
        (up, down, all) => {
          const [a, b] = [end(), end()]
          let step = 0
          const unruly = (from: End, to: End, nowMs: number) => {
            const late: Uint8Array[] = []
            for (const datagram of from.sent.splice(0)) {
              const fate = all[step++ % all.length]
              if (fate === 'late') late.push(datagram)
              if (fate === 'carry' || fate === 'double') to.session.take(datagram, nowMs)
              if (fate === 'double') to.session.take(datagram, nowMs)
            }
            for (const datagram of late) to.session.take(datagram, nowMs)
          }
          for (const each of up) a.session.send(each, 0)
          for (const each of down) b.session.send(each, 0)
          let nowMs = 0
          for (let round = 0; round < 40; round++) {
            unruly(a, b, nowMs)
            unruly(b, a, nowMs)
            nowMs += 50
            a.session.tick(nowMs)
            b.session.tick(nowMs)
          }
          // The carrier is well again.
          for (let round = 0; round < 200; round++) {
            carry(a, b, nowMs)
            carry(b, a, nowMs)
            nowMs += 50
            a.session.tick(nowMs)
            b.session.tick(nowMs)
          }
          expect([a.why, b.why, a.session.isIdle, b.session.isIdle]).toEqual([undefined, undefined, true, true])
          expect(b.got).toEqual(up)
          expect(a.got).toEqual(down)
        },
      ),
      { seed: 11, numRuns: 60 },
    )
  })

  it('sends again at once when the carrier is back', () => {
    const [a, b] = [end(), end()]
    a.session.send(Uint8Array.of(1), 0)
    a.sent.length = 0
    a.session.tick(100)
    expect(a.sent).toEqual([])
    a.session.renew(100)
    carry(a, b, 100)
    expect(b.got).toEqual([Uint8Array.of(1)])
  })

  it('ends when the other end is silent, says that it closed, or does not know it', () => {
    const [a, b] = [end(), end()]
    a.session.tick(LINK_SILENCE_MS - 1)
    expect(a.why).toBeUndefined()
    a.session.tick(LINK_SILENCE_MS)
    expect(a.why).toBe('silent')
    const c = end()
    b.session.close()
    carry(b, c, 0)
    expect(c.why).toBe('closed')
    const d = end()
    d.session.take(goneDatagram(), 0)
    expect(d.why).toBe('gone')
    d.session.send(Uint8Array.of(1), 0)
    expect(d.sent).toEqual([])
  })

  it('asks whether anybody is there, and answers', () => {
    const [a, b] = [end(), end()]
    for (let nowMs = 0; nowMs <= 5 * LINK_SILENCE_MS; nowMs += 50) {
      a.session.tick(nowMs)
      carry(a, b, nowMs)
      carry(b, a, nowMs)
    }
    expect(a.why).toBeUndefined()
  })

  it('ends when the other end does not keep up, or sends more parts than a message has', () => {
    const a = end(1 << 20)
    for (let i = 0; i < 9; i++) a.session.send(new Uint8Array(8 * 1024 * 1024), 0)
    expect(a.why).toBe('overrun')
    const b = end()
    const part = new Uint8Array(9 + 1024 * 1024)
    part[0] = 2
    for (let i = 1; b.why === undefined && i < 20; i++) {
      new DataView(part.buffer).setUint32(1, i)
      b.session.take(part, 0)
    }
    expect(b.why).toBe('malformed')
    expect(() => end().session.send(new Uint8Array(MAX_LINK_MESSAGE_BYTES + 1), 0)).toThrow(RangeError)
  })

  it('ignores acknowledgements of what was never sent', () => {
    const [a, b] = [end(), end()]
    a.session.send(Uint8Array.of(7), 0)
    a.session.take(Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 9), 0)
    expect(a.session.isIdle).toBe(false)
    carry(a, b, 0)
    b.session.tick(50)
    carry(b, a, 50)
    expect(a.session.isIdle).toBe(true)
  })

  it('survives hostile datagrams', () => {
    const hostile = fc.tuple(fc.nat(9), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), fc.uint8Array())
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 30 }), fc.nat(12), (all, cut) => {
        const a = end()
        a.session.send(Uint8Array.of(1, 2, 3), 0)
        for (const [kind, number, acknowledged, payload] of all) {
          const bytes = new Uint8Array(9 + payload.length)
          bytes.set([kind, 0, 0, 0, number, 0, 0, 0, acknowledged])
          bytes.set(payload, 9)
          beginsSession(bytes)
          a.session.take(bytes.subarray(0, bytes.length - Math.min(cut, bytes.length)), 0)
        }
        a.session.tick(1_000)
      }),
      { seed: 12, numRuns: 2_000 },
    )
  })

  it('begins with number 1 only', () => {
    const a = end()
    a.session.send(Uint8Array.of(1), 0)
    a.session.send(Uint8Array.of(2), 0)
    expect(a.sent.map(beginsSession)).toEqual([true, false])
    expect(beginsSession(goneDatagram())).toBe(false)
  })
})
