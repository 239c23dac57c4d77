import { describe, expect, it } from 'vitest'
import { ethernet, ip4, udp } from '../../test/wire.ts'
import { ACK, FIN, FIRST_FRAGMENT, newPacket, type Packet, PSH, RST, SYN, TCP, UDP, URG } from '../capture/packet.ts'
import { formatAddress } from './address.ts'
import { rateBaselines } from './baseline.ts'
import { trafficWatch, type Verdict, type WatchOptions } from './watch.ts'

type Of = (i: number) => Partial<Packet>

/** Verdicts over `count` packets at `rate` a second. */
function watched(count: number, rate: number, of: Of, options: WatchOptions = {}): Verdict[] {
  const verdicts: Verdict[] = []
  const watch = trafficWatch((verdict) => verdicts.push(verdict), { seed: 5, ...options })
  for (let i = 0; i < count; i++) watch.packet(anyPacket(i, rate, of))
  watch.end()
  return verdicts
}

const anyPacket = (i: number, rate: number, of: Of): Packet => ({
  ...newPacket(),
  timeUs: (i * 1e6) / rate,
  source2: 0xffff,
  source3: 0x0a000001,
  destination2: 0xffff,
  destination3: 0xc0000201 | 0,
  ipBytes: 60,
  ...of(i),
})

const firedOn = (verdicts: readonly Verdict[], group = 'destination') =>
  [...new Set(verdicts.filter((one) => one.group === group).flatMap(({ rules }) => rules.map(({ id }) => id)))].sort()

const tcp =
  (tcpFlags: number, more: Of = () => ({})): Of =>
  (i) => ({
    protocol: TCP,
    tcpFlags,
    sourcePort: 1024 + i,
    destinationPort: 443,
    ...more(i),
  })
const fromAnywhere: Of = (i) => ({ source3: Math.imul(i, 0x9e3779b1) })

describe('rules', () => {
  it.each<[string, number, Of]>([
    ['F01', 100, tcp(SYN, fromAnywhere)],
    ['F02', 1000, tcp(SYN)],
    ['F03', 2, tcp(SYN | ACK, (i) => ({ source3: i % 12 }))],
    ['F04', 1000, tcp(ACK, fromAnywhere)],
    ['F05', 1000, tcp(RST, fromAnywhere)],
    ['F05', 1000, tcp(FIN | PSH | URG)],
    [
      'F06',
      1000,
      (i) => ({ protocol: UDP, sourcePort: 11_211, destinationPort: 80, source3: i % 9, payloadBytes: 1400 }),
    ],
    [
      'F07',
      5000,
      (i) => ({ ...fromAnywhere(i), protocol: UDP, sourcePort: i, destinationPort: 80, payloadBytes: 500 }),
    ],
    ['F08', 50_000, () => ({ protocol: UDP, sourcePort: 9, destinationPort: 80, payloadBytes: 1400 })],
    ['F09', 1000, () => ({ protocol: 1, icmpType: 8, icmpCode: 0 })],
    ['F10', 5000, (i) => ({ protocol: 17, fragment: FIRST_FRAGMENT, source3: i % 10, payloadBytes: 1400 })],
    ['S01', 3, tcp(SYN, (i) => ({ destinationPort: i + 1 }))],
  ])('%s fires at %i packets/s, and not on ordinary traffic of the same kind', (id, rate, of) => {
    expect(firedOn(watched(64 * 12, rate, of))).toContain(id)
    const own = { source3: 77, sourcePort: 5000, destinationPort: 443 }
    const ordinary: Of = (i) => ({
      ...of(i),
      ...(i % 4 !== 0 ? { ...own, protocol: TCP, tcpFlags: ACK | PSH, payloadBytes: 900, fragment: 0 } : {}),
    })
    expect(firedOn(watched(64 * 12, rate, ordinary))).toEqual([])
  })

  it.each([
    ['F01', 4, tcp(SYN, fromAnywhere)],
    ['F02', 90, tcp(SYN)],
    ['F04', 250, tcp(ACK, fromAnywhere)],
    ['F09', 90, (() => ({ protocol: 1, icmpType: 8, icmpCode: 0 })) as Of],
  ])('%s does not fire below its rate, at %i packets/s', (_, rate, of) => {
    expect(firedOn(watched(128, rate, of))).toEqual([])
  })

  it('S02 tells of the source that tries many hosts', () => {
    const verdicts = watched(
      64,
      10,
      tcp(SYN, (i) => ({ destination3: i })),
    )
    expect(firedOn(verdicts, 'source')).toEqual(['S02'])
    expect(verdicts.find(({ verdict }) => verdict === 'attack')?.subject).toBe('10.0.0.1')
  })

  it.each([
    ['a sweep', (i: number) => i, ['S02']],
    ['monitoring', (i: number) => i % 50, []],
  ])('S02 tells %s of pings from the other once it knows the source', (_, host, rules) => {
    const pings: Of = (i) => ({ protocol: 1, icmpType: 8, icmpCode: 0, destination3: host(i) })
    expect(firedOn(watched(64 * 4, 20, pings), 'source')).toEqual(rules)
  })

  it.each([
    ['a resolver', 1000, 200, []],
    ['many answers', 4000, 200, ['F06']],
    ['long answers', 1000, 1000, ['F06']],
  ])('F06 judges the first window of a host by rate and length: %s', (_, rate, payloadBytes, rules) => {
    const answers: Of = (i) => ({ protocol: UDP, sourcePort: 53, destinationPort: 7, source3: i % 9, payloadBytes })
    expect(firedOn(watched(64, rate, answers))).toEqual(rules)
  })

  it('F07 leaves a resolver alone, which gets its answers on ever new ports', () => {
    const resolver: Of = (i) => {
      const pair = i >> 1
      const [client, server] = [
        { port: 2000 + pair, host: 0xc0000201 | 0 },
        { port: 53, host: pair % 200 },
      ]
      const [from, to] = i % 2 === 0 ? [client, server] : [server, client]
      return {
        protocol: UDP,
        source3: from.host,
        destination3: to.host,
        sourcePort: from.port,
        destinationPort: to.port,
      }
    }
    expect(firedOn(watched(64 * 20, 4000, resolver))).toEqual([])
    const unasked: Of = (i) => (i % 2 === 0 && i > 128 ? { ...resolver(i), destination3: 5 } : resolver(i))
    expect(firedOn(watched(64 * 20, 4000, unasked))).toContain('F07')
  })

  it('gives the strongest rule first', () => {
    const [first] = watched(64, 1000, tcp(SYN, fromAnywhere)).filter(({ group }) => group === 'destination')
    expect(first).toMatchObject({ verdict: 'attack', subject: '192.0.2.1', packets: 64, startUs: 0 })
    expect(first?.rules.map(({ id }) => id)).toEqual(['F01', 'F02'])
  })
})

