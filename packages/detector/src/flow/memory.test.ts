import { describe, expect, it } from 'vitest'
import { newPacket, type Packet, RST, SYN, TCP, UDP } from '../capture/packet.ts'
import { hostMemory } from './memory.ts'
import { newTally, type Tally } from './tally.ts'
import { trafficWindows } from './window.ts'

const HOST = 1

/** What is recalled of each window that goes to the host. */
function recalled(packets: Iterable<Partial<Packet>>, memory = hostMemory()): Partial<Tally>[] {
  const found: Partial<Tally>[] = []
  const { fill } = newTally(64)
  const windows = trafficWindows(
    (window) => {
      const tally = fill(window)
      memory.recall(window, tally)
      const { strangers, unasked, sustainedRate } = tally
      if (window.key[3] === HOST) found.push({ strangers, unasked, sustainedRate })
    },
    { groups: ['destination'], seed: 4, onPacket: memory.sent },
  )
  for (const of of packets) windows.add({ ...newPacket(), protocol: UDP, destination3: HOST, ...of })
  windows.end()
  return found
}

const each = (count: number, of: (i: number) => Partial<Packet>) => Array.from({ length: count }, (_, i) => of(i))
const stranger = (i: number) => ({ timeUs: i * 100, source3: 1000 + i, sourcePort: 7, destinationPort: 80 })
const regular = (i: number) => ({ ...stranger(i), source3: 1000 + (i % 64) })

describe('hostMemory', () => {
  it('knows nothing of the first window', () => {
    expect(recalled(each(64, stranger))[0]).toEqual({
      strangers: Number.NaN,
      unasked: Number.NaN,
      sustainedRate: Number.NaN,
    })
  })

  it('tells strangers from those who came before', () => {
    const [, strange] = recalled(each(128, stranger))
    const [, known] = recalled(each(128, regular))
    expect(strange!.strangers).toBeGreaterThan(60)
    expect(known!.strangers).toBe(0)
  })

  it('takes another port of the same sender for a stranger', () => {
    const [, again] = recalled(each(128, (i) => ({ ...regular(i), sourcePort: i })))
    expect(again!.strangers).toBeGreaterThan(60)
  })

  it('leaves later fragments out: they show no ports', () => {
    const [, half] = recalled(each(128, (i) => ({ ...stranger(i), fragment: i % 2 === 0 ? 2 : 1 })))
    expect(half!.strangers).toBeLessThanOrEqual(32)
    expect(half!.strangers).toBeGreaterThan(28)
  })

  it('forgets who has not come for two generations, and keeps telling strangers after many', () => {
    const many = recalled([...each(64, regular), ...each(64 * 40, (i) => stranger(i + 5000)), ...each(64, regular)])
    expect(many.at(-1)!.strangers).toBeGreaterThan(32)
    for (const { strangers } of many.slice(1, -1)) expect(strangers).toBeGreaterThan(0.6 * 64)
  })

  it.each<[string, Partial<Packet>, boolean]>([
    ['a question over UDP', {}, true],
    ['SYN', { protocol: TCP, tcpFlags: SYN }, true],
    ['RST, which is a refusal,', { protocol: TCP, tcpFlags: RST }, false],
    ['ICMP, which is one too,', { protocol: 1 }, false],
  ])('takes packets for answers after %s: %s', (_, question, isAnswered) => {
    const asked = each(64, (i) => ({
      timeUs: i,
      source3: HOST,
      destination3: 9000 + i,
      sourcePort: 80,
      destinationPort: 7,
      ...question,
    }))
    const answers = each(64, (i) => ({ ...stranger(i), source3: 9000 + i }))
    const [, second] = recalled([...each(64, regular), ...asked, ...answers])
    expect(second!.unasked! < 8).toBe(isAnswered)
    expect(second!.unasked! > 56).toBe(!isAnswered)
  })

  it('measures the rate over eight windows and more: a burst is no flood', () => {
    const bursts = each(64 * 16, (i) => ({ ...regular(i), timeUs: Math.floor(i / 64) * 1e6 + (i % 64) }))
    const found = recalled(bursts)
    expect(found[6]!.sustainedRate).toBeNaN()
    expect(found[15]!.sustainedRate).toBeCloseTo((64 * 16) / 15, 0)
  })

  it('keeps one host a place, and starts anew when another took it', () => {
    const other = each(64, (i) => ({ ...stranger(i), destination3: 2 }))
    const found = recalled([...each(64, regular), ...other, ...each(64, regular)], hostMemory(1))
    expect(found[1]!.strangers).toBeNaN()
  })

  it('refuses a number of hosts that no mask picks', () => {
    expect(() => hostMemory(1000)).toThrow(/power of two/)
  })
})
