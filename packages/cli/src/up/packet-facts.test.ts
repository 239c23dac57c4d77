import type { PacketFact } from '@mystranet/detector/anomaly'
import { describe, expect, it } from 'vitest'
import { packetFacts } from './packet-facts.ts'

const START_MS = 1_700_000_000_000
const id = (name: string) => new Uint8Array(32).fill(name.charCodeAt(0))
const fact = (name: string, over: Partial<PacketFact> = {}): PacketFact => ({
  timeMs: START_MS + 1_000,
  kind: 'REQUEST',
  id: id(name),
  sender: id('s'),
  senderKey: id('k'),
  epoch: 1n,
  seq: 1n,
  bytes: 100,
  outcome: 'taken',
  ...over,
})
const leaf = (name: string, kind = 'request', timeMs = START_MS + 900) => ({ kind, subject: id(name), timeMs })

function setup() {
  const given: string[] = []
  const packet = ({ id: [letter], outcome }: PacketFact) =>
    void given.push(`${String.fromCharCode(letter as number)} ${outcome}`)
  return { given, facts: packetFacts({ packet }, START_MS) }
}

describe('packetFacts', () => {
  it('gives a fact before its leaf, and none before leaves of an earlier start', () => {
    const { facts, given } = setup()
    facts.take(fact('a'))
    facts.before(leaf('x', 'request', START_MS - 1))
    expect(given).toEqual([])
    facts.before(leaf('a'))
    expect(given).toEqual(['a taken'])
  })

  it('keeps a fact that is far ahead of the leaves that are read', () => {
    const { facts, given } = setup()
    facts.take(fact('a'))
    facts.take(fact('b', { timeMs: START_MS + 100_000 }))
    facts.before(leaf('a'))
    expect(given).toEqual(['a taken'])
    facts.drain()
    expect(given).toEqual(['a taken', 'b taken'])
  })

  it('gives a late fact of a request that the watch waits for, and of no reply, nor of the first request', () => {
    const { facts, given } = setup()
    facts.before(leaf('a'))
    facts.before(leaf('r', 'ack'))
    facts.take(fact('a'))
    facts.take(fact('r', { kind: 'ACK' }))
    facts.take(fact('b'))
    facts.drain()
    expect(given).toEqual(['b taken'])
    facts.before(leaf('c'))
    facts.take(fact('c'))
    facts.drain()
    expect(given).toEqual(['b taken', 'c taken'])
  })

  it.each(['known', 'LOG_UNCONFIRMED', 'STORE_FAILED', 'PACKET_EXPIRED', 'INTERNAL'])(
    'takes a request that came in as %s for taken, once its leaf is there',
    (outcome) => {
      const { facts, given } = setup()
      facts.take(fact('z'))
      facts.take(fact('a', { outcome }))
      facts.drain()
      expect(given).toEqual(['z taken', `a ${outcome}`])
      facts.before(leaf('a'))
      facts.before(leaf('b'))
      facts.take(fact('b', { outcome }))
      facts.drain()
      expect(given).toEqual(['z taken', `a ${outcome}`, 'a taken', `b ${outcome}`, 'b taken'])
    },
  )

  it('takes no request for taken that was refused before anything was logged, and none twice', () => {
    const { facts, given } = setup()
    facts.take(fact('a', { outcome: 'RATE_LIMITED' }))
    facts.take(fact('b'))
    facts.drain()
    for (const name of ['a', 'b']) facts.before(leaf(name))
    facts.take(fact('b', { outcome: 'known' }))
    facts.drain()
    expect(given).toEqual(['a RATE_LIMITED', 'b taken', 'b known'])
  })

  it('keeps copies, and is blind from the fact on that it cannot keep', () => {
    const { facts, given } = setup()
    const own = fact('a')
    facts.take(own)
    own.id.fill(0x62)
    facts.drain()
    expect(given).toEqual(['a taken'])
    for (let i = 0; i < 65_536; i++) facts.take(own)
    expect(facts.isBlind).toBe(false)
    facts.take(own)
    expect(facts.isBlind).toBe(true)
    facts.drain()
    expect(given).toHaveLength(1)
  })
})
