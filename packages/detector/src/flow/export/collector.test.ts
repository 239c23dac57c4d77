import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { be16, be32, bytes, ethernet, ip4, ip6, tcp, udp } from '../../../test/wire.ts'
import { flowCollector } from './collector.ts'
import type { FlowRecord } from './record.ts'
import type { TemplateLimits } from './template.ts'

const SENT = 1_700_000_000
const NOW = SENT * 1000
const be64 = (value: bigint) => [...be32(Number(value >> 32n)), ...be32(Number(value & 0xffff_ffffn))]

function collector(limits?: TemplateLimits) {
  const records: FlowRecord[] = []
  const { push, counts } = flowCollector((record) => records.push(record), limits)
  return {
    records,
    counts,
    push: (datagram: Uint8Array, exporter = 'a', nowMs = NOW) => push(datagram, exporter, nowMs),
  }
}

type Field = readonly [id: number, length: number, enterprise?: number]
const set = (id: number, ...body: (number[] | Uint8Array)[]) => {
  const inner = bytes(...body)
  return bytes(be16(id), be16(inner.length + 4), inner)
}
const specifiers = (fields: readonly Field[]) =>
  bytes(
    ...fields.map(([id, length, enterprise]) =>
      enterprise === undefined
        ? [...be16(id), ...be16(length)]
        : [...be16(id | 0x8000), ...be16(length), ...be32(enterprise)],
    ),
  )
const template = (id: number, ...fields: Field[]) => bytes(be16(id), be16(fields.length), specifiers(fields))
const ipfix = (...sets: Uint8Array[]) => {
  const body = bytes(...sets)
  return bytes(be16(10), be16(16 + body.length), be32(SENT), be32(1), be32(77), body)
}
/** An exporter that has run for 100 s. */
const netflow9 = (...sets: Uint8Array[]) =>
  bytes(be16(9), be16(sets.length), be32(100_000), be32(SENT), be32(1), be32(42), ...sets)

const record5 = bytes(
  [198, 51, 100, 7, 192, 0, 2, 1, 0, 0, 0, 0],
  [...be16(1), ...be16(2), ...be32(10), ...be32(840), ...be32(90_000), ...be32(99_000)],
  [...be16(40_000), ...be16(443), 0, 0x12, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0],
)
const netflow5 = bytes(
  [...be16(5), ...be16(1), ...be32(100_000), ...be32(SENT), ...be32(500_000_000), ...be32(1), 3, 4, ...be16(0x4064)],
  record5,
)

describe('NetFlow v5', () => {
  it('reads a record laid out by hand', () => {
    const { push, records } = collector()
    push(netflow5)
    expect(records).toEqual([
      {
        protocol: 'netflow5',
        exporter: 'a',
        domain: 0x0304,
        source: bytes(198, 51, 100, 7),
        destination: bytes(192, 0, 2, 1),
        ipProtocol: 6,
        sourcePort: 40_000,
        destinationPort: 443,
        tcpFlags: 0x12,
        icmpTypeCode: undefined,
        packets: 10n,
        bytes: 840n,
        samplingEvery: 100,
        startMs: NOW + 500 - 10_000,
        endMs: NOW + 500 - 1000,
      },
    ])
  })

  it('keeps nothing of a datagram whose memory is used again', () => {
    const { push, records } = collector()
    const datagram = Buffer.from(netflow5)
    push(datagram)
    datagram.fill(0)
    expect(records[0]?.source).toEqual(bytes(198, 51, 100, 7))
  })

  it('follows the uptime over its wrap', () => {
    const { push, records } = collector()
    const wrapped = netflow5.slice()
    wrapped.set(be32(1000), 4)
    wrapped.set(be32(2 ** 32 - 500), 24 + 24)
    push(wrapped)
    expect(records[0]?.startMs).toBe(NOW + 500 - 1500)
  })

  it.each([
    ['shorter than its count', netflow5.subarray(0, -1)],
    ['longer than its count', bytes(netflow5, 0)],
    ['without a record', netflow5.subarray(0, 24).with(3, 0)],
    ['a count of 31', bytes(netflow5.subarray(0, 24).with(3, 31), new Uint8Array(31 * 48))],
    ['cut in the header', netflow5.subarray(0, 23)],
  ])('counts a datagram as malformed: %s', (_, datagram) => {
    const { push, records, counts } = collector()
    push(datagram)
    expect([records.length, counts.malformed]).toEqual([0, 1])
  })
})