describe('baselines', () => {
  const acks = tcp(ACK, fromAnywhere)
  const own = 'destination 192.0.2.1'

  it('raise the limit of a host that usually gets as much', () => {
    const baselines = rateBaselines()
    expect(firedOn(watched(128, 2000, acks, { baselines }))).toEqual(['F04'])
    for (let i = 0; i < 20; i++) baselines.learn(own, 1800)
    expect(firedOn(watched(128, 2000, acks, { baselines }))).toEqual([])
    expect(firedOn(watched(128, 20_000, acks, { baselines }))).toEqual(['F04'])
  })

  it('say nothing of a host before 16 windows', () => {
    const baselines = rateBaselines()
    for (let i = 0; i < 15; i++) baselines.learn(own, 100)
    expect(baselines.limit(own)).toBeUndefined()
    baselines.learn(own, 100)
    expect(baselines.limit(own)).toBeCloseTo(400)
  })

  it('never learn from an attack', () => {
    const baselines = rateBaselines()
    watched(64 * 40, 2000, acks, { baselines })
    expect(baselines.limit(own)).toBeUndefined()
  })

  it('forget the host that was seen longest ago', () => {
    const baselines = rateBaselines(2)
    for (const host of ['a', 'b']) for (let i = 0; i < 16; i++) baselines.learn(host, 10)
    baselines.learn('a', 10)
    baselines.learn('c', 10)
    expect([baselines.limit('a'), baselines.limit('b')]).toEqual([expect.any(Number), undefined])
  })
})

describe('trafficWatch', () => {
  it('counts the frames that it cannot read', () => {
    const watch = trafficWatch(() => {})
    const data = ethernet(ip4(udp(4), { protocol: 17 }), 0x0806)
    watch.frame({ data, start: 0, end: data.length, wireBytes: data.length, timeUs: 0, linkType: 1 })
    expect(watch.skipped['not-ip']).toBe(1)
  })

  it('extracts features when asked', () => {
    expect(watched(64, 10, tcp(ACK))[0]?.features).toBeUndefined()
    expect(watched(64, 10, tcp(ACK), { withFeatures: ['destination'] })[0]?.features?.[0]).toBe(64)
  })

  it('names both ends of a flow', () => {
    const [verdict] = watched(8, 10, () => ({ protocol: TCP, sourcePort: 5000, destinationPort: 80 }), {
      groups: ['flow'],
    })
    expect(verdict?.subject).toBe('192.0.2.1 port 80 and 10.0.0.1 port 5000, protocol 6')
  })

  it('spells IPv6', () => {
    expect(formatAddress(0x20010db8, 0, 0, 9)).toBe('2001:db8:0:0:0:0:0:9')
  })
})
