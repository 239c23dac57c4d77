import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  be32,
  block,
  bytes,
  describeInterface,
  enhanced,
  ethernet,
  ip4,
  pcap,
  section,
  tcp,
  udp,
} from '../../test/wire.ts'
import { decodeFrame } from './decode.ts'
import type { CaptureCounts } from './frame.ts'
import { newPacket, SKIP_REASONS } from './packet.ts'
import { type CaptureOptions, captureReader } from './reader.ts'

interface Seen {
  frame: number[]
  wireBytes: number
  timeUs: number
  linkType: number
}

function readAll(chunks: readonly Uint8Array[], options?: CaptureOptions): { seen: Seen[]; counts: CaptureCounts } {
  const seen: Seen[] = []
  const reader = captureReader(({ data, start, end, wireBytes, timeUs, linkType }) => {
    seen.push({ frame: [...data.subarray(start, end)], wireBytes, timeUs, linkType })
  }, options)
  for (const chunk of chunks) reader.push(chunk)
  return { seen, counts: reader.end() }
}

const FRAME = ethernet(ip4(tcp()))

describe('pcap', () => {
  it.each([
    [true, false, 1_000_002.5e6],
    [false, false, 1_000_002.5e6],
    [true, true, 1_000_002.0005e6],
    [false, true, 1_000_002.0005e6],
  ])('reads records, little-endian %s, nanoseconds %s', (isLittle, isNano, timeUs) => {
    const file = pcap([{ frame: FRAME, seconds: 1_000_002, fraction: 500_000, wireBytes: 1500 }], { isLittle, isNano })
    const { seen, counts } = readAll([file])
    expect(seen).toEqual([{ frame: [...FRAME], wireBytes: 1500, timeUs, linkType: 1 }])
    expect(counts).toMatchObject({ frames: 1, trailingBytes: 0 })
  })

  it('keeps checksum bits out of the link type', () => {
    const file = pcap([{ frame: FRAME }])
    file[23] = 0x24
    expect(readAll([file]).seen[0]?.linkType).toBe(1)
  })

  it('skips a record over the cap by its length, over chunks, and reads the next one', () => {
    const file = pcap([{ frame: new Uint8Array(5000) }, { frame: FRAME }])
    const chunks = Array.from({ length: Math.ceil(file.length / 100) }, (_, i) => file.subarray(i * 100, i * 100 + 100))
    const { seen, counts } = readAll(chunks, { maxFrameBytes: 1000 })
    expect(seen.map(({ frame }) => frame.length)).toEqual([FRAME.length])
    expect(counts).toMatchObject({ oversized: 1, frames: 1, trailingBytes: 0 })
  })

  it('counts what is left of a record that was cut off', () => {
    expect(readAll([pcap([{ frame: FRAME }]).subarray(0, -1)]).counts).toMatchObject({
      frames: 0,
      trailingBytes: 16 + FRAME.length - 1,
    })
  })

  it.each([[bytes(1, 2, 3, 4)], [bytes(0xa1, 0xb2)], [new Uint8Array(0)]])('refuses what is no capture', (input) => {
    expect(() => readAll([input])).toThrow(expect.objectContaining({ code: 'DOCUMENT_MALFORMED' }))
  })
})

