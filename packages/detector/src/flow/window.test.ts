import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newPacket, type Packet, TCP } from '../capture/packet.ts'
import { trafficWindows, type WindowOptions } from './window.ts'

const packet = (of: Partial<Packet> = {}): Packet => ({
  ...newPacket(),
  timeUs: 0,
  protocol: TCP,
  source2: 0xffff,
  destination2: 0xffff,
  ...of,
})

interface Cut {
  group: string
  packets: number
  firstUs: number
}

function cut(packets: readonly Packet[], options: WindowOptions = {}) {
  const cuts: Cut[] = []
  const windows = trafficWindows(
    ({ group, packets: count, times }) => {
      cuts.push({ group, packets: count, firstUs: times[0]! })
    },
    { groups: ['destination'], minPackets: 1, seed: 7, ...options },
  )
  for (const one of packets) windows.add(one)
  windows.end()
  return { cuts, counts: windows.counts }
}

const many = (count: number, of: (i: number) => Partial<Packet>) =>
  Array.from({ length: count }, (_, i) => packet(of(i)))

describe('trafficWindows', () => {
  it('closes a window at 64 packets', () => {
    const { cuts } = cut(many(130, (i) => ({ timeUs: i })))
    expect(cuts.map(({ packets, firstUs }) => [packets, firstUs])).toEqual([
      [64, 0],
      [64, 64],
      [2, 128],
    ])
  })

  it('closes a window after 10 seconds, also by the traffic of others', () => {
    const closed: number[] = []
    const windows = trafficWindows(({ packets }) => closed.push(packets), { groups: ['destination'], minPackets: 1 })
    windows.add(packet({ destination3: 1 }))
    windows.add(packet({ destination3: 1, timeUs: 9_999_999 }))
    windows.add(packet({ destination3: 2, timeUs: 9_999_999 }))
    expect(closed).toEqual([])
    windows.add(packet({ destination3: 2, timeUs: 10_000_000 }))
    expect(closed).toEqual([2])
  })

  it('closes a window when the clock was set back', () => {
    expect(cut(many(4, (i) => ({ timeUs: i < 2 ? 50e6 : 1 }))).cuts).toHaveLength(2)
  })

  it('never closes by time what carries none', () => {
    expect(cut(many(70, () => ({ timeUs: Number.NaN }))).cuts.map(({ packets }) => packets)).toEqual([64, 6])
  })

  it('drops and counts windows with too few packets', () => {
    const { cuts, counts } = cut(
      many(10, (i) => ({ destination3: i < 8 ? 1 : 2 })),
      { minPackets: 8 },
    )
    expect(cuts).toHaveLength(1)
    expect(counts).toEqual({ closed: 1, dropped: 1, evicted: 0 })
  })

  it('holds no more than it may, and gives up the oldest', () => {
    const { cuts, counts } = cut(
      many(10, (i) => ({ destination3: i, timeUs: i })),
      { maxOpen: 4 },
    )
    expect(counts.evicted).toBe(6)
    expect(cuts.map(({ firstUs }) => firstUs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('puts both directions of a flow together, and no other flow', () => {
    const there = packet({ source3: 1, sourcePort: 1000, destination3: 2, destinationPort: 80 })
    const back = packet({ source3: 2, sourcePort: 80, destination3: 1, destinationPort: 1000 })
    const other = packet({ source3: 1, sourcePort: 80, destination3: 2, destinationPort: 1000 })
    const { cuts } = cut([there, back, there, other], { groups: ['flow'] })
    expect(cuts.map(({ packets }) => packets)).toEqual([3, 1])
  })

  it.each([{ maxPackets: 0 }, { maxDurationUs: Number.NaN }, { maxOpen: 0 }])('refuses %o', (options) => {
    expect(() => cut([], options)).toThrow(RangeError)
  })

  it('gives every packet to one window of each group, whatever comes', () => {
    const packets = fc.array(
      fc.record({
        timeUs: fc.oneof(fc.nat(60e6), fc.constant(Number.NaN)),
        source0: fc.constantFrom(0, -1),
        source3: fc.nat(3),
        destination3: fc.nat(3),
        sourcePort: fc.nat(2),
        destinationPort: fc.nat(2),
      }),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(
        packets,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        (of, maxPackets, maxOpen) => {
          const { cuts } = cut(of.map(packet), { groups: ['destination', 'source', 'flow'], maxPackets, maxOpen })
          for (const group of ['destination', 'source', 'flow']) {
            const counts = cuts.filter((one) => one.group === group).map(({ packets: count }) => count)
            expect(counts.reduce((sum, count) => sum + count, 0)).toBe(of.length)
            expect(Math.max(0, ...counts)).toBeLessThanOrEqual(maxPackets)
          }
        },
      ),
      { seed: 21, numRuns: 200 },
    )
  })
})
