import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACK, CWR, newPacket, type Packet, SYN, TCP, UDP } from '../capture/packet.ts'
import { extractFeatures, FEATURES, MODEL_FEATURES } from './feature.ts'
import { newTally } from './tally.ts'
import { trafficWindows } from './window.ts'

/** The features by name of one window of these packets. */
function featuresOf(packets: readonly Partial<Packet>[]): Record<string, number> {
  const { fill } = newTally(64)
  const values = new Float64Array(FEATURES.length)
  const windows = trafficWindows((window) => extractFeatures(fill(window), values), {
    groups: ['destination'],
    minPackets: 1,
    seed: 3,
    maxDurationUs: Number.POSITIVE_INFINITY,
  })
  for (const of of packets) windows.add({ ...newPacket(), timeUs: 0, ...of })
  windows.end()
  return Object.fromEntries(FEATURES.map(({ name }, i) => [name, values[i]!]))
}

describe('features', () => {
  it('are worked out by hand for four packets', () => {
    const features = featuresOf([
      { timeUs: 0, protocol: TCP, tcpFlags: SYN | CWR, ipBytes: 40, source3: 1, sourcePort: 10, destinationPort: 80 },
      { timeUs: 1e6, protocol: TCP, tcpFlags: ACK, ipBytes: 40, source3: 1, sourcePort: 10, destinationPort: 80 },
      { timeUs: 1e6, protocol: UDP, ipBytes: 100, payloadBytes: 72, source3: 2, sourcePort: 9, destinationPort: 53 },
      { timeUs: 3e6, protocol: 47, ipBytes: 220, payloadBytes: 200, source3: 3, extraBytes: 4 },
    ])
    expect(features).toMatchObject({
      packets: 4,
      duration: 3,
      'rate.packets': 1,
      'rate.bytes': 400 / 3,
      'gap.mean': 1e6,
      'gap.median': 1e6,
      'gap.burst': 1 / 3,
      'gap.deviation.relative': Math.sqrt(2 / 3),
      'size.mean': 100,
      'size.deviation': Math.sqrt(5400),
      'size.median': 70,
      'size.distinct': 0.75,
      'size.entropy': 1.5,
      'payload.empty': 0.5,
      'protocol.tcp': 0.5,
      'ip.extra': 0.25,
      'tcp.syn': 0.5,
      'tcp.ecn': 0.5,
      'tcp.odd-flags': 0,
      'tcp.ack-only': 0.5,
      'source.address.distinct': 0.75,
      'source.address.entropy': 1.5,
      'destination.address.distinct': 0.25,
      'destination.port.distinct': 2 / 3,
    })
  })

  it('have unique names and a NaN rule each', () => {
    expect(new Set(FEATURES.map(({ name }) => name)).size).toBe(FEATURES.length)
    expect(FEATURES.every(({ nan }) => nan.length > 0)).toBe(true)
  })

  it('keep rates and times from models', () => {
    expect(MODEL_FEATURES.filter((name) => /^(rate|duration)|gap\.(mean|median)$/.test(name))).toEqual([])
  })

  it('are NaN as the table says, and never where it says never', () => {
    const none = featuresOf([{ protocol: UDP, timeUs: Number.NaN }])
    for (const { name, nan } of FEATURES) {
      if (nan !== 'never') expect([name, none[name]]).toEqual([name, Number.NaN])
    }
    const any = fc.array(
      fc.record({
        timeUs: fc.double({ noNaN: false, noDefaultInfinity: true }),
        protocol: fc.nat(255),
        tcpFlags: fc.nat(255),
        ipBytes: fc.nat(65_535),
        payloadBytes: fc.nat(65_535),
      }),
      { minLength: 1, maxLength: 64 },
    )
    fc.assert(
      fc.property(any, (packets) => {
        const features = featuresOf(packets)
        for (const { name, nan, unit } of FEATURES) {
          if (nan === 'never') expect([name, Number.isFinite(features[name])]).toEqual([name, true])
          if (unit === 'ratio' && !name.startsWith('gap') && !Number.isNaN(features[name])) {
            expect(features[name]).toBeGreaterThanOrEqual(0)
            expect(features[name]).toBeLessThanOrEqual(1)
          }
        }
      }),
      { seed: 31, numRuns: 200 },
    )
  })

  it('do not change with the addresses, ports and time of the traffic, only with their shape', () => {
    const shape = fc.array(
      fc.record({ host: fc.nat(5), port: fc.integer({ min: 1, max: 6 }), gap: fc.nat(1000), ipBytes: fc.nat(1500) }),
      { minLength: 8, maxLength: 64 },
    )
    const moved = (of: { host: number; port: number; gap: number; ipBytes: number }[], by: number) => {
      let timeUs = by * 1e9
      return of.map(({ host, port, gap, ipBytes }) => {
        timeUs += gap
        return { timeUs, protocol: UDP, source3: host + by, sourcePort: port + by, destinationPort: 7 + by, ipBytes }
      })
    }
    fc.assert(
      fc.property(shape, fc.integer({ min: 20_000, max: 40_000 }), (of, by) => {
        const [here, there] = [featuresOf(moved(of, 0)), featuresOf(moved(of, by))]
        for (const name of MODEL_FEATURES) expect([name, there[name]]).toEqual([name, here[name]])
      }),
      { seed: 32, numRuns: 100 },
    )
  })

  it('need room', () => {
    const { tally } = newTally(64)
    expect(() => extractFeatures(tally, new Float64Array(3))).toThrow(RangeError)
  })
})