describe('NetFlow v9', () => {
  const fields: Field[] = [
    [8, 4],
    [12, 4],
    [22, 4],
    [21, 4],
    [7, 2],
    [11, 2],
    [4, 1],
    [6, 1],
    [2, 4],
    [1, 4],
    [10, 2],
  ]
  const data = bytes(
    [198, 51, 100, 7, 192, 0, 2, 1, ...be32(90_000), ...be32(99_000), ...be16(53), ...be16(4000)],
    [17, 0, ...be32(3), ...be32(4200), ...be16(8)],
  )

  it('reads templates and data, padding and all', () => {
    const { push, records, counts } = collector()
    push(netflow9(set(0, template(256, ...fields), [0, 0, 0, 0]), set(256, data, data, [0, 0])))
    expect(counts).toMatchObject({ templates: 1, records: 2, malformed: 0, unknownFields: 2 })
    expect(records[1]).toMatchObject({
      protocol: 'netflow9',
      domain: 42,
      source: bytes(198, 51, 100, 7),
      sourcePort: 53,
      destinationPort: 4000,
      packets: 3n,
      bytes: 4200n,
      startMs: NOW - 10_000,
      endMs: NOW - 1000,
    })
  })

  it('takes the sampling from options', () => {
    const { push, records } = collector()
    const options = set(
      1,
      [...be16(257), ...be16(4), ...be16(8)],
      specifiers([
        [1, 4],
        [34, 4],
        [35, 1],
      ]),
      [0, 0],
    )
    push(netflow9(options, set(257, be32(9), be32(1000), [2], [0, 0, 0])))
    push(netflow9(set(0, template(256, ...fields)), set(256, data)))
    expect(records[0]?.samplingEvery).toBe(1000)
  })
})

describe('IPFIX', () => {
  it('reads IPv6, reduced sizes, variable lengths and fields of enterprises', () => {
    const { push, records, counts } = collector()
    const fields: Field[] = [
      [27, 16],
      [28, 16],
      [1, 3],
      [2, 8],
      [82, 0xffff],
      [9, 2, 35_632],
      [152, 8],
      [154, 8],
      [4, 1],
      [6, 2],
    ]
    const host = Array.from({ length: 16 }, (_, i) => i)
    const long = new Uint8Array(300)
    const flow = (name: Uint8Array) =>
      bytes(
        host,
        host.toReversed(),
        [1, 0, 0, ...be64(2n ** 40n)],
        name,
        [0, 1, ...be64(BigInt(NOW)), ...be32(SENT + 2_208_988_800), ...be32(2 ** 31)],
        [6, 1, 0x12],
      )
    push(ipfix(set(2, template(300, ...fields)), set(300, flow(bytes(2, 65, 66)), flow(bytes(255, be16(300), long)))))
    expect(counts).toMatchObject({ records: 2, malformed: 0, unknownFields: 4 })
    expect(records[1]).toMatchObject({
      protocol: 'ipfix',
      domain: 77,
      source: bytes(host),
      bytes: 65_536n,
      packets: 2n ** 40n,
      startMs: NOW + 500,
      tcpFlags: 0x12,
    })
  })

  const one = template(256, [2, 4])
  const value = set(256, be32(5))

  it('counts data before its template, and takes no template from others', () => {
    const { push, counts } = collector()
    push(ipfix(value))
    push(ipfix(set(2, one)), 'b')
    push(netflow9(set(0, one)))
    push(ipfix(value))
    expect(counts).toMatchObject({ withoutTemplate: 2, records: 0 })
    push(ipfix(set(2, one), value))
    expect(counts.records).toBe(1)
  })

  it('forgets a template when it is withdrawn, and all of a kind', () => {
    const { push, counts } = collector()
    const options = set(
      3,
      [...be16(400), ...be16(2), ...be16(1)],
      specifiers([
        [149, 4],
        [160, 8],
      ]),
    )
    push(ipfix(set(2, one), set(2, template(257, [2, 4])), options))
    push(ipfix(set(2, [...be16(256), 0, 0]), value))
    expect(counts).toMatchObject({ withdrawn: 1, withoutTemplate: 1 })
    push(ipfix(set(2, [0, 2, 0, 0]), set(257, be32(5)), set(400, be32(77), be64(1n))))
    expect(counts).toMatchObject({ withdrawn: 2, withoutTemplate: 2 })
    push(ipfix(set(3, [0, 3, 0, 0]), set(400, be32(77), be64(1n))))
    expect(counts).toMatchObject({ withdrawn: 3, withoutTemplate: 3 })
  })

  it('counts uptimes from the start that options told', () => {
    const { push, records } = collector()
    push(
      ipfix(
        set(
          3,
          [...be16(400), ...be16(2), ...be16(1)],
          specifiers([
            [149, 4],
            [160, 8],
          ]),
        ),
      ),
    )
    push(ipfix(set(400, be32(77), be64(BigInt(NOW - 5000)))))
    push(ipfix(set(2, template(256, [22, 4])), set(256, be32(1000))))
    expect(records[0]?.startMs).toBe(NOW - 4000)
  })

  it('forgets a template after its lifetime', () => {
    const { push, counts } = collector({ lifetimeMs: 1000 })
    push(ipfix(set(2, one)))
    push(ipfix(value), 'a', NOW + 1000)
    push(ipfix(value), 'a', NOW + 1001)
    expect(counts).toMatchObject({ records: 1, expired: 1, withoutTemplate: 1 })
  })

  it('holds no more domains and templates than it may', () => {
    const { push, counts } = collector({ maxDomains: 2, maxTemplates: 2 })
    push(ipfix(set(2, one, template(257, [2, 4]), template(258, [2, 4]))))
    expect(counts.evicted).toBe(1)
    push(ipfix(value))
    expect(counts.withoutTemplate).toBe(1)
    push(ipfix(), 'b')
    push(ipfix(), 'c')
    expect(counts.evicted).toBe(2)
    push(ipfix(set(258, be32(5))))
    expect(counts.withoutTemplate).toBe(2)
  })

  it.each([
    ['an id below 256', template(255, [2, 4])],
    ['no length', template(256, [2, 0])],
    ['513 fields', bytes(be16(256), be16(513), new Uint8Array(513 * 4).fill(1))],
    ['fields past its set', template(256, [2, 4]).subarray(0, 6)],
    ['an enterprise past its set', template(256, [2, 4, 9]).subarray(0, 8)],
  ])('refuses a template with %s', (_, malformed) => {
    const { push, counts } = collector()
    push(ipfix(set(2, malformed)))
    expect(counts).toMatchObject({ malformedTemplates: 1, templates: 0 })
  })

  it.each([
    ['a set of 3 bytes', ipfix(bytes(be16(256), be16(3)))],
    ['a set past its message', ipfix(bytes(be16(256), be16(5)))],
    ['a message of another length', bytes(ipfix(), 0)],
    ['a value past its set', ipfix(set(2, template(256, [82, 0xffff])), set(256, [4, 65]))],
    ['a long value past its set', ipfix(set(2, template(256, [82, 0xffff])), set(256, [255, 0]))],
  ])('counts %s as malformed', (_, datagram) => {
    const { push, records, counts } = collector()
    push(datagram)
    expect([records.length, counts.malformed]).toEqual([0, 1])
  })
})