describe('pcapng', () => {
  const clock = (resolution: number, offset: number[] = []) => [
    ...[9, 0, 1, 0, resolution, 0, 0, 0],
    ...(offset.length === 0 ? [] : [14, 0, 8, 0, ...offset]),
    ...[0, 0, 0, 0],
  ]

  it('reads sections of both byte orders with interfaces of their own', () => {
    const file = bytes(
      section(true),
      describeInterface(1),
      describeInterface(101),
      enhanced(FRAME, { on: 1, high: 1, low: 7, wireBytes: 900 }),
      section(false),
      describeInterface(113, { isLittle: false }),
      enhanced(FRAME, { isLittle: false, low: 9 }),
      enhanced(FRAME, { isLittle: false, on: 1 }),
    )
    expect(readAll([file]).seen).toEqual([
      { frame: [...FRAME], wireBytes: 900, timeUs: 2 ** 32 + 7, linkType: 101 },
      { frame: [...FRAME], wireBytes: FRAME.length, timeUs: 9, linkType: 113 },
      { frame: [...FRAME], wireBytes: FRAME.length, timeUs: Number.NaN, linkType: -1 },
    ])
  })

  it.each([
    ['10^-9 s', clock(9), 4e9, 4e6],
    ['2^-10 s', clock(0x8a), 2048, 2e6],
    ['10^-6 s, offset -1 s', clock(6, new Array(8).fill(255)), 3e6, 2e6],
    ['finer than a number', clock(19), 1, Number.NaN],
  ])('counts time in %s', (_, options, low, timeUs) => {
    const file = bytes(section(), describeInterface(1, { options }), enhanced(FRAME, { low }))
    expect(readAll([file]).seen[0]?.timeUs).toEqual(timeUs)
  })

  it('cuts a simple packet at the snap length and gives it no time', () => {
    const file = bytes(
      section(),
      describeInterface(1, { snapLength: 60 }),
      block(3, bytes(be32(1500).toReversed(), new Uint8Array(60).fill(7))),
    )
    expect(readAll([file]).seen).toEqual([
      { frame: new Array(60).fill(7), wireBytes: 1500, timeUs: Number.NaN, linkType: 1 },
    ])
  })

  it('counts blocks of other kinds, and blocks whose lengths contradict each other', () => {
    const unequal = block(5, new Uint8Array(8))
    unequal[unequal.length - 4]! ^= 8
    const file = bytes(
      section(),
      describeInterface(1),
      block(5, new Uint8Array(8)),
      unequal,
      enhanced(FRAME, { captured: FRAME.length + 4 }),
      block(6, new Uint8Array(4)),
      block(3, new Uint8Array(0)),
      block(1, new Uint8Array(4)),
      enhanced(FRAME),
    )
    expect(readAll([file]).counts).toMatchObject({ frames: 1, otherBlocks: 1, malformed: 5, lost: 0 })
  })

  it.each([0, 8, 14])('stops where a block says it has %i bytes', (length) => {
    const broken = block(5, new Uint8Array(8))
    broken[4] = length
    const { counts } = readAll([bytes(section(), broken, section(), describeInterface(1), enhanced(FRAME))])
    expect(counts).toMatchObject({ frames: 0, lost: 1 })
  })

  it('takes no more than 1024 interfaces', () => {
    const file = bytes(section(), ...Array.from({ length: 1025 }, () => describeInterface(1)))
    expect(readAll([file]).counts.malformed).toBe(1)
  })
})

describe('any capture', () => {
  const frames = fc.array(
    fc.record({ frame: fc.uint8Array({ maxLength: 80 }), seconds: fc.nat(2 ** 31 - 1), fraction: fc.nat(999_999) }),
    { maxLength: 8 },
  )
  const files = fc.oneof(
    fc.tuple(frames, fc.boolean(), fc.boolean()).map(([of, isLittle, isNano]) => pcap(of, { isLittle, isNano })),
    frames.map((of) => bytes(section(), describeInterface(1), ...of.map(({ frame }) => enhanced(frame)))),
  )

  it('gives the same frames however it is cut into chunks', () => {
    fc.assert(
      fc.property(files, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (file, sizes) => {
        const chunks: Uint8Array[] = []
        for (let at = 0, i = 0; at < file.length; i++) {
          const size = sizes[i % sizes.length]!
          chunks.push(file.subarray(at, at + size))
          at += size
        }
        expect(readAll(chunks)).toEqual(readAll([file]))
      }),
      { seed: 11, numRuns: 150 },
    )
  })

  it('is read to an outcome whatever its bytes are, and every frame decodes or has a reason', () => {
    const seeds = [
      pcap([{ frame: FRAME }, { frame: ethernet(ip4(udp(20), { protocol: 17 }), 0x0800, [0x8100, 0x88a8]) }]),
      bytes(section(), describeInterface(1), enhanced(FRAME), enhanced(ethernet(ip4(tcp({ options: [1, 1, 1, 0] }))))),
    ]
    const packet = newPacket()
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 64 }),
        (seed, changes, size) => {
          const file = seed.slice()
          for (const [at, value] of changes) file[4 + (at % (file.length - 4))] = value
          const reader = captureReader((frame) => {
            const reason = decodeFrame(frame, packet)
            if (reason !== undefined) expect(SKIP_REASONS).toContain(reason)
            else expect(packet.payloadBytes).toBeGreaterThanOrEqual(0)
          })
          for (let at = 0; at < file.length; at += size) reader.push(file.subarray(at, at + size))
          const counts = reader.end()
          expect(Object.values(counts).every((count) => Number.isInteger(count) && count >= 0)).toBe(true)
        },
      ),
      { seed: 12, numRuns: 1500 },
    )
  })
})