describe('sFlow v5', () => {
  const entry = (format: number, ...body: (number[] | Uint8Array)[]) => {
    const inner = bytes(...body)
    return bytes(be32(format), be32(inner.length), inner, new Uint8Array((4 - (inner.length % 4)) % 4))
  }
  const datagram = (...samples: Uint8Array[]) =>
    bytes([be32(5), be32(1)].flat(), [192, 0, 2, 9], be32(6), be32(1), be32(2), be32(samples.length), ...samples)
  const sample = (...entries: Uint8Array[]) =>
    entry(
      1,
      be32(1),
      be32(2),
      be32(512),
      [...be32(0), ...be32(0), ...be32(1), ...be32(2)],
      be32(entries.length),
      ...entries,
    )
  const rawHeader = (protocol: number, header: Uint8Array, wireBytes = header.length) =>
    entry(1, be32(protocol), be32(wireBytes), be32(4), be32(header.length), header)

  it('reads a raw header that was cut', () => {
    const { push, records } = collector()
    const frame = ethernet(ip4(tcp({ flags: 2, payload: 1000 })))
    push(datagram(sample(rawHeader(1, frame.subarray(0, 61), frame.length))))
    expect(records).toEqual([
      expect.objectContaining({
        protocol: 'sflow5',
        domain: 6,
        source: bytes(198, 51, 100, 7),
        destinationPort: 443,
        tcpFlags: 2,
        packets: 1n,
        bytes: 1040n,
        samplingEvery: 512,
        startMs: NOW,
      }),
    ])
  })

  it('reads IPv6 headers, fields of IPv4 and of IPv6, and expanded samples', () => {
    const { push, records } = collector()
    const ports = [...be32(53), ...be32(4000), ...be32(0), ...be32(0)]
    const v4 = entry(3, be32(90), be32(17), [198, 51, 100, 7], [192, 0, 2, 1], ports)
    const v6 = entry(4, be32(91), be32(17), new Uint8Array(16), new Uint8Array(16).fill(1), ports)
    const expanded = entry(3, new Uint8Array(12), be32(64), new Uint8Array(24), be32(1), v6)
    push(datagram(sample(rawHeader(12, ip6(udp(4), 17))), sample(v4), expanded))
    expect(records.map(({ bytes: size, source, samplingEvery }) => [size, source?.length, samplingEvery])).toEqual([
      [52n, 16, 512],
      [90n, 4, 512],
      [91n, 16, 64],
    ])
  })

  it('skips counters and samples of others, and counts samples without an IP packet', () => {
    const { push, counts } = collector()
    push(datagram(entry(2, be32(1)), entry((4413 << 12) | 1), sample(rawHeader(1, new Uint8Array(20))), sample()))
    expect(counts).toMatchObject({ otherSamples: 2, unreadableSamples: 2, malformed: 0, records: 0 })
  })

  const whole = datagram(sample(rawHeader(11, ip4(tcp()))))
  it.each([
    ['ends inside a sample', whole.subarray(0, -4)],
    ['ends inside its header', whole.subarray(0, 20)],
    ['names no family of its agent', whole.with(7, 3)],
    ['promises more samples', whole.with(27, 2)],
    ['promises more entries', whole.with(28 + 8 + 31, 2)],
  ])('counts as malformed what %s', (_, input) => {
    const { push, counts } = collector()
    push(input)
    expect(counts.malformed).toBe(1)
  })
})

describe('any exporter', () => {
  it('has its numbers back, whatever template it chose', () => {
    const fields = fc.uniqueArray(fc.constantFrom(1, 2, 4, 7, 11, 32), { minLength: 1 }).chain((ids) =>
      fc.tuple(
        ...ids.map((id) => {
          const max = id === 4 ? 1 : id < 4 ? 8 : 2
          return fc.integer({ min: 1, max }).chain((length) =>
            fc.record({
              id: fc.constant(id),
              length: fc.constant(length),
              value: fc.bigInt(0n, 256n ** BigInt(length) - 1n),
              isVariable: fc.boolean(),
            }),
          )
        }),
      ),
    )
    const names = {
      1: 'bytes',
      2: 'packets',
      4: 'ipProtocol',
      7: 'sourcePort',
      11: 'destinationPort',
      32: 'icmpTypeCode',
    }
    fc.assert(
      fc.property(fields, (of) => {
        const { push, records } = collector()
        const told = template(
          999,
          ...of.map(({ id, length, isVariable }) => [id, isVariable ? 0xffff : length] as const),
        )
        const flow = of.map(({ length, value, isVariable }) =>
          bytes(isVariable ? [length] : [], be64(value).slice(8 - length)),
        )
        push(ipfix(set(2, told), set(999, bytes(...flow))))
        for (const { id, value } of of) {
          const field = names[id as keyof typeof names] as keyof FlowRecord
          expect(records[0]?.[field]).toBe(id < 4 ? value : Number(value))
        }
      }),
      { seed: 41, numRuns: 200 },
    )
  })

  it('may send any bytes: nothing is thrown, nothing grows past its bound', () => {
    const seeds = [
      netflow5,
      ipfix(set(2, template(256, [8, 4], [82, 0xffff], [9, 2, 5])), set(256, new Uint8Array(40).fill(1))),
      ipfix(
        set(
          3,
          [...be16(400), ...be16(2), ...be16(1)],
          specifiers([
            [149, 4],
            [160, 8],
          ]),
        ),
        set(400, new Uint8Array(12)),
      ),
      netflow9(set(0, template(256, [8, 4], [2, 4])), set(256, new Uint8Array(16)), set(1, new Uint8Array(12))),
      bytes(be32(5), be32(1), new Uint8Array(16), be32(1), be32(1), be32(60), new Uint8Array(60).fill(1)),
    ]
    const { push, counts } = collector({ maxDomains: 8, maxTemplates: 4 })
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc
        .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat(4))
        .map(([seed, changes, cut]) => {
          const input = seed.slice(0, seed.length - cut)
          for (const [at, value] of changes) input[at % input.length] = value
          return input
        }),
    )
    let sent = 0
    fc.assert(
      fc.property(inputs, (input) => {
        const before = counts.records
        push(input)
        sent++
        expect(counts.records - before).toBeLessThanOrEqual(input.length)
      }),
      { seed: 42, numRuns: 5000 },
    )
    expect(counts.datagrams).toBe(sent)
    expect(
      Math.min(counts.records, counts.malformed, counts.malformedTemplates, counts.unknownVersion),
    ).toBeGreaterThan(0)
  })
})
